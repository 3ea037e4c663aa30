"""Which faces: one block a format, and how persons become members."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mint_utils.scenario.block import NAME, Block, each_once

Role = Literal["member", "held_out", "external"]


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
    look: Literal["studio", "street", "booth", "night"] = "studio"  # visibly different styles


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
    signatures: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(each_once)] = (
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
