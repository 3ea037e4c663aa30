"""A scenario: one YAML file that says which faces, which audited model, which methods.

Everything a scenario may contain is in this file. A key that is not here is an error that names
the nearest one, because a typo that passes silently audits something else than was asked.
"""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from mint_utils.choices import not_a_choice

Role = Literal["member", "held_out", "external"]
Rival = Literal[
    "embedding_norm", "flip_consistency", "augmentation_consistency", "batch_norm_distance",
    "head_max", "head_margin", "head_entropy", "head_views", "head_named",
    "lira_norm", "lira_consistency", "rmia_norm", "rmia_consistency",
]  # fmt: skip
Control = Literal["untrained_twin", "reference_twin", "pixels"]
Method = Literal["vanilla", "cnn", "calibrated"]
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # becomes part of file names


def _each_once(values: tuple) -> tuple:
    if len(set(values)) < len(values):
        raise ValueError(f"each may be named once: {', '.join(map(str, values))}")
    return values


Taps = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_each_once)]


class Block(BaseModel):
    """A block of a scenario; refuses unknown keys by naming the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, data):
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    raise ValueError(not_a_choice("key", key, cls.model_fields))
        return data


class FaceSource(Block):
    """What every source of faces can say about the roles of its persons."""

    role: Role | None = None  # observed assignment: the role of this source's images
    held_out_persons: tuple[str, ...] = ()  # persons whose images are held_out instead
    exclude: tuple[str, ...] = ()  # persons left out of this source, such as those in another one
    group: str | None = Field(
        None, pattern=NAME
    )  # name in the `source` column of faces.csv; default: the kind


class SyntheticFaces(FaceSource):
    """Procedural faces of persons who do not exist."""

    kind: Literal["synthetic"]
    persons: int = Field(240, ge=1)
    first: int = Field(0, ge=0)  # number of the first person: 240 are others than those before
    images: int = Field(16, ge=1)  # a person
    size: int = Field(64, ge=16, le=512)  # pixels, square
    look: Literal["studio", "street"] = "studio"  # two visibly different photographic styles


class PhotographFaces(FaceSource):
    """What every source of photographs can say besides."""

    path: str  # under data/raw or a folder of MINT_DATA, or an absolute path
    persons: int | None = Field(None, ge=1)  # as many, drawn by chance; default: all of them
    align: bool = False  # find the face and bring it to ArcFace's 112 x 112; aligned crops stay


class FolderFaces(PhotographFaces):
    """One folder a person: VGGFace2, BUPT, GANDiffFace, your own."""

    kind: Literal["folders"]
    depth: int = Field(1, ge=1, le=3)  # of the person folders; 2 for RACE/PERSON/*.jpg


class LfwFaces(PhotographFaces):
    """Labeled Faces in the Wild; downloaded for a user who is online and has no copy."""

    kind: Literal["lfw"]
    path: str = "lfw"


class RecordioFaces(PhotographFaces):
    """InsightFace's train.rec and train.idx: MS1MV2, MS1MV3, Glint360K, CASIA-WebFace."""

    kind: Literal["recordio"]  # ``path`` is their folder; persons are called 0000123, their class


class AdienceFaces(PhotographFaces):
    """Adience: fold_*_data.txt beside faces/ or aligned/."""

    kind: Literal["adience"]
    path: str = "adience"
    faces: Literal["faces", "aligned"] = "faces"  # which of the two folders of crops


class IjbcFaces(PhotographFaces):
    """IJB-C: NIST's protocols/ and images/, or InsightFace's meta/ and loose_crop/."""

    kind: Literal["ijbc"]
    path: str = "ijbc"
    margin: float = Field(0.3, ge=0, le=2)  # NIST: part of the face box added on every side


class FrgcFaces(PhotographFaces):
    """FRGC 2.0: the photographs that signature sets (XML) list."""

    kind: Literal["frgc"]
    path: str = "frgc"
    signatures: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_each_once)] = (
        "FRGC_Exp_2.0.1_Target.xml",  # anywhere under ``path``
    )


class ManifestFaces(PhotographFaces):
    """A table of your own, CSV or Parquet: path, identity; role, source, image_id if you like."""

    kind: Literal["manifest"]
    role: Role | Literal["column"] | None = None  # ``column``: each row says its own
    source: str | None = None  # only rows with this in the column ``source``


AnySource = Annotated[
    SyntheticFaces
    | FolderFaces
    | LfwFaces
    | RecordioFaces
    | AdienceFaces
    | IjbcFaces
    | FrgcFaces
    | ManifestFaces,
    Field(discriminator="kind"),
]


class Roles(Block):
    """How images get their roles when the assignment is random, and who is left out."""

    member_persons: float = Field(0.5, gt=0, lt=1)  # part of the persons who become members
    held_out_images: float = Field(0.25, ge=0, lt=1)  # part of a person's images not trained on
    min_images: int = Field(1, ge=1)  # persons with fewer are left out
    max_images: int = Field(20, ge=1)  # a person; one LFW person has 530
    exclude: tuple[str, ...] = ()  # persons left out, such as those known on both sides


class TrainedIResNet(Block):
    """A small IResNet (pre-activation IR blocks) that the study trains on the members."""

    family: Literal["iresnet"]
    trained_on: AnySource | None = None  # these faces instead of the scenario's members
    widths: tuple[int, int, int, int] = (32, 64, 128, 256)  # channels of the four stages
    blocks: tuple[int, int, int, int] = (1, 1, 1, 1)  # blocks of the four stages
    embedding: int = Field(128, ge=2)
    input_size: int = Field(64, ge=32)
    loss: Literal["cosface", "arcface"] = "cosface"  # arXiv 1801.09414, arXiv 1801.07698
    epochs: int = Field(30, ge=1)
    batch_size: int = Field(64, ge=2)
    learning_rate: float = Field(0.1, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    flip: bool = True  # random horizontal flips in training
    crop: float = Field(
        0.0, ge=0, le=0.5
    )  # random scale by up to this part, and shift by half of it
    taps: Taps = ("stage1", "stage2", "stage3", "stage4")


class Facenet(Block):
    """facenet-pytorch's InceptionResnetV1 (arXiv 1602.07261) as published."""

    family: Literal["facenet"]
    pretrained: Literal["casia-webface", "vggface2"] = "casia-webface"
    weights: str | None = None  # a .safetensors file under data/raw or MINT_DATA; else downloaded
    standardise: bool = False  # each image by its own mean and deviation (the MS-Celeb weights)
    input_size: int = Field(160, ge=80)
    taps: Taps = ("conv2d_4b", "repeat_1", "repeat_2", "repeat_3", "block8")


class InsightFace(Block):
    """InsightFace's IResNet (arcface_torch) as published: 112 x 112 aligned crops, RGB."""

    family: Literal["insightface"]
    depth: Literal[18, 34, 50, 100, 200] = 50
    weights: str  # backbone.pth or .safetensors, under data/raw or MINT_DATA
    head: str | None = None  # a file with the class centres, where they are known
    taps: Taps = ("layer1", "layer2", "layer3", "layer4")


class AdaFace(Block):
    """AdaFace's IR backbone (arXiv 2204.00964) as published: 112 x 112 aligned crops, BGR."""

    family: Literal["adaface"]
    depth: Literal[18, 34, 50, 101] = 50
    weights: str  # the .ckpt, under data/raw or MINT_DATA; it brings the class centres
    taps: Taps | None = None  # default: the last block of each of the four stages


class MobileFaceNet(Block):
    """MobileFaceNet (arXiv 1804.07573) as published: 112 x 112 aligned crops, RGB."""

    family: Literal["mobilefacenet"]
    weights: str  # a file under data/raw or MINT_DATA
    head: str | None = None  # a file with the class centres, where they are known
    taps: Taps = ("conv2_dw", "conv_3", "conv_4", "conv_5")


Channels = float | tuple[float, float, float]  # the same for all, or in the order of ``colour``
Positive = Annotated[float, Field(gt=0)]


class Preprocessing(Block):
    """What a model of one's own expects: (pixel - mean) / scale of pixels from 0 to 255."""

    size: int = Field(ge=16, le=1024)  # pixels, square
    colour: Literal["RGB", "BGR"] = "RGB"
    mean: Channels = 127.5
    scale: Positive | tuple[Positive, Positive, Positive] = 127.5
    standardise: bool = False  # each image by its own mean and deviation instead


class OnnxFile(Block):
    """A graph in an .onnx file, run by onnxruntime (``pip install mint-study[onnx]``)."""

    family: Literal["onnx"]
    file: str  # under data/raw or MINT_DATA
    preprocess: Preprocessing
    taps: Taps  # names of nodes or of values, as Netron shows them
    outcome: str = ""  # the value that is the embedding; default: the graph's only output
    head: str | None = None  # a file with the class centres, where they are known


class OwnModel(Block):
    """Your own model: a function that returns a torch module, or a program that torch saved.

    Either is run, so use only what you trust.
    """

    family: Literal["own"]
    module: str | None = None  # package.module:function, or path/to/file.py:function
    file: str | None = None  # instead: .pt2 of torch.export, or TorchScript
    weights: str | None = None  # loaded into what ``module`` returns
    preprocess: Preprocessing
    taps: Taps | None = None  # names of submodules; TorchScript has none to tap
    outcome: str = ""  # the submodule that puts out the embedding; default: the module itself
    head: str | None = None  # a file with the class centres, where they are known

    @model_validator(mode="after")
    def _one_way_in(self):
        if (self.module is None) == (self.file is None):
            raise ValueError("name either module (a function that returns one) or file, not both")
        if self.file and self.weights:
            raise ValueError("file brings its weights: remove `weights`, or name a module")
        if self.module and not all(self.module.rpartition(":")):
            raise ValueError("module must be package.module:function or path/to/file.py:function")
        return self


LoadedModel = Facenet | InsightFace | AdaFace | MobileFaceNet | OnnxFile | OwnModel  # not trained
AnyModel = Annotated[TrainedIResNet | LoadedModel, Field(discriminator="family")]


class Halves(Block):
    """Small IResNets trained on random halves of the audit's own persons.

    Two of each pair have all persons between them, so that everybody is unknown to one.
    """

    kind: Literal["halves"]
    pairs: int = Field(2, ge=1)
    epochs: int | None = Field(None, ge=1)  # default: as many as the audited model


class Published(Block):
    """Another published model that saw none of the persons."""

    kind: Literal["published"]
    model: Facenet


References = Annotated[Halves | Published, Field(discriminator="kind")]


class Detectors(Block):
    """The MINT models fitted in notebook 04."""

    methods: Annotated[tuple[Method, ...], AfterValidator(_each_once)] = ("vanilla", "cnn")
    seeds: int = Field(3, ge=1)
    epochs: int = Field(60, ge=1)  # at most; stopped early on persons kept inside fit
    samples: int = Field(100_000, ge=10)  # images whose maps are kept, as in the paper


class Splits(Block):
    """Parts of the persons in fit / calibrate / test. 0, 0, 1: nothing is fitted."""

    fit: float = Field(0.45, ge=0, le=1)
    calibrate: float = Field(0.2, ge=0, le=1)
    test: float = Field(0.35, gt=0, le=1)

    @model_validator(mode="after")
    def _whole(self):
        if abs(self.fit + self.calibrate + self.test - 1) > 1e-9:
            raise ValueError(
                f"fit + calibrate + test = {self.fit + self.calibrate + self.test:g}: must be 1"
            )
        return self


class Scenario(Block):
    """One audit, from faces to verdict."""

    name: str = Field(pattern=NAME)  # the file's stem
    question: str  # what this audit asks, in one sentence
    assignment: Literal["random", "observed"]  # how persons came to be members
    attested_by: str = ""  # who says which persons are members, when the study did not train
    seed: int = Field(0, ge=0)
    faces: tuple[AnySource, ...] = Field(min_length=1)
    roles: Roles = Roles()
    audited_model: AnyModel
    detectors: Detectors = Detectors()
    rivals: Annotated[
        tuple[Rival, ...], AfterValidator(_each_once)
    ] = ()  # where nothing is fitted, a rung's first one is its primary
    controls: Annotated[tuple[Control, ...], AfterValidator(_each_once)] = (
        "untrained_twin",
        "pixels",
    )
    references: References | None = None  # what reference_twin, lira_* and rmia_* look through
    swapped_halves: bool = False  # train a second model on the externals and audit it as well
    albums: Annotated[tuple[Annotated[int, Field(ge=2)], ...], AfterValidator(_each_once)] = (
        2, 4, 8,
    )  # photos of one person that are audited together  # fmt: skip
    splits: Splits = Splits()
    resamples: int = Field(1000, ge=400)  # of persons, for the intervals
    tiny: dict[str, object] = {}  # dotted overrides of the smallest size that shows the same

    @field_validator("controls")
    @classmethod
    def _has_controls(cls, controls):
        if not controls:
            raise ValueError("an audit without controls says nothing: name at least one")
        return controls

    @model_validator(mode="after")
    def _consistent(self):
        roles = [source.role for source in self.faces]
        if self.assignment == "random" and any(roles):
            raise ValueError("assignment is random: the study draws the roles, remove `role`")
        if self.assignment == "random" and any(s.held_out_persons for s in self.faces):
            raise ValueError("assignment is random: held_out_persons is for observed ones")
        if self.assignment == "random" and isinstance(self.audited_model, LoadedModel):
            raise ValueError(
                "assignment is random: chance cannot decide whom a published model was trained "
                "on; say `assignment: observed` and give every source a `role`"
            )
        if self.assignment == "observed" and not all(roles):
            raise ValueError("assignment is observed: every source needs a `role`")
        self._refuse_missing_references()
        self._refuse_unswappable()
        self._refuse_untwinnable()
        if self.detectors.methods and self.splits.fit == 0:
            raise ValueError("detectors.methods needs persons to fit on: splits.fit is 0")
        if not self.detectors.methods and not self.rivals:
            raise ValueError("nothing to score: name detectors.methods or rivals")
        on_pictures = {"vanilla", "cnn"} & set(self.detectors.methods)
        if not on_pictures and "embedding_norm" not in self.rivals:
            raise ValueError(
                "the pixels control has no method: without vanilla or cnn, rivals must name "
                "embedding_norm, the only rival that pictures alone can be asked"
            )
        return self

    def _refuse_missing_references(self):
        needing = [r for r in self.rivals if r.startswith(("lira_", "rmia_"))]
        needing += ["reference_twin"] if "reference_twin" in self.controls else []
        if needing and self.references is None:
            raise ValueError(
                f"{', '.join(needing)} look through reference models: add "
                "`references: {kind: halves}` or a published one"
            )

    def _refuse_unswappable(self):
        trained_here = isinstance(self.audited_model, TrainedIResNet)
        if self.swapped_halves and (
            self.assignment != "random" or not trained_here or self.audited_model.trained_on
        ):
            raise ValueError(
                "swapped_halves needs a model that the study trains on members drawn by chance"
            )

    def _refuse_untwinnable(self):
        model = self.audited_model
        fixed = isinstance(model, OnnxFile) or (isinstance(model, OwnModel) and model.file)
        if fixed and "untrained_twin" in self.controls:
            raise ValueError(
                f"untrained_twin: the weights in {model.file} cannot be drawn anew; say "
                "`controls: [pixels]`, and add reference_twin where there are references"
            )

    @property
    def fingerprint(self) -> str:
        """Hash of everything that can change a result (not of name, question or tiny)."""
        return fingerprint(self.model_dump(mode="json", exclude={"name", "question", "tiny"}))


def fingerprint(content: object) -> str:
    """SHA-256 (hex) of a JSON-able value, independent of key order."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
