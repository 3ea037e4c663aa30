"""Bring your own: a function that returns a torch module, or a program that torch saved.

    def model():                       # my_model.py:model, or package.module:model
        return MyNetwork(width=512)    # (B, 3, H, W) -> (B, d)

Unlike weights, a function and a program are run: use only what you trust. A program is run by
torch, which gives it tensors and nothing else of this machine; pickles inside it are not read.
"""

import hashlib
import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from mint_utils import locations
from mint_utils.audited.model import AuditedModel, Preprocess, tried
from mint_utils.audited.weights import fill, find_weights, read_head, read_tensors, stripped
from mint_utils.choices import not_a_choice
from mint_utils.faces import FaceSet
from mint_utils.scenario import OwnModel

WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # PyTorch's own switch
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
    return replace(model, head=read_head(spec.head, tried(model)))


def _made(reference: str, seed: int) -> tuple[nn.Module, str]:
    """The module that a function returns, and the SHA-256 of its file with its name."""
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
    file = getattr(code, "__file__", None)
    return module, _sha256(Path(file), name) if file else ""


def _code(where: str) -> ModuleType:
    """The Python module, by name or by the path of its file under data/raw or MINT_DATA."""
    file = locations.find(where, f"code {where!r}") if where.endswith(".py") else None
    try:
        return _executed(file) if file else importlib.import_module(where)
    except ModuleNotFoundError as error:
        other = "" if file else ", or name its file: path/to/file.py:function"
        raise ValueError(
            f"module: {where} cannot be imported ({error}). Install the package in this "
            f"environment{other}"
        ) from error
    except Exception as error:  # whatever somebody's code may raise
        raise ValueError(f"module: {where} raised {type(error).__name__}: {error}") from error


def _executed(file: Path) -> ModuleType:
    """The file's module, known to Python as dataclasses need it, by a name that no package has."""
    spec = importlib.util.spec_from_file_location(f"mint_own_{file.stem}", file)
    code = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = code
    spec.loader.exec_module(code)
    return code


def _saved(name: str) -> tuple[nn.Module, str]:
    """A program of torch.export, with the submodules it was made of, or of TorchScript."""
    file = locations.find(name, f"program {name!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is going out is not our user's doing
            if file.suffix == ".pt2":
                with no_pickles():
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


@contextmanager
def no_pickles() -> Iterator[None]:
    """Whatever torch loads inside, it loads with ``weights_only``.

    torch.export.load asks for the contrary, and so would run the code in a malicious .pt2 file.
    """
    before = os.environ.get(WEIGHTS_ONLY)
    os.environ[WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        os.environ.pop(WEIGHTS_ONLY)
        if before is not None:
            os.environ[WEIGHTS_ONLY] = before


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
        raise ValueError(f"taps is missing; choices: {', '.join(known) or 'none'}")
    return spec.taps


def _sha256(file: Path, name: str = "") -> str:
    return hashlib.sha256(file.read_bytes() + name.encode()).hexdigest()
