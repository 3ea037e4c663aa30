"""Bring your own: a function that returns a torch module, or a program that torch saved.

    def model():                       # my_model.py:model, or package.module:model
        return MyNetwork(width=512)    # (B, 3, H, W) -> (B, d)

Unlike weights, a function and a program are run: use only what you trust.
"""

import hashlib
import importlib
import importlib.util
import warnings
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import nn

from mint_utils import locations
from mint_utils.activations.record import pooled, record
from mint_utils.audited.model import AuditedModel, Preprocess
from mint_utils.audited.weights import fill, find_weights, read_head, read_tensors, stripped
from mint_utils.choices import not_a_choice
from mint_utils.faces import FaceSet
from mint_utils.scenario import OwnModel

OUTPUT = "output"  # what is tapped of a program whose layers cannot be


class Script(nn.Module):
    """A TorchScript program; hooks see its output only, as what goes through ``output``."""

    def __init__(self, program: torch.jit.ScriptModule):
        super().__init__()
        self.program = program
        self.output = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.program(x))


def open_own(spec: OwnModel, faces: FaceSet, seed: int) -> AuditedModel:
    """The module with the preprocessing, taps and outcome that the scenario says.

    Blank images go through it once, so that what cannot be audited is refused here: ValueError
    with what to change, FileNotFoundError if a file is not here.
    """
    module, program = _made(spec.module, seed) if spec.module else _saved(spec.file)
    if spec.weights:
        file, own = find_weights(spec.weights), module.state_dict()
        tensors = stripped(read_tensors(file), next(iter(own), ""))
        fill(module, tensors, file.name, type(module).__name__)
    if isinstance(module, torch.jit.ScriptModule):
        module = Script(module)
    model = AuditedModel(
        name=f"own {Path(spec.file).stem if spec.file else spec.module}",
        module=module,
        preprocess=Preprocess(**spec.preprocess.model_dump()),
        taps=_taps(spec, module),
        outcome=spec.outcome,
        notes={"weights": spec.file or spec.weights or "as the function makes them"},
        program=program,
    )
    return replace(model, head=read_head(spec.head, _tried(model)))


def _made(reference: str, seed: int) -> tuple[nn.Module, str]:
    """The module that a function returns, and the SHA-256 of the file that defines it."""
    where, _, name = reference.rpartition(":")
    code = _code(where)
    factory = getattr(code, name, None)
    if not callable(factory):
        known = [key for key, value in vars(code).items() if callable(value) and key[0] != "_"]
        raise ValueError(not_a_choice(f"function of {where}", name, known))
    torch.manual_seed(seed)  # where it draws weights, it draws the same ones when reopened
    try:
        module = factory()
    except Exception as error:  # whatever somebody's function may raise
        raise ValueError(f"{reference} raised {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"{reference} returned a value of type {type(module).__name__}, and a torch.nn.Module "
            "is wanted: (B, 3, H, W) -> (B, d)"
        )
    return module, _sha256(Path(code.__file__)) if getattr(code, "__file__", None) else ""


def _code(where: str) -> ModuleType:
    """The Python module, by name or by the path of its file under data/raw or MINT_DATA."""
    try:
        if not where.endswith(".py"):
            return importlib.import_module(where)
        file = locations.find(where, f"code {where!r}")
        spec = importlib.util.spec_from_file_location(file.stem, file)
        code = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(code)
        return code
    except ModuleNotFoundError as error:
        raise ValueError(
            f"audited_model.module: {where} cannot be imported ({error}). Install the package in "
            "this environment, or name its file: path/to/file.py:function"
        ) from error
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever somebody's code may raise
        told = f"{type(error).__name__}: {error}"
        raise ValueError(f"audited_model.module: {where} raised {told}") from error


def _saved(name: str) -> tuple[nn.Module, str]:
    """A program of torch.export, with the submodules it was made of, or of TorchScript."""
    file = locations.find(name, f"program {name!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is going out is not our user's doing
            if file.suffix == ".pt2":
                module = torch.export.unflatten(torch.export.load(file))
            else:
                module = torch.jit.load(file, map_location="cpu")
    except Exception as error:  # neither loader says what it may raise
        kind = "torch.export.save" if file.suffix == ".pt2" else "torch.jit.save"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(
            f"{file} is not a program that {kind} wrote ({reason}). A file that holds weights only "
            "goes into `weights`, beside a `module` that makes the network"
        ) from error
    return module, _sha256(file)


def _taps(spec: OwnModel, module: nn.Module) -> tuple[str, ...]:
    if isinstance(module, Script):
        if set(spec.taps or ()) - {OUTPUT} or spec.outcome:
            raise ValueError(
                "TorchScript hides its layers: leave out `taps` and `outcome`, and only its output "
                "is looked at. Saved with torch.export (.pt2) its layers can be tapped"
            )
        return (OUTPUT,)
    if spec.taps is None:
        known = [name for name, _ in module.named_modules() if name and name.count(".") < 2]
        raise ValueError(f"audited_model.taps is missing; choices: {', '.join(known) or 'none'}")
    return spec.taps


def _tried(model: AuditedModel) -> int:
    """The length of the embedding. ValueError, saying why, if blank images do not give one."""
    size, inside = model.preprocess.size, [tap for tap in (*model.taps, model.outcome) if tap]
    for count in (3, 2):  # a program may have been saved for one number of images
        blank = model.preprocess(np.zeros((count, size, size, 3), np.uint8))
        try:
            with torch.inference_mode(), record(model.module, inside) as seen:
                seen[""] = model.module(blank)
        except Exception as error:  # whatever somebody's module may raise
            raise ValueError(
                f"{model.name} fails on {count} blank images of {size} x {size}: {error}. Is "
                "preprocess.size right, and does it take any number of images?"
            ) from error
        idle = [tap for tap in inside if tap not in seen]
        if idle:
            raise ValueError(f"{model.name} does not run {', '.join(idle)}: tap another layer")
        outcome = seen[model.outcome]
        if not isinstance(outcome, torch.Tensor):
            raise ValueError(
                f"{model.name} puts out a {type(outcome).__name__}: name the submodule that puts "
                "out the embedding with audited_model.outcome"
            )
        if outcome.ndim < 2 or len(outcome) != count:
            shape = tuple(outcome.shape)
            raise ValueError(f"{model.name} puts out {shape} for {count} images, wanted (B, d)")
    return pooled(outcome).shape[1]


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
