"""Scenario files: what comes with the study loads, and whatever is mistyped is named."""

import re

import pytest
import yaml

from mint_utils import locations
from mint_utils.audited import FAMILIES
from mint_utils.scenario_errors import CHOSEN_BY
from mint_utils.scenario_file import ScenarioError, load_scenario, portable_name, scenario_names
from mint_utils.sources import SOURCES


def written(tmp_path, **changes) -> str:
    """The path of a copy of scenario ``synthetic`` with some top-level keys changed."""
    content = yaml.safe_load((locations.SCENARIOS / "synthetic.yml").read_text())
    file = tmp_path / "mine.yml"
    file.write_text(yaml.safe_dump(content | changes))
    return str(file)


def refused(overrides: dict, name: str = "synthetic") -> str:
    """The words with which a scenario with these overrides is refused."""
    with pytest.raises(ScenarioError) as error:
        load_scenario(name, overrides)
    return str(error.value)


@pytest.mark.parametrize("tiny", [False, True])
@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_that_comes_with_the_study_loads(name, tiny):
    scenario = load_scenario(name, tiny=tiny)
    assert scenario.name == name
    assert scenario.question.endswith("?")


@pytest.mark.parametrize("name", scenario_names())
def test_scenario_files_are_short_and_tiny_changes_something(name):
    lines = (locations.SCENARIOS / f"{name}.yml").read_text().splitlines()
    assert len(lines) <= 30
    assert load_scenario(name, tiny=True).fingerprint != load_scenario(name).fingerprint


def test_unknown_scenario_names_the_nearest_and_all_others():
    with pytest.raises(ScenarioError, match="did you mean 'synthetic'") as error:
        load_scenario("syntetic")
    assert all(name in str(error.value) for name in scenario_names())


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("sead", "seed"),
        ("faces.0.person", "persons"),
        ("audited_model.epoch", "epochs"),
        ("detectors.seed", "seeds"),
        ("roles.member_person", "member_persons"),
        ("splits.tests", "test"),
    ],
)
def test_unknown_key_names_the_nearest(key, nearest):
    words = refused({key: 1})
    assert f"did you mean {nearest!r}" in words
    assert key.split(".")[-1] in words


def test_unknown_key_in_a_file_is_as_bad_as_one_on_the_command_line(tmp_path):
    with pytest.raises(ScenarioError, match="mine.yml.*'rival'.*did you mean 'rivals'"):
        load_scenario(written(tmp_path, rival=[]))


@pytest.mark.parametrize(
    ("key", "value", "choices"),
    [
        ("rivals", ["head_maxx"], ["head_max", "flip_consistency"]),
        ("controls", ["pixel"], ["pixels", "untrained_twin"]),
        ("detectors.methods", ["mlp"], ["vanilla", "cnn"]),
        ("audited_model.family", "resnet", ["iresnet", "facenet"]),
        ("audited_model.loss", "triplet", ["cosface", "arcface"]),
        ("faces.0.kind", "folder", ["folders", "lfw", "synthetic"]),
        ("faces.0.look", "beach", ["studio", "street"]),
        ("assignment", "guessed", ["random", "observed"]),
    ],
)
def test_unknown_value_names_key_value_and_choices(key, value, choices):
    words = refused({key: value})
    assert key.split(".")[0] in words
    assert (value[0] if isinstance(value, list) else value) in words
    assert all(choice in words for choice in choices)


def test_wrong_type_and_range_name_the_key_and_what_was_given():
    assert "persons" in refused({"faces.0.persons": "many"})
    assert "'many'" in refused({"faces.0.persons": "many"})
    assert "roles.member_persons" in refused({"roles.member_persons": 1.0})
    assert "got 0" in refused({"detectors.seeds": 0})


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("seed", "abc", "seed: must be a whole number (got 'abc')"),
        ("splits.fit", "half", "splits.fit: must be a number (got 'half')"),
        ("swapped_halves", "maybe", "swapped_halves: must be true or false (got 'maybe')"),
        ("question", 7, "question: must be text; quote what looks like a number (got 7)"),
        ("detectors.methods", "vanilla", "detectors.methods: must be a list, such as [one, two]"),
        ("detectors", 3, "detectors: must be a block of keys and values (got 3)"),
        ("albums", [1], "albums.0: must be at least 2 (got 1)"),
        ("roles.member_persons", 2, "roles.member_persons: must be less than 1.0 (got 2)"),
        ("resamples", 5, "resamples: must be at least 400 (got 5)"),
        ("audited_model.family", "resnet", "did you mean 'iresnet'? Choices: iresnet, facenet"),
        ("detectors.methods", ["vanila"], "unknown value 'vanila': did you mean 'vanilla'?"),
        ("cluster", "abc", "cluster: must be `local` or a scheduler's address"),
        ("faces", [], "faces: must name at least 1"),
    ],
)
def test_what_would_be_right_is_said_in_plain_words(key, value, says):
    words = refused({key: value})
    assert says in words
    assert "Input should" not in words and "tag" not in words


def test_a_key_that_is_missing_is_named(tmp_path):
    file = tmp_path / "short.yml"
    file.write_text("question: What?\n")
    words = refused({}, str(file))
    assert all(f"{key}: is missing" in words for key in ("assignment", "faces", "audited_model"))


def test_dotted_overrides_reach_blocks_and_lists():
    scenario = load_scenario(
        "synthetic", {"faces.0.persons": 30, "splits.fit": 0.5, "splits.test": 0.3, "seed": 7}
    )
    assert scenario.faces[0].persons == 30
    assert scenario.splits.fit == 0.5
    assert scenario.seed == 7
    assert load_scenario("synthetic", {"audited_model.taps.1": "bn"}).audited_model.taps[1] == "bn"


def test_override_makes_a_block_that_the_file_leaves_out(tmp_path):
    content = yaml.safe_load((locations.SCENARIOS / "synthetic.yml").read_text())
    del content["roles"]
    file = tmp_path / "mine.yml"
    file.write_text(yaml.safe_dump(content))
    assert load_scenario(str(file), {"roles.max_images": 3}).roles.max_images == 3


def test_overrides_come_after_tiny():
    assert load_scenario("synthetic", {"faces.0.persons": 50}, tiny=True).faces[0].persons == 50


@pytest.mark.parametrize("key", ["faces.1.persons", "faces.-1.persons", "faces.first.persons"])
def test_bad_list_index_says_which_numbers_are_possible(key):
    assert f"-o {key}" in refused({key: 3})
    assert "a number from 0 to 0" in refused({key: 3})


@pytest.mark.parametrize("key", ["seed.x", "seed.x.y", "faces.0.persons.much"])
def test_override_into_a_scalar_is_refused(key):
    assert f"-o {key}" in refused({key: 1})


@pytest.mark.parametrize("text", ["faces: [", "a: b: c", "\tseed: 1"])
def test_invalid_yaml_names_the_file(tmp_path, text):
    file = tmp_path / "broken.yml"
    file.write_text(text)
    words = refused({}, str(file))
    assert "broken.yml is not valid YAML: line " in words and "\n" not in words


@pytest.mark.parametrize("text", ["", "- 1\n- 2", "just words"])
def test_yaml_that_is_no_mapping_is_refused(tmp_path, text):
    file = tmp_path / "odd.yml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match="must hold keys and values"):
        load_scenario(str(file))


def test_path_to_a_file_is_as_good_as_a_name(tmp_path):
    scenario = load_scenario(written(tmp_path))
    assert scenario.name == "mine"
    assert scenario.fingerprint == load_scenario("synthetic").fingerprint
    with pytest.raises(ScenarioError, match="no scenario file at .*nowhere.yml.*mint-study list"):
        load_scenario(str(tmp_path / "nowhere.yml"))
    assert "the scenario 'synthetic' is named without .yml" in refused({}, "synthetic.yml")
    assert "is not a scenario: name a .yml file" in refused({}, str(tmp_path))


def test_splits_must_be_whole():
    assert "must be 1" in refused({"splits.fit": 0.5})


def test_roles_are_drawn_or_observed_but_not_both():
    assert "remove `role`" in refused({"faces.0.role": "member"})
    assert "every source needs a `role`" in refused({"assignment": "observed"})


def test_detectors_need_persons_to_fit_on():
    nothing_fitted = {"splits.fit": 0, "splits.calibrate": 0, "splits.test": 1}
    assert "splits.fit is 0" in refused(nothing_fitted)
    scenario = load_scenario("synthetic", nothing_fitted | {"detectors.methods": []})
    assert scenario.rivals
    assert "nothing to score" in refused({"detectors.methods": [], "rivals": []})


def test_an_audit_without_controls_is_refused():
    assert "controls" in refused({"controls": []})


def test_fingerprint_is_of_what_can_change_a_result(tmp_path):
    before = load_scenario("synthetic").fingerprint
    renamed = load_scenario(written(tmp_path, question="Another question?", tiny={}))
    assert renamed.name == "mine"
    assert renamed.fingerprint == before
    assert len(before) == 64


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 1),
        ("faces.0.persons", 241),
        ("faces.0.look", "street"),
        ("faces.0.group", "drawn"),
        ("roles.exclude", ["synthetic_00001"]),
        ("audited_model.loss", "arcface"),
        ("audited_model.taps", ["stage4", "stage3", "stage2", "stage1"]),
        ("detectors.samples", 99),
        ("rivals", ["embedding_norm"]),
        ("controls", ["pixels"]),
        ("resamples", 999),
        ("attested_by", "a notary"),
    ],
)
def test_fingerprint_changes_with_every_other_key(key, value):
    changed = load_scenario("synthetic", {key: value})
    assert changed.fingerprint != load_scenario("synthetic").fingerprint


def test_fingerprint_does_not_depend_on_the_order_of_keys(tmp_path):
    content = yaml.safe_load((locations.SCENARIOS / "synthetic.yml").read_text())
    file = tmp_path / "turned.yml"
    file.write_text(yaml.safe_dump(dict(reversed(content.items())), sort_keys=False))
    assert load_scenario(str(file)).fingerprint == load_scenario("synthetic").fingerprint


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1),  # NumPy refuses it when training begins
        ("faces.0.group", "a/b"),  # splits image ids in the wrong place
        ("audited_model.taps", []),
        ("audited_model.taps", ["stage1", "stage1"]),
        ("detectors.methods", ["vanilla", "vanilla"]),
        ("rivals", ["head_max", "head_max"]),
    ],
)
def test_values_that_cannot_work_are_refused_when_the_scenario_is_read(key, value):
    assert key.split(".")[-1] in refused({key: value})


@pytest.mark.parametrize("tiny", [["faces.0.persons"], "small", {3: 4}])
def test_a_tiny_block_that_is_none_is_refused_in_words(tmp_path, tiny):
    with pytest.raises(ScenarioError, match="tiny"):
        load_scenario(written(tmp_path, tiny=tiny), tiny=True)


def test_a_relative_path_means_the_same_file_in_every_folder(tmp_path, monkeypatch):
    (tmp_path / "mine.yml").write_text((locations.SCENARIOS / "synthetic.yml").read_text())
    monkeypatch.chdir(tmp_path)
    name = portable_name("mine.yml")
    monkeypatch.chdir(locations.REPOSITORY)
    assert load_scenario(name).name == "mine"
    assert portable_name("synthetic") == "synthetic"


def test_chance_cannot_decide_whom_a_published_model_was_trained_on():
    with pytest.raises(ScenarioError, match="assignment: observed"):
        load_scenario("synthetic", {"audited_model": {"family": "facenet"}})


def test_label_free_audits_keep_a_pixels_control():
    with pytest.raises(ScenarioError, match="pixels control has no method"):
        load_scenario("facenet_casia", {"rivals": ["flip_consistency"]})


# References, swapped halves, albums, and faces that a model is trained on elsewhere

ELSEWHERE = {"kind": "synthetic", "first": 5000, "persons": 30}


def test_what_is_left_out_is_as_a_plain_audit_has_it():
    scenario = load_scenario("facenet_casia", {"references": None, "controls": ["pixels"],
                             "rivals": ["embedding_norm"], "albums": [2]})  # fmt: skip
    assert scenario.references is None
    assert scenario.swapped_halves is False
    plain = load_scenario("synthetic")
    assert plain.audited_model.trained_on is None
    assert plain.audited_model.crop == 0
    assert plain.faces[0].first == 0
    assert plain.faces[0].exclude == ()
    assert plain.albums == (2, 4, 8)


def test_keys_of_references_are_read():
    halves = load_scenario("synthetic", {"references": {"kind": "halves", "pairs": 3}}).references
    assert (halves.pairs, halves.epochs) == (3, None)
    published = {"kind": "published", "model": {"family": "facenet", "standardise": True}}
    assert load_scenario("synthetic", {"references": published}).references.model.standardise


@pytest.mark.parametrize(
    ("block", "key"),
    [
        ("faces.0", "kind"),
        ("audited_model", "family"),
        ("audited_model.trained_on", "kind"),
        ("references", "kind"),
    ],
)
def test_a_block_of_several_shapes_says_what_chooses_among_them(block, key):
    kinds = CHOSEN_BY[block.removesuffix(".0").split(".")[-1]]
    wanted = f"synthetic.yml: {block}: needs a {key}: one of {', '.join(kinds)}"
    assert refused({block: {}}) == wanted
    odd = refused({block: {key: "odd"}})
    assert odd.startswith(f"synthetic.yml: {block}: ")
    assert all(kind in odd for kind in ["odd", *kinds])
    assert refused({block: "odd"}).startswith(f"synthetic.yml: {block}: ")


def test_what_can_be_chosen_is_what_can_be_opened():
    assert set(CHOSEN_BY["faces"]) == set(CHOSEN_BY["trained_on"]) == set(SOURCES)
    assert set(CHOSEN_BY["audited_model"]) == set(FAMILIES)
    assert CHOSEN_BY["references"] == ["halves", "published"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"references": {"kind": "halves", "pair": 2}}, "references: unknown key 'pair'.*'pairs'"),
        ({"references": {"kind": "halves", "pairs": 0}}, r"references.pairs: .*\(got 0\)"),
        ({"references": {"kind": "published"}}, "references.model: is missing"),
        (
            {"references": {"kind": "published", "model": {"family": "iresnet"}}},
            r"references.model: .*'iresnet'.*'facenet'",
        ),
        (
            {"audited_model.trained_on": ELSEWHERE | {"person": 3}},
            "audited_model.trained_on: unknown key 'person'.*'persons'",
        ),
        (
            {"audited_model.trained_on": ELSEWHERE | {"first": -1}},
            r"audited_model.trained_on.first: .*\(got -1\)",
        ),
        ({"faces.0.first": -1}, r"faces.0.first: .*\(got -1\)"),
        ({"faces.0.exclude": "Ann"}, r"faces.0.exclude: .*\(got 'Ann'\)"),
        ({"audited_model.crop": 0.6}, r"audited_model.crop: .*0.5 \(got 0.6\)"),
        ({"audited_model.crop": -0.1}, r"audited_model.crop: .*\(got -0.1\)"),
        ({"albums": [2, 1]}, r"albums.1: .*2 \(got 1\)"),
        ({"albums": ["many"]}, r"albums.0: .*\(got 'many'\)"),
        ({"swapped_halves": "maybe"}, r"swapped_halves: .*\(got 'maybe'\)"),
        ({"swapped_halve": True}, "unknown key 'swapped_halve'.*'swapped_halves'"),
        (
            {"detectors.methods": ["calibrate"]},
            r"methods.0: unknown value 'calibrate': did you mean 'calibrated'",
        ),
    ],
)
def test_what_is_wrong_with_a_key_is_said_with_where_it_is(overrides, words):
    said = refused(overrides)
    assert re.search(f"^synthetic.yml: .*{words}", said), said


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"rivals": ["lira_norm", "rmia_consistency"]}, ["lira_norm", "rmia_consistency"]),
        ({"controls": ["reference_twin", "pixels"]}, ["reference_twin"]),
        ({"rivals": ["lira_norm"], "controls": ["reference_twin"]}, ["lira_norm", "reference_tw"]),
    ],
)
def test_whatever_looks_through_references_needs_some(overrides, named):
    words = refused(overrides)
    assert all(name in words for name in [*named, "add `references: {kind: halves}`"])
    assert load_scenario("synthetic", overrides | {"references.kind": "halves"}).references


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("synthetic", {"audited_model.trained_on": ELSEWHERE}),
        ("facenet_casia", {}),
        ("synthetic_shift", {"audited_model.trained_on": None}),
    ],
    ids=["trained on others", "published", "observed"],
)
def test_halves_are_swapped_only_where_chance_drew_whom_the_study_trains_on(name, overrides):
    assert load_scenario(name, overrides)
    words = refused(overrides | {"swapped_halves": True}, name)
    assert "swapped_halves needs a model that the study trains on members drawn by chance" in words


def test_albums_may_be_left_out_and_are_named_once():
    assert load_scenario("synthetic", {"albums": []}).albums == ()
    assert "albums: each may be named once: 2, 4, 2" in refused({"albums": [2, 4, 2]})


def test_calibrated_mint_is_a_method_of_its_own():
    methods = ["calibrated", "vanilla"]
    assert load_scenario("synthetic", {"detectors.methods": methods}).detectors.methods == (
        "calibrated",
        "vanilla",
    )
    assert "each may be named once" in refused({"detectors.methods": ["calibrated", "calibrated"]})


def test_audits_with_calibrated_mint_alone_keep_a_pixels_control():
    """Calibrated MINT asks how steady a model is, which pictures alone cannot be asked."""
    alone = {"detectors.methods": ["calibrated"], "rivals": ["head_max"]}
    assert load_scenario("synthetic", alone | {"rivals": ["embedding_norm"]})
    assert "pixels control has no method" in refused(alone)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("references", {"kind": "halves"}),
        ("references", {"kind": "halves", "pairs": 3}),
        ("references", {"kind": "halves", "epochs": 3}),
        ("swapped_halves", True),
        ("albums", [2, 4]),
        ("audited_model.trained_on", ELSEWHERE),
        ("audited_model.trained_on", ELSEWHERE | {"first": 5001}),
        ("audited_model.crop", 0.1),
        ("faces.0.first", 1),
        ("faces.0.exclude", ["synthetic_00001"]),
        ("detectors.methods", ["vanilla", "cnn"]),
    ],
)
def test_fingerprint_changes_with_the_newer_keys_too(key, value):
    changed = load_scenario("synthetic", {key: value}).fingerprint
    assert changed != load_scenario("synthetic").fingerprint
    assert changed == load_scenario("synthetic", {key: value}).fingerprint


def test_scenarios_of_one_model_do_train_the_same_model():
    """lfw_reference and lfw_swapped say that they audit the model of lfw."""
    plain = load_scenario("lfw")
    for name in ("lfw_reference", "lfw_swapped"):
        other = load_scenario(name)
        for key in ("assignment", "seed", "faces", "roles", "splits"):
            assert getattr(other, key) == getattr(plain, key), (name, key)
        assert other.audited_model == plain.audited_model


def test_the_nulls_train_on_nobody_who_is_in_the_audit():
    for name in ("synthetic_null", "synthetic_shift"):
        scenario = load_scenario(name)
        elsewhere = scenario.audited_model.trained_on
        trained_on = range(elsewhere.first, elsewhere.first + elsewhere.persons)
        for source in scenario.faces:
            audited = range(source.first, source.first + source.persons)
            assert not set(trained_on) & set(audited), name
