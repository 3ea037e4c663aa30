"""Reading published weights: tensors only, no code, and a plain word where they do not fit.

A pickle can run any code while it is read, and most published weights are pickles. So a file is
read by safetensors, or by torch.load with ``weights_only=True``, or not at all.
"""

import pickle
import re
import shlex
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from mint_utils import locations

# Where checkpoints keep the backbone's state dict, and what training scripts put before its keys.
STATE_KEYS = ("state_dict", "state_dict_backbone", "model_state_dict", "backbone", "model", "net")
HEAD_KEYS = ("state_dict_softmax_fc", *STATE_KEYS)
PREFIXES = ("module.", "model.", "backbone.")
# A Lightning checkpoint has objects of these beside the weights; inert stand-ins take their place.
BOOKKEEPING = ("pytorch_lightning.", "lightning.", "lightning_fabric.", "argparse.Namespace")
NEEDS_CODE = (
    "{name} is a pickle that needs {what} to be read, and such a pickle can run any code on this "
    "machine: refused, nothing of it was run. If you trust where it comes from, convert it once, "
    "where that code is installed, and name the new file instead:\n"
    '  python -c "import sys, torch; from safetensors.torch import save_file; '
    "s = torch.load(sys.argv[1], map_location='cpu', weights_only=False); "
    "s = next((s[k] for k in {keys} if isinstance(s, dict) and k in s), s); "
    "s = s.state_dict() if hasattr(s, 'state_dict') else s; "
    "s = {{k: v.clone().contiguous() for k, v in s.items() if torch.is_tensor(v)}}; "
    'save_file(s, sys.argv[2])" {file} {new}'
)


def find_weights(weights: str) -> Path:
    """The file under data/raw or MINT_DATA. FileNotFoundError that says where it looked."""
    return locations.find(weights, f"weights {weights!r}")


def read_tensors(file: Path, inside: Iterable[str] = STATE_KEYS) -> dict[str, torch.Tensor]:
    """Name -> tensor on the CPU, as float32 where they are floats, of a file or of a checkpoint.

    ``inside`` are the keys under which a checkpoint may keep them.
    Raises ValueError, saying what to do, for a file that holds no tensors or would run code.
    """
    found = _safetensors(file) if file.suffix == ".safetensors" else _torch_file(file)
    for key in inside:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
            break
    if isinstance(found, torch.Tensor):
        found = {"weight": found}  # class centres are published so
    if not isinstance(found, Mapping):
        raise ValueError(f"{file.name} holds a {type(found).__name__}, not named tensors")
    tensors = {str(k): v.detach() for k, v in found.items() if isinstance(v, torch.Tensor)}
    if not tensors:
        known = ", ".join(map(str, list(found)[:8]))
        raise ValueError(f"{file.name} holds no tensors; its keys are {known or 'none'}")
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}


def _safetensors(file: Path) -> dict:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{file} is not a .safetensors file that can be read: {error}") from error


def _torch_file(file: Path) -> object:
    try:
        with _stand_ins(file):
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        needed = re.search(r"GLOBAL (\S+)|(?:class|global|function) ([\w.]+\.\w+)", str(error))
        if needed is None:  # half a file, or none of torch.save's
            raise ValueError(f"{file} is no file of weights that torch.save wrote") from None
        what = needed.group(1) or needed.group(2)
        raise ValueError(_refusal(file, what)) from None
    except Exception as error:  # half a file may raise anything
        raise ValueError(f"{file} is no file of weights that can be read: {error}") from error


def _refusal(file: Path, what: str) -> str:
    """Quoted for the shell: a file that came from elsewhere may be called anything."""
    new = file.with_suffix(".safetensors")
    paths = {"file": shlex.quote(str(file)), "new": shlex.quote(str(new))}
    return NEEDS_CODE.format(name=file.name, what=what, keys=STATE_KEYS, **paths)


class _Mapping:
    """Stands in for a kind of dict: making one gives a plain dict."""

    def __new__(cls, *_):
        return {}


class _Inert:
    """Stands in for anything else, whatever it is made of."""

    def __new__(cls, *_):
        return super().__new__(cls)


@contextmanager
def _stand_ins(file: Path):
    """Let BOOKKEEPING be read as objects that hold what they are given and do nothing."""
    try:
        asked = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception:  # an old or a broken file: torch.load says so itself
        asked = []
    names = [name.rpartition(".") for name in asked if name.startswith(BOOKKEEPING)]
    inert = [
        type(name, (_Mapping if name.endswith("Dict") else _Inert,), {"__module__": module})
        for module, _, name in names
    ]
    with torch.serialization.safe_globals(inert):
        yield


def stripped(tensors: dict[str, torch.Tensor], expected: str) -> dict[str, torch.Tensor]:
    """Without the PREFIXES that stand before ``expected``, a key that the architecture has.

    Tensors without that prefix belong to something else, such as the head, and are left out.
    """
    for _ in PREFIXES:  # several may be nested
        prefix = next((p for p in PREFIXES if any(k.startswith(p) for k in tensors)), None)
        if expected in tensors or prefix is None:
            break
        tensors = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    return tensors


def fill(module: nn.Module, tensors: Mapping[str, torch.Tensor], name: str, kind: str) -> None:
    """Load ``tensors`` of the file ``name`` into ``module``, an architecture called ``kind``.

    Every tensor must have its place and every place its tensor, but for batch norm's counters.
    Raises ValueError naming the first key that differs, with both shapes, or the keys too few and
    too many.
    """
    own = module.state_dict()
    for key in own.keys() & tensors.keys():
        own[key] = tensors[key]
    for key, tensor in module.state_dict().items():
        if own[key].shape != tensor.shape:
            shapes = f"{tuple(own[key].shape)}, expected {tuple(tensor.shape)}"
            raise ValueError(f"{name}: {key} has shape {shapes}; not {_a(kind)} file")
    missing = [key for key in own if key not in tensors and not _counter(key)]
    if missing:
        raise ValueError(f"{name}: no tensor {_named(missing)}; not {_a(kind)} file")
    unexpected = [key for key in tensors if key not in own and not _counter(key)]
    if unexpected:
        raise ValueError(f"{name}: {_a(kind)} has no place for {_named(unexpected)}")
    module.load_state_dict(own)


def read_head(head: str | None, width: int) -> torch.Tensor | None:
    """The class centres (classes, width), float32, in a file under data/raw or MINT_DATA.

    Raises ValueError unless exactly one matrix of the file has rows as long as the embedding.
    """
    if head is None:
        return None
    file = locations.find(head, f"class centres {head!r}")
    tensors = read_tensors(file, HEAD_KEYS)
    fitting = [key for key, t in tensors.items() if t.ndim == 2 and t.shape[1] == width]
    if len(fitting) != 1:
        shapes = ", ".join(f"{key} {tuple(t.shape)}" for key, t in list(tensors.items())[:8])
        raise ValueError(
            f"{file.name}: one matrix (classes, {width}) is wanted, as the embedding has {width} "
            f"numbers; found {len(fitting)} among {shapes}"
        )
    return tensors[fitting[0]]


def _counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def _named(keys: list[str]) -> str:
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(map(repr, keys[:3])) + more
