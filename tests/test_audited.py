"""Audited models: what goes in, how they are trained, found again, and made a control of."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mint_utils import locations
from mint_utils.activations.extract import embeddings
from mint_utils.audited import AuditedModel, Preprocess, open_model, reopen
from mint_utils.audited.fitting import changed as _changed
from mint_utils.audited.iresnet import IResNet, train_iresnet
from mint_utils.audited.model import head_summary, tap_table
from mint_utils.audited.pixels import pixels_model
from mint_utils.audited.recognition import recognition_quality, verification_pairs
from mint_utils.audited.twins import untrained_twin
from mint_utils.faces import FaceSet
from mint_utils.scenario import FolderFaces, SyntheticFaces, TrainedIResNet
from mint_utils.scenario_file import load_scenario
from mint_utils.sources.folders import FolderSource

FACENET_CASIA = "weights/facenet_casia.safetensors"


def altered(scenario, **audited_model):
    """``scenario`` with some keys of its audited model changed."""
    return scenario.model_copy(
        update={"audited_model": scenario.audited_model.model_copy(update=audited_model)}
    )


def facenet_scenario(**audited_model):
    model = {"family": "facenet", **audited_model}
    return load_scenario("facenet_casia", {"audited_model": model})


def weights_of(model: AuditedModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


# Preprocessing


def test_preprocess_gives_channels_first_in_the_asked_order_and_scale():
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    pixels[0, ..., 0], pixels[1, 1, 2, 2] = 255, 64
    rgb = Preprocess(4)(pixels)
    assert rgb.shape == (2, 3, 4, 4)
    assert rgb.dtype == torch.float32
    assert rgb[0, 0].unique().item() == pytest.approx(127.5 / 128)
    assert rgb[0, 1].unique().item() == pytest.approx(-127.5 / 128)
    assert rgb[1, 2, 1, 2].item() == pytest.approx((64 - 127.5) / 128)
    bgr = Preprocess(4, colour="BGR", mean=0, scale=255)(pixels)
    assert bgr[0, 2].unique().item() == 1
    assert bgr[0, 0].unique().item() == 0


def test_preprocess_can_standardise_every_image_by_itself():
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 40, (8, 8, 3)).astype(np.uint8)
    batch = Preprocess(8, standardise=True)(np.stack([dark, dark + 200, np.full_like(dark, 7)]))
    torch.testing.assert_close(batch[0], batch[1])
    assert batch[0].mean().item() == pytest.approx(0, abs=1e-5)
    assert batch[0].std().item() == pytest.approx(1, abs=1e-5)
    assert batch[2].abs().max() == 0  # a picture of one colour is not divided by nothing


@pytest.mark.parametrize("shape", [(2, 5, 4, 3), (2, 3, 4, 4), (4, 4, 3), (1, 4, 4, 4)])
def test_preprocess_refuses_wrong_shapes_with_both(shape):
    with pytest.raises(ValueError, match=r"expected \(n, 4, 4, 3\), got"):
        Preprocess(4)(np.zeros(shape, np.uint8))


def test_preprocess_refuses_unknown_colour_order():
    with pytest.raises(ValueError, match="colour order 'GBR'.*Choices: RGB, BGR"):
        Preprocess(4, colour="GBR")


# The interface


def test_unknown_tap_and_outcome_name_the_nearest():
    module = IResNet((4, 4, 4, 4), (1, 1, 1, 1), 8, 32)
    with pytest.raises(ValueError, match="'stage5'.*did you mean 'stage[1-4]'"):
        AuditedModel("small", module, Preprocess(32), ("stage5",))
    with pytest.raises(ValueError, match="'feature'.*did you mean 'features'"):
        AuditedModel("small", module, Preprocess(32), ("stage1",), outcome="feature")


def test_audited_model_is_never_in_training_mode():
    module = IResNet((4, 4, 4, 4), (1, 1, 1, 1), 8, 32).train()
    AuditedModel("small", module, Preprocess(32), ("stage1",))
    assert not any(part.training for part in module.modules())


def test_digest_changes_with_whatever_decides_the_output(small_model):
    module = IResNet((4, 4, 4, 4), (1, 1, 1, 1), 8, 32)
    head = torch.eye(3, 8)
    model = AuditedModel("small", module, Preprocess(32), ("stage1", "stage2"), head=head)
    before = model.digest()
    assert replace(model, taps=("stage1",), name="x", notes={"a": 1}).digest() == before
    changed = [
        replace(model, preprocess=Preprocess(32, colour="BGR")),
        replace(model, preprocess=Preprocess(32, standardise=True)),
        replace(model, preprocess=Preprocess(32, scale=127.5)),
        replace(model, head=head * 2),
        replace(model, head=None),
        replace(model, outcome="fc"),
        replace(model, map_size=4),
    ]
    digests = {before, *(other.digest() for other in changed)}
    assert len(digests) == len(changed) + 1
    with torch.no_grad():
        module.stage4[0].bn3.running_mean[0] += 1e-3  # a buffer counts as well as a weight
    digests.add(model.digest())
    with torch.no_grad():
        module.fc.weight[0, 0] += 1e-6
    digests.add(model.digest())
    assert len(digests) == len(changed) + 3


def test_digest_changes_with_the_scale_of_the_head():
    module = IResNet((4, 4, 4, 4), (1, 1, 1, 1), 8, 32)
    model = AuditedModel("small", module, Preprocess(32), ("stage1",), head=torch.eye(3, 8))
    assert replace(model, head_scale=16.0).digest() != model.digest()


@pytest.mark.parametrize("size", [32, 64, 112])
def test_iresnet_halves_the_map_at_every_stage(size):
    model = AuditedModel(
        "small",
        IResNet((4, 6, 8, 10), (1, 2, 1, 1), 12, size),
        Preprocess(size),
        ("stem", "stage1", "stage2", "stage3", "stage4"),
    )
    table = tap_table(model)
    assert table["tap"].tolist() == ["stem", "stage1", "stage2", "stage3", "stage4", "outcome"]
    assert table["channels"].tolist() == [4, 4, 6, 8, 10, 12]
    sides = [size, size // 2, size // 4, size // 8, size // 16]
    assert table["map"].tolist() == [f"{side} x {side}" for side in sides] + ["-"]
    assert (table["weights"] > 0).all()


def test_head_summary_of_a_case_done_by_hand():
    head = torch.tensor([[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0]])  # lengths must not matter
    embedding = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    cosine = torch.tensor([[0.6, 0.8, -0.6], [1.0, 0.0, -1.0]])
    p = torch.softmax(4 * cosine, 1)
    summary = head_summary(embedding, head, scale=4.0)
    torch.testing.assert_close(summary[:, 0], torch.tensor([0.8, 1.0]))
    torch.testing.assert_close(summary[:, 1], torch.tensor([0.2, 1.0]))
    torch.testing.assert_close(summary[:, 2], (p * p.log()).sum(1))
    torch.testing.assert_close(head_summary(embedding * 9, head, 4.0), summary)
    surer = head_summary(embedding, head, scale=64.0)[:, 2]
    assert (surer > summary[:, 2]).all()
    assert torch.isfinite(head_summary(torch.zeros(1, 2), head, 64.0)).all()
    assert head_summary(embedding, head[:1], 64.0)[:, 1].tolist() == [0, 0]  # a single class


# Training


def test_training_lowers_the_loss_and_keeps_a_centre_a_member_person(
    isolated, small_scenario, small_faces
):
    scenario = altered(small_scenario, epochs=8)
    model = open_model(scenario, small_faces)
    losses = model.notes["losses"]
    assert len(losses) == 8
    assert losses[-1] < 0.8 * losses[0]
    member = small_faces.table["role"] == "member"
    assert model.classes == tuple(sorted(small_faces.table["identity"][member].unique()))
    assert "classes" not in model.notes
    assert model.notes["images"] == member.sum()
    assert model.head.shape == (len(model.classes), scenario.audited_model.embedding)
    # Centres are in the order of the classes: a member's own is nearer than the others are.
    rows = np.flatnonzero(member)
    own = [model.classes.index(person) for person in small_faces.table["identity"][rows]]
    outcome = torch.from_numpy(embeddings(model, small_faces)[rows])
    cosine = nn.functional.normalize(outcome) @ nn.functional.normalize(model.head).T
    others = (cosine.sum(1) - cosine[np.arange(len(rows)), own]) / (cosine.shape[1] - 1)
    assert (cosine[np.arange(len(rows)), own] - others).mean() > 0.2


def test_training_is_done_once(isolated, small_scenario, small_faces):
    first = open_model(small_scenario, small_faces)
    (file,) = (isolated / "cache" / "models").iterdir()
    assert first.notes["file"] == str(file)
    written = file.stat().st_mtime_ns
    again = open_model(small_scenario, small_faces)
    assert again.digest() == first.digest()
    assert file.stat().st_mtime_ns == written
    assert again.notes["losses"] == first.notes["losses"]
    other_taps = open_model(altered(small_scenario, taps=("fc",)), small_faces)
    assert other_taps.digest() == first.digest()  # taps are no reason to train again
    stored = load_file(file)
    assert torch.equal(stored.pop("head"), first.head)
    assert all(torch.equal(stored[name], value) for name, value in weights_of(first).items())


def test_training_in_another_cache_gives_identical_weights(
    isolated, small_model, small_scenario, small_faces
):
    torch.manual_seed(12345)  # whatever the state of the generator was before
    np.random.default_rng(0).random(7)
    here = open_model(small_scenario, small_faces)
    assert here.notes["file"] != small_model.notes["file"]
    assert here.digest() == small_model.digest()


def test_seed_and_member_images_decide_the_training(isolated, small_scenario, small_faces):
    table = small_faces.table
    one = open_model(small_scenario, small_faces)
    seeded = open_model(small_scenario.model_copy(update={"seed": 5}), small_faces)
    first_member = np.flatnonzero(table["role"] == "member")[0]
    fewer = small_faces.where(np.arange(len(table)) != first_member)
    without = open_model(small_scenario, fewer)
    assert len({model.notes["file"] for model in (one, seeded, without)}) == 3
    assert len({model.digest() for model in (one, seeded, without)}) == 3
    assert without.notes["images"] == one.notes["images"] - 1


def test_other_pixels_under_the_same_id_train_again(isolated, small_scenario, small_faces):
    one = open_model(small_scenario, small_faces)
    changed = small_faces.table.copy()
    row = np.flatnonzero(changed["role"] == "member")[0]
    changed.loc[row, "digest"] = "f" * 64
    again = open_model(small_scenario, FaceSet(changed, small_faces.sources))
    assert again.notes["file"] != one.notes["file"]


def test_images_outside_the_training_do_not_touch_it(isolated, small_scenario, small_faces):
    one = open_model(small_scenario, small_faces)
    members = small_faces.where(small_faces.table["role"] == "member")
    assert open_model(small_scenario, members).notes["file"] == one.notes["file"]


def test_diverging_training_says_what_to_lower(isolated, small_scenario, small_faces):
    with pytest.raises(FloatingPointError, match="diverged.*lower audited_model.learning_rate"):
        open_model(altered(small_scenario, learning_rate=1e30), small_faces)
    assert not list(isolated.glob("cache/models/*"))


def test_any_number_of_training_steps_will_do(isolated, small_scenario, small_faces):
    open_model(altered(small_scenario, epochs=5), small_faces)


def test_training_takes_all_faces_that_it_is_handed(isolated, small_scenario, small_faces):
    """Roles are not looked at: who calls it decides on whom it trains."""
    spec, three = small_scenario.audited_model, small_faces.table["identity"].unique()[:3]
    faces = small_faces.where(small_faces.table["identity"].isin(three))
    assert {"member", "external"} <= set(faces.table["role"])
    model = train_iresnet(spec, faces, 0)
    assert model.classes == tuple(sorted(three))
    assert model.notes["images"] == len(faces)
    others = FaceSet(faces.table.assign(role="external", split=""), faces.sources)
    again = train_iresnet(spec, others, 0)
    assert again.digest() == model.digest()
    assert again.notes["file"] == model.notes["file"]


def test_a_reopened_model_keeps_its_classes(isolated, small_scenario, small_faces):
    model = open_model(small_scenario, small_faces)
    shutil.copyfile(model.notes["file"], isolated / "audited_model.safetensors")
    again = reopen(small_scenario, isolated)
    assert again.classes == model.classes
    assert again.digest() == model.digest()
    assert again.notes["losses"] == model.notes["losses"]
    with pytest.raises(FileNotFoundError, match="run `mint-study run synthetic` again"):
        reopen(small_scenario, isolated / "nowhere")


# Flips and crops in training


def changed(x: torch.Tensor, seed: int = 0, **recipe) -> torch.Tensor:
    spec = TrainedIResNet(family="iresnet", **recipe)
    return _changed(x, np.random.default_rng(seed), spec)


@pytest.fixture
def batch() -> torch.Tensor:
    coarse = torch.rand(12, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")


def test_without_flip_and_crop_images_are_left_alone(batch):
    assert torch.equal(changed(batch, flip=False, crop=0.0), batch)


def test_a_flip_mirrors_about_half_of_the_images_and_does_nothing_else(batch):
    many = torch.cat([changed(batch, seed, flip=True) for seed in range(20)])
    same = (many - batch.repeat(20, 1, 1, 1)).abs().amax((1, 2, 3)) < 1e-4
    mirrored = (many - batch.flip(3).repeat(20, 1, 1, 1)).abs().amax((1, 2, 3)) < 1e-4
    assert (same ^ mirrored).all()
    assert 0.35 < mirrored.float().mean() < 0.65


def test_a_crop_without_flip_moves_every_image_a_little(batch):
    moved = changed(batch, flip=False, crop=0.1)
    assert moved.shape == batch.shape
    off = (moved - batch).abs().mean((1, 2, 3))
    assert (off > 1e-3).all()
    assert (off < (moved - batch.flip(3)).abs().mean((1, 2, 3))).all(), "none is mirrored"
    further = (changed(batch, flip=False, crop=0.4) - batch).abs().mean()
    assert further > off.mean()
    assert moved.min() > batch.min() - 1e-5, "the rim is no new colour"
    assert moved.max() < batch.max() + 1e-5


def test_a_crop_moves_and_scales_by_no_more_than_it_says(batch):
    """The bright middle of a dark picture: how far it goes and how large it gets."""
    x = torch.zeros(200, 3, 64, 64)
    x[..., 24:40, 24:40] = 1
    moved = changed(x, flip=False, crop=0.2)[:, 0]
    area = moved.sum((1, 2))
    places = torch.arange(64.0) + 0.5
    centre = torch.stack([(moved.sum(1) * places).sum(1), (moved.sum(2) * places).sum(1)], 1)
    centre = centre / area[:, None]
    assert (centre - 32).abs().max() < 0.2 * 64 / 2 / 0.8 + 0.5  # of half the side, then scaled
    assert (centre - 32).abs().max() > 0.1 * 64 / 2
    assert area.max() < 16**2 / 0.8**2 + 10
    assert area.min() > 16**2 / 1.2**2 - 10
    assert area.max() / area.min() > 1.5


def test_the_seed_decides_how_images_are_changed(batch):
    one, again, other = (changed(batch, seed, crop=0.2) for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_crop_and_weight_decay_train_another_model(isolated, small_scenario, small_faces):
    recipes = [{}, {"crop": 0.1}, {"flip": False}, {"weight_decay": 0.005}]
    models = [open_model(altered(small_scenario, **recipe), small_faces) for recipe in recipes]
    assert len({model.digest() for model in models}) == len(recipes)
    assert len({model.notes["file"] for model in models}) == len(recipes)


# Trained on other faces than the scenario's


def elsewhere(scenario, **source):
    """``scenario`` with a model that is trained on six other drawn persons."""
    others = {"kind": "synthetic", "first": 500, "persons": 6, "images": 4, "size": 32} | source
    return altered(scenario, trained_on=SyntheticFaces(**others))


def test_a_model_trained_elsewhere_never_sees_the_faces_of_the_scenario(
    isolated, small_scenario, small_faces
):
    scenario = elsewhere(small_scenario)
    model = open_model(scenario, small_faces)
    assert model.notes["images"] == 24
    assert len(model.classes) == 6
    assert not set(model.classes) & set(small_faces.table["identity"])
    exchanged = {"member": "external", "external": "member", "held_out": "held_out"}
    table = small_faces.table
    for other in (
        small_faces.where(np.arange(len(small_faces)) < 20),
        FaceSet(table.assign(role=table["role"].map(exchanged)), small_faces.sources),
        FaceSet(table.assign(digest="0" * 64, identity="one"), {}),  # there is nothing to read
    ):
        assert open_model(scenario, other).digest() == model.digest()
    assert len(list((isolated / "cache" / "models").iterdir())) == 1


def test_the_other_faces_decide_what_a_model_trained_elsewhere_is(
    isolated, small_scenario, small_faces
):
    names = ({}, {"first": 600}, {"persons": 5}, {"images": 3}, {"look": "street"})
    models = [open_model(elsewhere(small_scenario, **name), small_faces) for name in names]
    assert len({model.digest() for model in models}) == len(names)
    assert [len(model.classes) for model in models] == [6, 6, 5, 6, 6]
    members = open_model(small_scenario, small_faces)
    assert members.digest() not in {model.digest() for model in models}


# FaceNet


@pytest.fixture(scope="module")
def facenet(real_data) -> AuditedModel:
    weights = str(real_data / FACENET_CASIA)
    return open_model(facenet_scenario(weights=weights), FaceSet(pd.DataFrame(), {}))


def test_facenet_knows_persons_of_lfw_apart(facenet, real_data):
    source = FolderSource(FolderFaces(kind="folders", path=str(real_data / "lfw" / "images")), 0)
    listed = source.images()
    counts = listed["identity"].value_counts()
    some = listed[listed["identity"].isin(sorted(counts[counts >= 10].index)[:6])]
    three_each = some.groupby("identity").head(3).reset_index(drop=True)
    faces = FaceSet(three_each.assign(source="lfw", role="external"), {"lfw": source})
    figures, pairs = recognition_quality(embeddings(facenet, faces), faces.table)
    assert figures["auc"][0] > 0.97
    genuine = pairs["cosine"][pairs["genuine"]]
    assert genuine.mean() > pairs["cosine"][~pairs["genuine"]].mean() + 0.3


def test_facenet_outcome_keeps_its_length(facenet):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3)).astype(np.uint8)
    with torch.inference_mode():
        end = facenet.module(facenet.preprocess(pixels))
    assert facenet.outcome == "last_bn"
    torch.testing.assert_close(end.norm(dim=1), torch.ones(2))
    assert tap_table(facenet)["channels"].iloc[-1] == 512


@pytest.fixture
def weights_in(monkeypatch, tmp_path):
    """MINT_DATA of this test alone."""
    monkeypatch.setattr(locations, "RAW", tmp_path / "raw")
    monkeypatch.setenv("MINT_DATA", str(tmp_path))
    return tmp_path


def test_missing_weights_name_the_places(weights_in):
    with pytest.raises(FileNotFoundError) as error:
        open_model(facenet_scenario(weights="none.safetensors"), FaceSet(pd.DataFrame(), {}))
    assert "weights 'none.safetensors' not found" in str(error.value)
    assert str(weights_in / "none.safetensors") in str(error.value)
    assert "MINT_DATA" in str(error.value)


def test_weights_of_another_architecture_are_refused(weights_in):
    save_file({"layer1.weight": torch.zeros(2)}, weights_in / "other.safetensors")
    with pytest.raises(ValueError, match="other.safetensors.*not an InceptionResnetV1 file"):
        open_model(facenet_scenario(weights="other.safetensors"), FaceSet(pd.DataFrame(), {}))


def test_weights_of_another_shape_are_refused_with_both_shapes(weights_in):
    wide = {"conv2d_1a.conv.weight": torch.zeros(64, 3, 3, 3)}  # twice as many channels
    save_file(wide, weights_in / "wide.safetensors")
    with pytest.raises(ValueError, match=r"conv2d_1a.conv.weight has shape \(64, .*expected \(32,"):
        open_model(facenet_scenario(weights="wide.safetensors"), FaceSet(pd.DataFrame(), {}))


def test_a_file_that_is_no_safetensors_file_is_named(weights_in):
    (weights_in / "torn.safetensors").write_bytes(b"half of it")
    with pytest.raises(ValueError, match="torn.safetensors is not a .safetensors file"):
        open_model(facenet_scenario(weights="torn.safetensors"), FaceSet(pd.DataFrame(), {}))


def test_facenet_without_a_classifier_has_no_classes(facenet):
    assert facenet.head is None
    assert facenet.classes == ()


def test_facenet_without_network_says_how_to_get_the_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # no earlier download
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(FileNotFoundError) as error:
        open_model(facenet_scenario(), FaceSet(pd.DataFrame(), {}))
    assert "casia-webface weights could not be downloaded" in str(error.value)
    assert "audited_model.weights" in str(error.value)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


# The controls


def test_twin_has_other_weights_and_the_same_interface(small_model, small_faces):
    before = weights_of(small_model)
    twin = untrained_twin(small_model, small_faces)
    for name, value in weights_of(twin).items():
        if name.endswith("weight") and value.ndim > 1:  # scales of norms start at one
            assert (value != before[name]).float().mean() > 0.99
    assert twin.taps == small_model.taps
    assert twin.outcome == small_model.outcome
    assert twin.preprocess == small_model.preprocess
    assert twin.head.shape == small_model.head.shape
    assert not torch.equal(twin.head, small_model.head)
    assert not any(part.training for part in twin.module.modules())
    assert twin.digest() != small_model.digest()
    after = weights_of(small_model)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_twin_is_the_same_for_the_same_seed(small_model, small_faces):
    digests = [untrained_twin(small_model, small_faces, seed).digest() for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


def test_twin_has_settled_batch_norm(small_model, small_faces):
    twin = untrained_twin(small_model, small_faces)
    outcome = embeddings(twin, small_faces)
    assert abs(outcome.mean(0)).max() < 0.6
    assert 0.6 < outcome.std(0).mean() < 1.4


def test_twin_statistics_come_from_fit_images_where_there_are_any(small_model, small_faces):
    fit = small_faces.where(small_faces.table["split"] == "fit")
    assert (
        untrained_twin(small_model, small_faces).digest()
        == untrained_twin(small_model, fit).digest()
    )
    nothing_fitted = FaceSet(small_faces.table.assign(split="test"), small_faces.sources)
    assert torch.isfinite(
        torch.from_numpy(embeddings(untrained_twin(small_model, nothing_fitted), fit))
    ).all()


def test_twin_does_not_look_at_roles(small_model, small_faces):
    swapped = small_faces.table.assign(
        role=small_faces.table["role"].map(
            {"member": "external", "external": "member", "held_out": "held_out"}
        )
    )
    swapped_twin = untrained_twin(small_model, FaceSet(swapped, small_faces.sources))
    assert swapped_twin.digest() == untrained_twin(small_model, small_faces).digest()


def test_twin_refuses_parameters_that_it_cannot_reset(small_faces):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
            self.pool = nn.AdaptiveAvgPool2d(1)

        def forward(self, x):
            return self.pool(x).flatten(1) * self.scale

    model = AuditedModel("scaled", Scaled(), Preprocess(32), ("pool",))
    with pytest.raises(TypeError, match="Scaled has parameters but no reset_parameters.*leave unt"):
        untrained_twin(model, small_faces)


def test_recognition_quality_of_planted_embeddings():
    rng = np.random.default_rng(0)
    identity = np.repeat([f"p{number:02d}" for number in range(40)], 5)
    table = pd.DataFrame({"identity": identity, "role": "external"})
    centres = np.repeat(rng.normal(size=(40, 32)), 5, axis=0)
    good, pairs = recognition_quality(centres + 0.05 * rng.normal(size=centres.shape), table)
    assert good["auc"][0] > 0.999
    assert good["tar_at_1pct_far"][0] > 0.99
    assert np.isnan(good["tar_at_0.1pct_far"][0])  # 400 impostors cannot show one in a thousand
    assert good["pairs"][0] == len(pairs) == 800
    assert good["persons"][0] == 40
    bad, _ = recognition_quality(rng.normal(size=centres.shape), table)
    assert abs(bad["auc"][0] - 0.5) < 0.08


def test_recognition_quality_looks_at_external_persons_only():
    rng = np.random.default_rng(0)
    identity = np.repeat([f"p{number:02d}" for number in range(20)], 4)
    role = np.where(np.arange(80) < 40, "external", "member")
    embedding = np.repeat(rng.normal(size=(20, 16)), 4, axis=0)
    embedding[role == "member"] = np.nan
    figures, _ = recognition_quality(embedding, pd.DataFrame({"identity": identity, "role": role}))
    assert figures["auc"][0] == 1
    assert figures["persons"][0] == 10


def test_verification_pairs_are_balanced_distinct_and_right():
    identity = np.repeat(["a", "b", "c"], [3, 2, 4])
    first, second, genuine = verification_pairs(identity, seed=0)
    assert (identity[first] == identity[second]).tolist() == genuine.tolist()
    assert (first != second).all()
    assert genuine.sum() == (~genuine).sum() == 10
    with pytest.raises(ValueError, match="single image"):
        verification_pairs(np.array(["a", "b"]), seed=0)


def test_pixels_see_the_picture_and_nothing_else():
    model = pixels_model()
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 90, (12, 64, 64, 3)).astype(np.uint8)
    with torch.inference_mode():
        low, high = (model.module(model.preprocess(x)) for x in (dark, dark + 120))
    assert low.shape == high.shape
    assert torch.isfinite(low).all()
    assert (low[:, :3].max() < high[:, :3].min()).item()
    flat = np.zeros((1, 64, 64, 3), np.uint8)
    with torch.inference_mode():
        assert torch.isfinite(model.module(model.preprocess(flat))).all()
    assert not list(model.module.parameters())
    assert model.digest() == pixels_model().digest()


def test_arcface_trains_another_model_than_cosface(isolated, small_scenario, small_faces):
    spec = small_scenario.audited_model.model_copy(update={"loss": "arcface"})
    other = open_model(small_scenario.model_copy(update={"audited_model": spec}), small_faces)
    cosface = open_model(small_scenario, small_faces)
    assert other.head.shape == cosface.head.shape == (12, spec.embedding)
    assert torch.isfinite(other.head).all()
    assert other.digest() != cosface.digest()
