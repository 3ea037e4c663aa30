"""What methods look at: the audited model, and controls that cannot know of its training."""

from mint_utils.activations.extract import extract
from mint_utils.activations.store import Activations
from mint_utils.audited import AuditedModel
from mint_utils.audited.pixels import pixels_model
from mint_utils.audited.twins import untrained_twin
from mint_utils.faces import FaceSet
from mint_utils.scenario import Scenario
from mint_utils.scores import detector_samples


def open_targets(
    scenario: Scenario, model: AuditedModel, faces: FaceSet
) -> dict[str, AuditedModel]:
    """``audited`` first, then the scenario's controls, all with the same interface."""
    makers = {
        "untrained_twin": lambda: untrained_twin(model, faces, scenario.seed),
        "pixels": pixels_model,
    }
    return {"audited": model} | {control: makers[control]() for control in scenario.controls}


def record_targets(
    targets: dict[str, AuditedModel], faces: FaceSet, scenario: Scenario
) -> dict[str, Activations]:
    """Every image through every target; maps of the detector samples."""
    samples = detector_samples(faces, scenario)
    return {
        name: extract(target, faces, target=name, maps_for=samples)
        for name, target in targets.items()
    }
