"""Which audited model: one block a family, and the models it is compared with."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mint_utils.scenario.block import Block, each_once
from mint_utils.scenario.faces import AnySource

Taps = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(each_once)]


class Privacy(Block):
    """DP-SGD (arXiv 1607.00133): what is promised of each image (not of each person)."""

    epsilon: float = Field(gt=0)  # the smaller, the less an image can betray of itself
    delta: float = Field(1e-5, gt=0, lt=1)  # the probability with which the promise may fail
    clip: float = Field(1.0, gt=0)  # the longest that the gradient of an image may be


class EarlyStopping(Block):
    """Train no longer than photos need that a trial training did not see."""

    kept: float = Field(0.2, gt=0, lt=1)  # part of a person's training photos, in the trial only
    tolerance: float = Field(0.01, ge=0, lt=1)  # part of them by which the best may be missed


class Amint(Block):
    """aMINT (arXiv 2509.07879): a MINT head is trained with the model, on a part of *fit*."""

    weight: float = Field(1.0, ge=0)  # of the head's loss in the model; 0: its gradient stops there


class TrainedIResNet(Block):
    """A small IResNet (pre-activation IR blocks) that the study trains on the members."""

    family: Literal["iresnet"]
    trained_on: AnySource | None = None  # these faces instead of the scenario's members
    widths: tuple[int, int, int, int] = (32, 64, 128, 256)  # channels of the four stages
    blocks: tuple[int, int, int, int] = (1, 1, 1, 1)  # blocks of the four stages
    embedding: int = Field(128, ge=2)
    input_size: int = Field(64, ge=32)
    loss: Literal["softmax", "cosface", "arcface"] = (
        "cosface"  # arXiv 1704.06369, 1801.09414, 1801.07698
    )
    epochs: int = Field(30, ge=1)
    batch_size: int = Field(64, ge=2)
    learning_rate: float = Field(0.1, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    dropout: float = Field(0.0, ge=0, lt=1)  # before the projection to the embedding
    flip: bool = True  # random horizontal flips in training
    crop: float = Field(
        0.0, ge=0, le=0.5
    )  # random scale by up to this part, and shift by half of it
    norm: Literal["batch", "group"] | None = None  # default: batch, but group with privacy
    early_stopping: EarlyStopping | None = None
    privacy: Privacy | None = None  # needs `pip install mint-study[privacy]`
    amint: Amint | None = None
    taps: Taps = ("stage1", "stage2", "stage3", "stage4")

    @model_validator(mode="after")
    def _can_be_auditable(self):
        named = ("privacy", "early_stopping", "trained_on")
        others = [name for name in named if getattr(self, name)]
        if self.amint and others:
            raise ValueError(f"amint: cannot be combined with {', '.join(others)}")
        return self

    @model_validator(mode="after")
    def _can_be_private(self):
        if self.privacy and self.norm == "batch":
            raise ValueError(
                "privacy: batch norm mixes the images of a batch, so that none can be promised "
                "anything; remove `norm`, or say `norm: group`"
            )
        if self.privacy and self.loss == "arcface":
            raise ValueError("privacy: choose loss softmax or cosface, arcface is not made for it")
        if self.privacy and self.early_stopping:
            raise ValueError("privacy: early_stopping looks at the images without noise, remove it")
        return self

    @property
    def normalisation(self) -> str:
        """``batch``, or ``group``, which looks at one image at a time."""
        return self.norm or ("group" if self.privacy else "batch")


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
    model: Annotated[LoadedModel, Field(discriminator="family")]


References = Annotated[Halves | Published, Field(discriminator="kind")]
