"""What methods look at: the audited model, and controls that cannot know of its training."""

from mint_utils.activations.extract import extract
from mint_utils.activations.recorded import Activations
from mint_utils.audited import AuditedModel
from mint_utils.audited.iresnet import train_iresnet
from mint_utils.audited.pixels import pixels_model
from mint_utils.audited.references import reference_twins
from mint_utils.audited.twins import untrained_twin
from mint_utils.faces import FaceSet
from mint_utils.scenario import Scenario
from mint_utils.trials import batch_norm_needed, detector_samples, views_needed


def open_targets(
    scenario: Scenario, model: AuditedModel, faces: FaceSet
) -> dict[str, AuditedModel]:
    """``audited`` first, then controls and references, all with the same interface.

    References are trained here if they are not in the cache. ``swapped_halves`` is a model trained
    on the externals just as the audited one was on the members.

    Taught in notebook 03.
    """
    targets = {"audited": model}
    if "untrained_twin" in scenario.controls:
        targets["untrained_twin"] = untrained_twin(model, faces, scenario.seed)
    if "pixels" in scenario.controls:
        targets["pixels"] = pixels_model()
    if scenario.swapped_halves:
        others = (faces.table["role"] == "external") & ~faces.table["set_aside"]
        targets["swapped_halves"] = train_iresnet(
            scenario.audited_model, faces.where(others), scenario.seed, "swapped halves"
        )
    twins = reference_twins(scenario, faces)
    return targets | {name: twin.model for name, twin in twins.items()}


def record_targets(
    targets: dict[str, AuditedModel], faces: FaceSet, scenario: Scenario
) -> dict[str, Activations]:
    """Every image through every target; maps of the detector samples.

    Taught in notebook 03.
    """
    samples = detector_samples(faces, scenario)
    return {
        name: extract(
            target, faces, target=name, maps_for=samples,
            views=("plain",) if name == "pixels" else views_needed(scenario),
            batch_norm=batch_norm_needed(scenario), how=scenario.extraction,
            cluster=scenario.cluster,
        )
        for name, target in targets.items()
    }  # fmt: skip
