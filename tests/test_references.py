"""Reference twins: who each of them saw, and that nobody asks one about a person it saw."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from mint_utils.activations.extract import embeddings
from mint_utils.audited.mobilefacenet import MobileFaceNetwork
from mint_utils.audited.model import tap_table
from mint_utils.audited.recognition import recognition_quality
from mint_utils.audited.references import halves, reference_twins, unseen_by
from mint_utils.faces import FaceSet, assemble
from mint_utils.hygiene import inspect
from mint_utils.scenario import FolderFaces
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import open_sources
from mint_utils.sources.folders import FolderSource

REFERENCES = {
    "references": {"kind": "halves", "pairs": 2, "epochs": 1},
    "roles.member_persons": 0.4,
}
SIZE = {
    "faces.0.persons": 25, "faces.0.images": 5, "faces.0.size": 32, "audited_model.input_size": 32,
    "audited_model.widths": [4, 4, 8, 8], "audited_model.epochs": 3,
}  # fmt: skip
FACENET_MS1M = "weights/facenet_ms1m.safetensors"


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("synthetic", SIZE | REFERENCES)


@pytest.fixture(scope="module")
def faces(scenario) -> FaceSet:
    return inspect(assemble(open_sources(scenario), scenario)).faces


@pytest.fixture(scope="module")
def twins(scenario, faces, tmp_path_factory):
    """The four references, trained once for all tests. Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(tmp_path_factory.mktemp("references")))
        return reference_twins(scenario, faces)


def with_references(scenario, **changes):
    return scenario.model_copy(
        update={"references": scenario.references.model_copy(update=changes)}
    )


# Halves


def test_the_halves_of_a_pair_are_complementary(scenario, faces):
    persons = set(faces.table["identity"])
    parts = halves(faces.table, scenario)
    assert len(parts) == 4
    for first, second in zip(parts[::2], parts[1::2], strict=True):
        assert not first & second
        assert first | second == persons
    assert parts[0] not in parts[2:], "another pair is drawn anew"


def test_the_halves_hold_as_many_of_either_side(scenario, faces):
    side = faces.table.groupby("identity")["role"].first() == "external"
    assert (side.sum(), (~side).sum()) == (15, 10)
    for part in halves(faces.table, scenario):
        strangers = sum(side[person] for person in part)
        assert strangers in (7, 8)
        assert len(part) - strangers == 5


def test_the_seed_draws_the_halves(scenario, faces):
    table = faces.table
    assert halves(table, scenario) == halves(table.sample(frac=1, random_state=1), scenario)
    other = scenario.model_copy(update={"seed": 1})
    assert halves(table, scenario)[0] != halves(table, other)[0]
    one_pair = with_references(scenario, pairs=1)
    assert halves(table, scenario)[:2] == halves(table, one_pair), "more pairs change no earlier"


def test_images_do_not_decide_the_halves(scenario, faces):
    first_photos = faces.table.drop_duplicates("identity")
    assert halves(first_photos, scenario) == halves(faces.table, scenario)


def test_there_are_no_halves_without_halved_references(scenario, faces):
    assert halves(faces.table, scenario.model_copy(update={"references": None})) == []
    assert reference_twins(scenario.model_copy(update={"references": None}), faces) == {}


# Whom a target may be asked about


@pytest.mark.parametrize("target", ["audited", "untrained_twin", "pixels", "swapped_halves"])
def test_what_is_no_reference_may_be_asked_about_everybody(scenario, faces, target):
    assert unseen_by(target, faces.table, scenario).all()


def test_a_reference_may_be_asked_about_the_other_half_only(scenario, faces):
    table = faces.table
    for number, part in enumerate(halves(table, scenario)):
        unseen = unseen_by(f"reference_twin.{number}", table, scenario)
        assert unseen.dtype == bool
        assert (unseen == ~table["identity"].isin(part)).all()
        assert 0 < unseen.sum() < len(table)


def test_everybody_is_unknown_to_one_of_each_pair(scenario, faces):
    unseen = [unseen_by(f"reference_twin.{n}", faces.table, scenario) for n in range(4)]
    assert (unseen[0] ^ unseen[1]).all()
    assert (unseen[2] ^ unseen[3]).all()


# Trained references


def test_the_classes_of_a_reference_are_the_persons_it_saw(scenario, faces, twins):
    assert list(twins) == [f"reference_twin.{number}" for number in range(4)]
    for number, (name, twin) in enumerate(twins.items()):
        assert twin.seen == halves(faces.table, scenario)[number]
        assert twin.model.classes == tuple(sorted(twin.seen))
        assert twin.model.head.shape == (len(twin.seen), scenario.audited_model.embedding)
        may_be_asked = set(faces.table["identity"][unseen_by(name, faces.table, scenario)])
        assert not may_be_asked & set(twin.model.classes)


def test_no_image_that_was_kept_away_is_trained_on(scenario, faces, twins):
    table = faces.table
    kept_away = (table["role"] == "held_out") | table["set_aside"]
    assert kept_away.any() and (table["role"] == "held_out").any() and table["set_aside"].any()
    for twin in twins.values():
        own = table["identity"].isin(twin.seen)
        assert twin.model.notes["images"] == (own & ~kept_away).sum() < own.sum()


def test_pixels_of_images_kept_away_do_not_change_a_reference(scenario, faces, twins, isolated):
    table = faces.table.copy()
    kept_away = (table["role"] == "held_out") | table["set_aside"]
    table.loc[kept_away, "digest"] = "0" * 64
    once = with_references(scenario, pairs=1)
    again = reference_twins(once, FaceSet(table, faces.sources))["reference_twin.0"]
    assert again.model.digest() == twins["reference_twin.0"].model.digest()


def test_references_differ_from_one_another_and_from_the_audited_recipe(scenario, twins):
    assert len({twin.model.digest() for twin in twins.values()}) == 4
    for twin in twins.values():
        assert len(twin.model.notes["losses"]) == 1, "epochs of their own"
        assert twin.model.taps == scenario.audited_model.taps
        assert twin.model.preprocess.size == scenario.audited_model.input_size


def test_references_are_trained_as_long_as_the_audited_model_unless_told(scenario, faces, isolated):
    found = reference_twins(with_references(scenario, epochs=None, pairs=1), faces)
    assert [len(twin.model.notes["losses"]) for twin in found.values()] == [3, 3]


def test_references_see_the_audit_even_if_the_model_was_trained_elsewhere(
    scenario, faces, twins, isolated
):
    """Their recipe is the audited model's; its training data are not."""
    elsewhere = load_scenario(
        "synthetic",
        SIZE | REFERENCES | {"audited_model.trained_on": {"kind": "synthetic", "persons": 3}},
    )
    found = reference_twins(with_references(elsewhere, pairs=1), faces)
    assert found["reference_twin.0"].model.digest() == twins["reference_twin.0"].model.digest()


# A published reference


@pytest.fixture(scope="module")
def published(real_data):
    reference = {
        "kind": "published",
        "model": {
            "family": "facenet", "weights": str(real_data / FACENET_MS1M), "standardise": True,
        },
    }  # fmt: skip
    return load_scenario("facenet_casia", {"references": reference})


def test_a_published_reference_saw_nobody(published):
    (name, twin), *others = reference_twins(published, FaceSet(pd.DataFrame(), {})).items()
    assert name == "reference_twin.0"
    assert others == []
    assert twin.seen == frozenset()
    assert twin.model.notes["pretrained on"] == "facenet_ms1m", "as its file is called"
    table = pd.DataFrame({"identity": ["a", "b"], "role": ["held_out", "external"]})
    assert unseen_by(name, table, published).all()


def other_families(folder):
    """Blocks of reference models for facenet, with what they name written into the folder."""
    save_file(MobileFaceNetwork().state_dict(), folder / "mobile.safetensors")
    code = "from mint_utils.audited.iresnet import IResNet\n"
    code += "def net(): return IResNet((4, 4, 8, 8), (1, 1, 1, 1), 12, 32)\n"
    (folder / "net.py").write_text(code)
    own = {"family": "own", "module": "net.py:net", "taps": ["fc"], "preprocess": {"size": 32}}
    return [{"family": "mobilefacenet", "weights": "mobile.safetensors"}, own]


def test_a_published_reference_may_be_of_another_family(data_folder):
    for block, size, width in zip(other_families(data_folder), (112, 32), (128, 12), strict=True):
        changed = {"references": {"kind": "published", "model": block}}
        wanted = load_scenario("facenet_casia", changed)
        assert wanted.audited_model.family == "facenet"
        (twin,) = reference_twins(wanted, FaceSet(pd.DataFrame(), {})).values()
        assert twin.seen == frozenset()
        assert twin.model.name.startswith(block["family"])
        assert twin.model.preprocess.size == size
        assert tap_table(twin.model)["channels"].iloc[-1] == width


def test_the_published_reference_knows_persons_of_lfw_apart(published, real_data):
    twin = reference_twins(published, FaceSet(pd.DataFrame(), {}))["reference_twin.0"]
    assert twin.model.preprocess.standardise
    assert tap_table(twin.model)["channels"].iloc[-1] == 128
    source = FolderSource(FolderFaces(kind="folders", path=str(real_data / "lfw" / "images")), 0)
    listed = source.images()
    counts = listed["identity"].value_counts()
    some = listed[listed["identity"].isin(sorted(counts[counts >= 10].index)[:6])]
    two_each = some.groupby("identity").head(2).reset_index(drop=True)
    faces = FaceSet(two_each.assign(source="folders", role="external"), {"folders": source})
    outcome = embeddings(twin.model, faces)
    assert outcome.shape == (12, 128)
    figures, pairs = recognition_quality(outcome, faces.table)
    assert figures["auc"][0] > 0.9
    genuine = pairs["cosine"][pairs["genuine"]]
    assert genuine.mean() > pairs["cosine"][~pairs["genuine"]].mean() + 0.2
    unit = torch.nn.functional.normalize(torch.from_numpy(outcome)).numpy()
    nearest = (unit @ unit.T - 2 * np.eye(12)).argmax(1)
    identity = faces.table["identity"].to_numpy()
    assert (identity[nearest] == identity).mean() > 0.8
