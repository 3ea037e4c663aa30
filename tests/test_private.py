"""DP-SGD: the promise is bought with noise, and every image has its share of the gradient."""

import math
import sys

import numpy as np
import pytest
import torch
from conftest import SMALL
from torch import nn

from mint_utils.audited import open_model
from mint_utils.audited.fitting import LOSSES
from mint_utils.audited.iresnet import IResNet
from mint_utils.audited.private import SCALE, Recogniser, fitted_privately
from mint_utils.audited.training_record import training_record
from mint_utils.audited.twins import untrained_twin
from mint_utils.scenario import TrainedIResNet
from mint_utils.scenario_file import ScenarioError, load_scenario
from mint_utils.targets import record_targets
from mint_utils.trials import trial_table

pytest.importorskip("opacus", reason="no opacus here: pip install mint-study[privacy]")
PRIVATE = {"audited_model.privacy": {"epsilon": 8}, "audited_model.learning_rate": 0.5}


def private_spec(**changes) -> TrainedIResNet:
    given = {"widths": (4, 4, 8, 8), "input_size": 32, "embedding": 8, "epochs": 3}
    given |= {"batch_size": 8, "privacy": {"epsilon": 8}, "learning_rate": 0.5}
    return TrainedIResNet(family="iresnet", **given | changes)


def fitted_once(spec: TrainedIResNet, images: int = 24):
    torch.manual_seed(0)
    x = torch.randn(images, 3, 32, 32)
    module = IResNet(spec.widths, spec.blocks, spec.embedding, 32, 0.0, spec.normalisation)
    before = torch.cat([p.detach().flatten().clone() for p in module.parameters()])
    head, told = fitted_privately(
        module, x, torch.arange(images) % 4, spec, np.random.default_rng(0)
    )
    after = torch.cat([p.detach().flatten() for p in module.parameters()])
    return (after - before).norm().item(), head, told, module


def test_no_more_epsilon_is_spent_than_asked_for_and_the_record_says_so():
    _, head, told, module = fitted_once(private_spec())
    privacy = told["privacy"]
    assert 7 < privacy["epsilon"] <= 8 and privacy["delta"] == 1e-5
    assert privacy["steps"] == 9 and privacy["sample_rate"] == pytest.approx(1 / 3)
    assert head.shape == (4, 8) and len(told["losses"]) == 3
    assert not any(hasattr(p, "grad_sample") for p in module.parameters())
    notes = told | {"images": 24, "most_images": 6, "precision": "float32"}
    record = training_record(notes).set_index("what")["value"]
    assert record["epsilon for a person with 6 images"] == pytest.approx(
        6 * record["epsilon spent, for one image"], abs=0.1
    )


def test_a_stronger_promise_is_bought_with_more_noise():
    weak, strong = (fitted_once(private_spec(privacy={"epsilon": e})) for e in (50, 1))
    assert strong[2]["privacy"]["noise"] > 2 * weak[2]["privacy"]["noise"]
    assert strong[0] > weak[0]  # the weights wander further


def test_the_clip_bounds_how_far_the_weights_can_move():
    """Gradients, and the noise that hides each, are no longer than the clip says."""
    changes = []
    for clip in (1.0, 1e-3):
        spec = private_spec(privacy={"epsilon": 50, "clip": clip}, weight_decay=0.0)
        changes.append(fitted_once(spec)[0])
    assert changes[1] < 1e-2 * changes[0]


def test_an_empty_batch_is_survived():
    """With few images Poisson sampling now and then draws nobody."""
    _, _, told, _ = fitted_once(private_spec(batch_size=2, epochs=20), images=4)
    assert np.isfinite(told["losses"]).all()


def test_its_loss_is_that_of_the_ordinary_training():
    """The margin is taken off the own cosine, as in CosFace."""
    torch.manual_seed(0)
    recogniser = Recogniser(nn.Identity(), 5, 8)
    embedding, labels = torch.randn(6, 8), torch.arange(6) % 5
    usual = LOSSES["cosface"](5, 8)
    usual.W.data, usual.scale = recogniser.centres.weight.detach().T.clone(), SCALE
    own = nn.functional.one_hot(labels, 5)
    ours = nn.functional.cross_entropy(SCALE * (recogniser(embedding) - 0.35 * own), labels)
    assert ours.item() == pytest.approx(usual(embedding, labels).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audited_model.norm": "batch"}, "batch norm mixes the images.*norm: group"),
        ({"audited_model.loss": "arcface"}, "choose loss softmax or cosface"),
        ({"audited_model.early_stopping": {}}, "without noise, remove it"),
        ({"audited_model.privacy": {"epsilon": 0}}, "epsilon"),
        ({"audited_model.privacy": {"epsilon": 8, "delte": 1}}, "did you mean 'delta'"),
    ],
)
def test_what_cannot_be_private_is_refused(changes, said):
    with pytest.raises(ScenarioError, match=said):
        load_scenario("synthetic", {**SMALL, **PRIVATE, **changes})


def test_a_private_model_is_audited_like_any_other(isolated, small_faces):
    """Group norm is switched on by itself; twin and rivals cope without batch norm."""
    wanted = load_scenario("synthetic", {**SMALL, **PRIVATE})
    model = open_model(wanted, small_faces)
    parts = {type(part) for part in model.module.modules()}
    assert nn.GroupNorm in parts and not {nn.BatchNorm1d, nn.BatchNorm2d} & parts
    assert math.isfinite(model.notes["privacy"]["epsilon"])
    targets = {"audited": model, "untrained_twin": untrained_twin(model, small_faces)}
    recorded = record_targets(targets, small_faces, wanted)
    table = trial_table(recorded, wanted)
    assert "batch_norm_distance" not in set(table["method"])
    assert {"head_max", "embedding_norm", "vanilla"} <= set(table["method"])
    lengths = np.linalg.norm(recorded["audited"].vector("outcome"), axis=1)
    assert lengths.std() > 1e-3 * lengths.mean()
    again = open_model(wanted, small_faces)
    assert again.digest() == model.digest() and again.notes["privacy"] == model.notes["privacy"]


def test_without_opacus_it_says_what_to_install(isolated, small_faces, monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus", None)
    wanted = load_scenario("synthetic", {**SMALL, **PRIVATE, "seed": 5})
    with pytest.raises(ImportError, match=r"mint-study\[privacy\]"):
        open_model(wanted, small_faces)
