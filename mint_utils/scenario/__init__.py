"""What a scenario may say: faces, audited model, references, detectors, controls, albums."""

from mint_utils.scenario.audit import (
    Control,
    Detectors,
    Extraction,
    Method,
    Report,
    Rival,
    Scenario,
    Splits,
)
from mint_utils.scenario.block import fingerprint
from mint_utils.scenario.faces import (
    AdienceFaces,
    AnySource,
    FaceSource,
    FolderFaces,
    FrgcFaces,
    IjbcFaces,
    LfwFaces,
    ManifestFaces,
    PhotographFaces,
    RecordioFaces,
    Role,
    Roles,
    SyntheticFaces,
)  # fmt: skip
from mint_utils.scenario.models import (
    AdaFace,
    AnyModel,
    Facenet,
    Halves,
    InsightFace,
    LoadedModel,
    MobileFaceNet,
    OnnxFile,
    OwnModel,
    Published,
    References,
    TrainedIResNet,
)  # fmt: skip

__all__ = [
    "AdaFace", "AdienceFaces", "AnyModel", "AnySource", "Control", "Detectors", "Extraction",
    "FaceSource", "Facenet", "FolderFaces", "FrgcFaces", "Halves", "IjbcFaces", "InsightFace",
    "LfwFaces", "LoadedModel", "ManifestFaces", "Method", "MobileFaceNet", "OnnxFile", "OwnModel",
    "PhotographFaces", "Published", "RecordioFaces", "References", "Report", "Rival", "Role",
    "Roles", "Scenario", "Splits", "SyntheticFaces", "TrainedIResNet", "fingerprint",
]  # fmt: skip
