"""A scenario for somebody's own model and faces, written from what their files say.

``mint-study init`` calls :func:`write_scenario`, and asks what cannot be read off the files.
"""

import re
from pathlib import Path

import torch

from mint_utils import locations
from mint_utils.audited.adaface import BLOCKS as ADAFACE_BLOCKS
from mint_utils.audited.insightface import BLOCKS as INSIGHTFACE_BLOCKS
from mint_utils.audited.weights import read_tensors
from mint_utils.scenario.block import NAME
from mint_utils.scenario_file import ScenarioError, load_scenario
from mint_utils.sources.files import IMAGE_ENDINGS

DEEPEST = 3  # levels of folders above the images
PREPROCESS = "{size: 112, colour: RGB, mean: 127.5, scale: 127.5}"
PAGE = """# Of the model {model_name} and the faces in {members_name}.
# What `question` and `attested_by` say stands in every report, also in one that hides names.
question: Was this model trained on the faces that are called members here?
assignment: observed         # somebody else trained the model and says on whom
attested_by: {attested_by}
faces:
  - {{role: member, group: members, {members}}}
  - {{role: external, group: externals, {externals}}}
# With real differences between the two folders (camera, size, style) no audit can tell membership:
# externals that came about just as the members did are the cure. `mint-study check` compares them.
roles: {{max_images: 20}}      # a person
audited_model:
{model}
detectors: {{methods: [vanilla, cnn, calibrated], seeds: 3, samples: 100000}}
rivals: [embedding_norm, augmentation_consistency]
controls: {controls}
report: {{faces: shown}}  # hidden: no face, name or file name in the report, to hand it over
albums: [2, 4, 8]            # photos of one person that are audited together
tiny: {{roles.max_images: 4, detectors.seeds: 1, detectors.epochs: 5, detectors.methods: [vanilla]}}
"""


def described_faces(path: Path) -> dict[str, object]:
    """The block of a scenario for a folder or table of faces, without its role.

    Raises ScenarioError if it is none of the formats that are known.
    """
    path = path.expanduser().resolve()
    if not path.exists():
        raise ScenarioError(f"there is nothing at {path}: name a folder of faces, or a table")
    if path.suffix in (".csv", ".parquet"):
        return {"kind": "manifest", "path": _named(path)}
    if (path / "train.rec").is_file() and (path / "train.idx").is_file():
        return {"kind": "recordio", "path": _named(path)}
    if list(path.glob("fold_*_data.txt")):
        return {"kind": "adience", "path": _named(path)}
    for depth in range(1, DEEPEST + 1):
        images = path.glob("/".join("*" * (depth + 1)))
        if any(file.suffix.lower() in IMAGE_ENDINGS for file in images):
            return {"kind": "folders", "path": _named(path)} | (
                {"depth": depth} if depth > 1 else {}
            )
    raise ScenarioError(
        f"{path} is no set of faces that is known: expected one folder a person with images in it, "
        "train.rec and train.idx, Adience's fold_*_data.txt, or a .csv or .parquet table with "
        "`path` and `identity`"
    )


def described_model(model: str) -> dict[str, object]:
    """The block of a scenario for a model: a file of weights, a program, or ``file.py:function``.

    Raises ScenarioError, naming the choices, if the file does not say what it is.
    """
    code, _, function = model.rpartition(":")
    if code and function.isidentifier():
        module = f"{_named(Path(code))}:{function}" if code.endswith(".py") else model
        return {"family": "own", "module": module}
    file = Path(model).expanduser().resolve()
    if not file.is_file():
        raise ScenarioError(
            f"no model at {file}: name a file of weights, an .onnx file, a program (.pt2, .ts), or "
            "path/to/code.py:function"
        )
    if file.suffix == ".onnx":
        return {"family": "onnx", "file": _named(file)}
    if file.suffix in (".pt2", ".ts"):
        return {"family": "own", "file": _named(file)}
    return _by_its_tensors(read_tensors(file)) | {"weights": _named(file)}


def _by_its_tensors(tensors: dict[str, torch.Tensor]) -> dict[str, object]:
    names = " ".join(tensors)
    if "conv2d_1a.conv.weight" in names:
        return {"family": "facenet"}
    if "conv_23." in names and "GDC_dw" in names:
        return {"family": "mobilefacenet"}
    if "input_layer.0.weight" in names:
        blocks = _count(tensors, "body.")
        depths = {sum(some): depth for depth, some in ADAFACE_BLOCKS.items()}
        return {"family": "adaface", "depth": _depth(depths, blocks)}
    if "layer1.0.prelu.weight" in names:
        blocks = sum(_count(tensors, f"layer{stage}.") for stage in range(1, 5))
        depths = {sum(some): depth for depth, some in INSIGHTFACE_BLOCKS.items()}
        return {"family": "insightface", "depth": _depth(depths, blocks)}
    first = ", ".join(list(tensors)[:3])
    raise ScenarioError(
        "these weights are of none of the architectures that are known (insightface, adaface, "
        "facenet, mobilefacenet): name a function that builds the module, --model "
        f"code.py:function, and say `weights` in the scenario. The first tensors are {first}"
    )


def _count(tensors: dict, stage: str) -> int:
    """Blocks of a stage: the different numbers that stand behind its name."""
    return len({key.split(stage, 1)[1].split(".")[0] for key in tensors if stage in key})


def _depth(depths: dict[int, int], blocks: int) -> int:
    if blocks not in depths:
        raise ScenarioError(
            f"{blocks} blocks are of no depth that is known: {sorted(depths.values())}"
        )
    return depths[blocks]


def write_scenario(
    name: str, members: Path, externals: Path, model: str, attested_by: str, align: bool
) -> Path:
    """Write notebooks/scenarios/NAME.yml, or the file that ``name`` is, if it ends so; returns it.

    Raises ScenarioError for a name that is taken or cannot be a file's, and for files that do not
    say what they are; nothing is written then.
    """
    file = _new_file(name)
    block = described_model(model)
    sides = [
        described_faces(path) | ({"align": True} if align else {}) for path in (members, externals)
    ]
    lines = [f"  {key}: {_yaml(value)}" for key, value in block.items()]
    if block["family"] in ("onnx", "own"):
        lines += [f"  preprocess: {PREPROCESS}   # what the model expects; check tries others"]
    if block["family"] == "onnx":
        lines += ["  taps: []                 # names of nodes, as Netron shows them: fill in"]
    fixed = block["family"] == "onnx" or "file" in block
    text = PAGE.format(
        model_name=_in_a_comment(Path(model).name), members_name=_in_a_comment(members.name),
        attested_by=_yaml(attested_by), model="\n".join(lines),
        members=_flow(sides[0]), externals=_flow(sides[1]),
        controls="[pixels]" if fixed else "[untrained_twin, pixels]",
    )  # fmt: skip
    file.write_text(text)
    try:
        if "taps: []" not in text:
            load_scenario(str(file))
    except ScenarioError:
        file.unlink()
        raise
    return file


def _in_a_comment(name: str) -> str:
    """A name of any characters as a part of one line."""
    return ascii(name)


def _new_file(name: str) -> Path:
    elsewhere = name.endswith((".yml", ".yaml"))
    file = Path(name).expanduser().resolve() if elsewhere else locations.SCENARIOS / f"{name}.yml"
    stem = file.stem if elsewhere else name
    if not re.fullmatch(NAME, stem):
        raise ScenarioError(
            f"{stem!r} cannot be a scenario's name: letters, digits, '.', '_', '-' make one, as in "
            "`mint-study init our_faces`"
        )
    if file.exists():
        raise ScenarioError(f"{file} is there already: choose another name, or remove it first")
    if not file.parent.is_dir():
        raise ScenarioError(f"there is no folder {file.parent} to write {file.name} into: make it")
    return file


def _named(path: Path) -> str:
    """Relative to the data folder that holds it, or absolute."""
    path = path.expanduser().resolve()
    for folder in locations.data_folders():
        if path.is_relative_to(folder.resolve()):
            return str(path.relative_to(folder.resolve()))
    return str(path)


def _yaml(value: object) -> str:
    """One value as YAML, quoted where it has to be."""
    if isinstance(value, str):
        plain = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{plain}"'
    return str(value)


def _flow(block: dict[str, object]) -> str:
    values = {key: str(v).lower() if isinstance(v, bool) else _yaml(v) for key, v in block.items()}
    return ", ".join(f"{key}: {value}" for key, value in values.items())
