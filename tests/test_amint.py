"""aMINT: the head is told of some persons only, and nothing else changes hands."""

import numpy as np
import pytest
import torch
from conftest import SMALL
from torch import nn

from mint_utils.audited import open_model
from mint_utils.audited.amint import JointLoss, MintHead, never_seen, told_to_head
from mint_utils.audited.twins import untrained_twin
from mint_utils.evidence.amint import amint_table
from mint_utils.faces import FaceSet
from mint_utils.scenario_file import ScenarioError, load_scenario
from mint_utils.scores import score_images
from mint_utils.targets import open_targets, record_targets
from mint_utils.validation import validation_persons

AMINT = {**SMALL, "audited_model.amint": {"weight": 1}, "rivals": ["amint", "embedding_norm"]}
AMINT |= {"detectors": {"methods": ["vanilla"], "seeds": 1, "epochs": 5}, "albums": []}


@pytest.fixture(scope="module")
def wanted():
    return load_scenario("synthetic", AMINT)


@pytest.fixture(scope="module")
def audited(wanted, small_faces, tmp_path_factory):
    """The model with its targets' activations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(tmp_path_factory.mktemp("amint")))
        model = open_model(wanted, small_faces)
        targets = open_targets(wanted, model, small_faces)
        yield model, record_targets(targets, small_faces, wanted)


def test_the_head_is_told_of_fit_persons_that_no_choice_is_made_on(small_faces):
    table = small_faces.table
    told = told_to_head(table, 0)
    assert set(table["split"][told]) == {"fit"}
    assert set(table["role"][told]) == {"member", "external"}
    assert not (told & validation_persons(table, 0)).any()
    assert not table["set_aside"][told].any()


def test_strangers_are_those_that_the_head_was_not_told_of(wanted, small_faces):
    seen = set(small_faces.table["identity"][told_to_head(small_faces.table, wanted.seed)])
    strangers = never_seen(small_faces, wanted).table
    assert set(strangers["role"]) == {"external"} and not seen & set(strangers["identity"])
    ordinary = load_scenario("synthetic", SMALL)
    assert len(never_seen(small_faces, ordinary)) > len(strangers)


def test_roles_of_persons_outside_decide_nothing(isolated, wanted, small_faces):
    """Externals of calibrate, test and validation are never looked at in training."""
    model, table = open_model(wanted, small_faces), small_faces.table
    told = told_to_head(table, wanted.seed)
    away = (table["role"] == "external") & ~told & ~validation_persons(table, wanted.seed)
    digests = table["digest"].where(~away, "other " + table["image_id"])
    others = FaceSet(table.assign(digest=digests), small_faces.sources)
    assert away.any() and open_model(wanted, others).notes["file"] == model.notes["file"]


def test_what_the_head_says_is_recorded_and_is_no_tap_for_others(audited):
    model, recorded = audited
    assert model.taps[-1] == "mint" and isinstance(model.module.mint, MintHead)
    assert "mint" not in recorded["audited"].taps
    assert recorded["audited"].vector("mint").shape[1] == 1
    twin = recorded["untrained_twin"].vector("mint")
    assert not np.allclose(twin, recorded["audited"].vector("mint"))
    assert not recorded["pixels"].has_mint_head


def test_images_the_head_was_told_of_have_no_score(isolated, audited, wanted, small_faces):
    scores = score_images(audited[1], small_faces, wanted, isolated / "models")
    ours = scores[scores["method"] == "amint"]
    told = small_faces.table["image_id"][told_to_head(small_faces.table, wanted.seed)]
    assert set(ours["target"]) == {"audited", "untrained_twin"}
    assert not set(ours["unit"]) & set(told)
    assert (ours["split"] == "test").any() and (ours["split"] == "fit").any()


def test_flawed_and_honest_stand_side_by_side(audited, wanted, small_faces):
    table = amint_table(audited[1], small_faces, wanted)
    assert table["evaluation"].tolist() == ["flawed"] * 3 + ["honest"] * 3
    assert set(table["target"]) == {"audited", "untrained_twin", "pixels"}
    assert (table["low"] <= table["auc"]).all() and (table["auc"] <= table["high"]).all()
    test = small_faces.table[small_faces.table["split"] == "test"]
    honest = table[table["evaluation"] == "honest"].iloc[0]
    assert honest["external_persons"] == test[test["role"] == "external"]["identity"].nunique()


def test_without_a_head_there_is_no_table(small_model, small_scenario, small_faces, isolated):
    recorded = record_targets({"audited": small_model}, small_faces, small_scenario)
    assert amint_table(recorded, small_faces, small_scenario).empty


def test_at_weight_zero_the_head_only_looks_on():
    """Its own layers learn, the stages do not feel it; at weight two they feel it twice."""
    gradients = {}
    for weight in (0.0, 1.0, 2.0):
        torch.manual_seed(0)
        head, maps = MintHead(6, weight), torch.randn(5, 6, 2, 2, requires_grad=True)
        head.eval()
        head([maps]).square().sum().backward()
        assert head.layers[1].weight.grad.abs().sum() > 0
        gradients[weight] = maps.grad
    assert (gradients[0.0] == 0).all() and gradients[1.0].abs().sum() > 0
    torch.testing.assert_close(gradients[2.0], 2 * gradients[1.0])


def test_the_two_losses_start_equal(wanted):
    """The first loss is twice recognition, whatever the scales of the two."""

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.mint = MintHead(3, 1.0)

        def forward(self, x):
            self.mint([x])
            return x.mean((2, 3))

    torch.manual_seed(0)
    labels, x = torch.tensor([0, 1, 0, 1]), torch.randn(4, 3, 4, 4)

    def recognised(embedding, own):
        return 100 * nn.functional.cross_entropy(embedding, own)

    module, told = Both(), torch.tensor([True, True, False, True])
    spec, rng = wanted.audited_model, np.random.default_rng(0)
    joint = JointLoss(module, recognised, labels, told, torch.randn(6, 3, 4, 4), spec, rng)
    loss = joint(x, torch.arange(4))
    assert loss.item() == pytest.approx(2 * recognised(x.mean((2, 3)), labels).item(), rel=1e-2)
    untold, own = x[[2, 2]], labels[[2, 2]]  # whom the head is told nothing of
    alone = recognised(untold.mean((2, 3)), own).item()
    assert joint(untold, torch.tensor([2, 2])).item() == pytest.approx(alone, rel=1e-2)


def test_a_twin_of_the_head_has_learned_nothing(audited, small_faces):
    twin = untrained_twin(audited[0], small_faces)
    weights = [m.module.mint.layers[1].weight for m in (audited[0], twin)]
    assert not torch.equal(*weights)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audited_model.amint": None}, "amint needs a model that is trained with `amint`"),
        ({"audited_model.privacy": {"epsilon": 8}}, "cannot be combined with privacy"),
        ({"audited_model.early_stopping": {}}, "cannot be combined with early_stopping"),
        ({"swapped_halves": True}, "cannot be trained the other way"),
        ({"detectors.samples": 50}, "leave detectors.samples out"),
        ({"audited_model.amint": {"weight": -1}}, "weight"),
    ],
)
def test_what_no_head_can_be_trained_with_is_refused(changes, said):
    with pytest.raises(ScenarioError, match=said):
        load_scenario("synthetic", {**AMINT, **changes})
