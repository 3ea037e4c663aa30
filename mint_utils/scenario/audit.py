"""The scenario itself: one YAML file that says which faces, which audited model, which methods.

Everything a scenario may contain is in this folder. A key that is not here is an error that names
the nearest one, because a typo that passes silently audits something else than was asked.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from mint_utils.scenario.block import NAME, Block, each_once, fingerprint
from mint_utils.scenario.faces import AnySource, Roles
from mint_utils.scenario.models import (
    AnyModel,
    LoadedModel,
    OnnxFile,
    OwnModel,
    References,
    TrainedIResNet,
)

Rival = Literal[
    "embedding_norm", "flip_consistency", "augmentation_consistency", "batch_norm_distance",
    "one_class", "head_max", "head_margin", "head_entropy", "head_views", "head_named",
    "lira_norm", "lira_consistency", "rmia_norm", "rmia_consistency",
    "amint",
]  # fmt: skip
Control = Literal["untrained_twin", "reference_twin", "pixels"]
KNOWN_PERSONS, FEWEST_KNOWN = 4, 8  # to fit on some, stop and choose on others
Method = Literal["vanilla", "cnn", "calibrated", "gradient"]


class Detectors(Block):
    """The MINT models fitted in notebook 04."""

    methods: Annotated[tuple[Method, ...], AfterValidator(each_once)] = ("vanilla", "cnn")
    seeds: int = Field(3, ge=1)
    epochs: int = Field(60, ge=1)  # at most; stopped early on persons kept inside fit
    samples: int = Field(100_000, ge=10)  # images whose maps are kept, as in the paper
    known_members: int | None = Field(None, ge=0)  # images; 0: no method is fitted on members

    @field_validator("known_members")
    @classmethod
    def _enough_to_fit(cls, known):
        if known and known < FEWEST_KNOWN:
            raise ValueError(
                f"known_members is {known}: a detector needs {FEWEST_KNOWN} images, of "
                f"{KNOWN_PERSONS} persons; 0 asks what can be said without any"
            )
        return known

    @property
    def fitted(self) -> tuple[Method, ...]:
        """The methods that can be fitted: without a known member there is none."""
        return () if self.known_members == 0 else self.methods


class Extraction(Block):
    """How activations are computed and kept. Says nothing about the audit, but decides digits."""

    precision: Literal["float32", "bfloat16"] = "float32"  # of the layers that can do with less
    stored: Literal["float32", "float16"] = "float32"  # vectors on disk; maps are float16
    batch_size: int = Field(64, ge=1)
    shard_size: int = Field(512, ge=1)  # images a file; what an interruption can cost


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


class Report(Block):
    """What a report may show to whom it is handed."""

    # hidden: no picture of a face, no activation map, no name and no file name; codes instead
    faces: Literal["shown", "hidden"] = "shown"


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
        tuple[Rival, ...], AfterValidator(each_once)
    ] = ()  # where nothing is fitted, a rung's first one is its primary
    controls: Annotated[tuple[Control, ...], AfterValidator(each_once)] = (
        "untrained_twin",
        "pixels",
    )
    references: References | None = None  # what reference_twin, lira_* and rmia_* look through
    swapped_halves: bool = False  # train a second model on the externals and audit it as well
    albums: Annotated[tuple[Annotated[int, Field(ge=2)], ...], AfterValidator(each_once)] = (
        2, 4, 8,
    )  # photos of one person that are audited together  # fmt: skip
    splits: Splits = Splits()
    extraction: Extraction = Extraction()
    cluster: str | None = None  # Dask: `local` or a scheduler's address; changes no result
    report: Report = Report()
    resamples: int = Field(1000, ge=400)  # of persons, for the intervals
    tiny: dict[str, object] = {}  # dotted overrides of the smallest size that shows the same

    @field_validator("cluster")
    @classmethod
    def _is_an_address(cls, cluster):
        if cluster not in (None, "local") and ":" not in cluster:
            raise ValueError("must be `local` or a scheduler's address, tcp://scheduler:8786")
        return cluster

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
        self._refuse_unauditable()
        self._refuse_untwinnable()
        if self.detectors.fitted and self.splits.fit == 0:
            raise ValueError("detectors.methods needs persons to fit on: splits.fit is 0")
        if "one_class" in self.rivals and getattr(self.audited_model, "amint", None):
            raise ValueError(
                "one_class needs strangers, and the head of aMINT was told of those in fit: remove "
                "one of the two"
            )
        if "one_class" in self.rivals and self.splits.fit == 0:
            raise ValueError("one_class needs strangers to fit on: splits.fit is 0")
        if not self.detectors.fitted and not self.rivals:
            raise ValueError("nothing to score: name detectors.methods or rivals")
        on_pictures = {"vanilla", "cnn"} & set(self.detectors.fitted)
        if not on_pictures and "embedding_norm" not in self.rivals:
            raise ValueError(
                "the pixels control has no method: without vanilla or cnn (and known members to "
                "fit them on), rivals must name embedding_norm, which pictures alone can be asked"
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

    def _refuse_unauditable(self):
        trained_so = getattr(self.audited_model, "amint", None) is not None
        if "amint" in self.rivals and not trained_so:
            raise ValueError("rivals: amint needs a model that is trained with `amint`")
        if trained_so and self.splits.fit == 0:
            raise ValueError("amint needs persons to fit its head on: splits.fit is 0")
        if trained_so and self.swapped_halves:
            raise ValueError("swapped_halves: a model with amint cannot be trained the other way")
        if trained_so and self.detectors.samples < Detectors().samples:
            raise ValueError("amint: its head is told of all images, leave detectors.samples out")

    def _refuse_untwinnable(self):
        model = self.audited_model
        fixed = isinstance(model, OnnxFile) or (isinstance(model, OwnModel) and model.file)
        if fixed and "gradient" in self.detectors.methods:
            raise ValueError(
                f"gradient: {model.file} is a program without gradients of its filters; take it "
                "out of detectors.methods, or name the model as a module"
            )
        if fixed and "untrained_twin" in self.controls:
            raise ValueError(
                f"untrained_twin: the weights in {model.file} cannot be drawn anew; say "
                "`controls: [pixels]`, and add reference_twin where there are references"
            )

    @property
    def fingerprint(self) -> str:
        """Hash of everything that can change a result (not of name, question, tiny or cluster)."""
        without = {"name", "question", "tiny", "cluster"}
        return fingerprint(self.model_dump(mode="json", exclude=without))
