"""Asking a finished run: the same numbers as the run's own, no known person, plain words."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_report import Finished, written
from PIL import Image
from typer.testing import CliRunner

from mint_utils import locations
from mint_utils.albums import draw_albums
from mint_utils.asking.answers import in_words
from mint_utils.asking.ask import ask
from mint_utils.asking.asked_images import asked_images
from mint_utils.audited import reopen
from mint_utils.cli import app
from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.rungs import scores_of
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import open_sources


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """The report, to be broken."""
    return Path(shutil.copytree(finished.report, tmp_path / "reports" / "synthetic"))


@pytest.fixture
def strangers(finished, tmp_path) -> Path:
    """One photo of each of five external test persons."""
    rows = [finished.rows("test", "external", person)[0] for person in range(5)]
    return written(finished.faces, rows, tmp_path / "strangers")


def expected(finished: Finished, rung: pd.Series, units) -> pd.DataFrame:
    """What the run's own score table says of test units, turned as the rung turns its method."""
    turned = scores_of(finished.scores, dict(rung))
    turned = turned[turned["target"] == "audited"]
    known = turned[(turned["split"] == "calibrate") & (turned["role"] == "external")]
    test = turned[turned["split"] == "test"].set_index("unit").loc[units]
    p = image_p_values(
        test["score"].to_numpy(), known["score"].to_numpy(), known["identity"].to_numpy()
    )
    return test.assign(p=p)


def rung_of(finished: Finished, row: pd.Series) -> pd.Series:
    same = (finished.rungs["k"] == row["photos"]) & (finished.rungs["access"] == row["access"])
    (rung,) = finished.rungs[same & (finished.rungs["contrast"] == row["contrast"])].iloc
    return rung


# The same numbers as the run's


def test_images_get_the_p_values_of_the_runs_own_table(finished, tmp_path):
    rows = finished.rows("test", "external", 0, 4) + finished.rows("test", "member", 0, 4)
    answer = ask(finished.report, written(finished.faces, rows, tmp_path / "q"))
    assert list(answer.images["access"].unique()) == ["outcome", "activations", "head_blind"]
    for _, asked in answer.images.groupby("access"):
        rung = rung_of(finished, asked.iloc[0])
        assert rung["contrast"] == "member_vs_external"
        assert list(asked["unit"]) == finished.names(sorted(rows))
        wanted = expected(finished, rung, finished.faces.table["image_id"][sorted(rows)])
        np.testing.assert_allclose(asked["score"], wanted["score"], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(asked["p_value"], wanted["p"])
        if not rung["method"].endswith("(reversed)"):
            np.testing.assert_array_equal(asked["p_value"], wanted["p_value"])


@pytest.mark.parametrize(
    ("role", "part", "contrast"),
    [
        ("external", "main", "member_vs_external"),
        ("member", "main", "member_vs_external"),
        ("external", "aside", "held_out_vs_external"),
        ("held_out", "aside", "held_out_vs_external"),
    ],
)
def test_a_person_gets_the_p_values_of_the_runs_own_albums(
    finished, tmp_path, role, part, contrast
):
    table = finished.faces.table
    albums = draw_albums(table, finished.scenario.albums, finished.scenario.seed)
    drawn = albums[(albums["role"] == role) & (albums["split"] == "test")]
    drawn = drawn[drawn["unit"].str.contains(f"/{part}-")]
    album = drawn.sort_values("n_images").iloc[-1]
    answer = ask(finished.report, written(finished.faces, album["rows"], tmp_path / "q"), True)
    assert answer.folder.empty
    rows = answer.person[answer.person["contrast"] == contrast]
    assert (rows["photos"] == album["n_images"]).all() and len(rows)
    for _, row in rows.iterrows():
        wanted = expected(finished, rung_of(finished, row), [album["unit"]]).iloc[0]
        assert row["score"] == pytest.approx(wanted["score"], rel=1e-4, abs=1e-5)
        assert row["p_value"] == wanted["p"]


def test_every_image_method_of_the_run_can_be_asked(finished, copy, strangers):
    """Whichever method represents a rung, and turned either way, it scores as the run scored it."""
    some = finished.scores[(finished.scores["target"] == "audited")]
    units = finished.faces.table["image_id"][[int(f.stem) for f in sorted(strangers.iterdir())]]
    methods = some.loc[some["n_images"] == 1, ["method", "aad", "access"]].drop_duplicates()
    rungs = pd.read_csv(copy / "tables" / "rungs.csv").iloc[[0]]
    methods = methods[methods["access"].isin(["outcome", "activations", "head_blind"])]
    for number, (method, aad, access) in enumerate(methods.to_numpy()):
        named = f"{method} on {aad}" + " (reversed)" * (number % 2)
        rung = rungs.assign(access=access, method=named)
        rung.to_csv(copy / "tables" / "rungs.csv", index=False)
        images = ask(copy, strangers).images
        wanted = expected(finished, rung.iloc[0], units)
        np.testing.assert_allclose(images["score"], wanted["score"], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(images["p_value"], wanted["p"], named)
    assert {"calibrated", "cnn", "batch_norm_distance", "head_views"} < set(methods["method"])


@pytest.mark.parametrize(
    ("method", "access"),
    [
        ("similarity on outcome", "outcome"),
        ("spread on outcome (reversed)", "outcome"),
        ("head_of_mean on head", "head_blind"),
        ("augmentation_consistency on stage2 (reversed)", "activations"),
    ],
)
def test_every_album_method_of_the_run_can_be_asked(finished, copy, tmp_path, method, access):
    rungs = pd.read_csv(copy / "tables" / "rungs.csv")
    rung = rungs[rungs["k"] == 4].iloc[[0]].assign(access=access, method=method)
    pd.concat([rungs[rungs["k"] == 1], rung]).to_csv(copy / "tables" / "rungs.csv", index=False)
    albums = draw_albums(finished.faces.table, (4,), finished.scenario.seed)
    for role in ("member", "external"):
        drawn = albums[(albums["role"] == role) & (albums["split"] == "test")].iloc[0]
        answer = ask(copy, written(finished.faces, drawn["rows"], tmp_path / role), True)
        (row,) = answer.person.iloc
        wanted = expected(finished, rung.iloc[0], [drawn["unit"]]).iloc[0]
        assert row["score"] == pytest.approx(wanted["score"], rel=1e-4, abs=1e-5)
        assert row["p_value"] == wanted["p"]


def test_the_class_centres_tell_members_from_strangers(finished, tmp_path):
    mean = {}
    for role in ("member", "external"):
        rows = finished.rows("test", role, 0, 10)
        images = ask(finished.report, written(finished.faces, rows, tmp_path / role)).images
        mean[role] = images.loc[images["access"] == "head_blind", "p_value"].mean()
    assert mean["member"] < 0.25 < 0.4 < mean["external"]


def test_the_model_is_the_runs_own(finished):
    again = reopen(finished.scenario, finished.report / "models")
    assert again.digest() == finished.model.digest()
    assert again.classes == finished.model.classes


# The folder and the person


def test_copies_count_once(finished, tmp_path):
    rows = [finished.rows("test", "external", person)[0] for person in range(3)]
    once = ask(finished.report, written(finished.faces, rows, tmp_path / "once"))
    twice = written(finished.faces, rows, tmp_path / "twice")
    shutil.copyfile(twice / f"{rows[0]:04d}.png", twice / "again.png")
    Image.open(twice / f"{rows[1]:04d}.png").save(twice / "saved_again.jpg", quality=90)
    again = ask(finished.report, twice)
    assert again.copies == 2 and len(again.images) == len(once.images) // 3 * 5
    assert (again.folder["photos"] == 3).all()
    np.testing.assert_array_equal(again.folder["p_value"], once.folder["p_value"])
    first, second = (f"{row:04d}.png" for row in rows[:2])
    named = f"2 photographs: again.png of {first}; saved_again.jpg of {second}. Counted once"
    assert named in in_words(again)


def test_one_photo_saved_twice_is_no_album(finished, tmp_path):
    folder = written(finished.faces, finished.rows("test", "external")[:1], tmp_path / "q")
    (only,) = folder.iterdir()
    Image.open(only).save(folder / "copy.jpg", quality=90)
    with pytest.raises(ValueError, match="at least 2 different photos, 1 found.*albums of 2, 4"):
        ask(finished.report, folder, True)


def test_names_do_not_decide_which_photos_make_the_album(finished, tmp_path):
    rows = finished.rows("test", "external")
    folder = written(finished.faces, rows, tmp_path / "q")
    first = ask(finished.report, folder, True)
    assert first.person["photos"].max() == 4 < len(rows)
    for number, file in enumerate(sorted(folder.iterdir(), reverse=True)):
        file.rename(folder / f"renamed_{number}.png")
    again = ask(finished.report, folder, True)
    np.testing.assert_array_equal(first.person["p_value"], again.person["p_value"])
    assert f"4 of the {len(rows)} different photographs" in in_words(again)


def test_subfolders_are_looked_into_and_one_photo_is_no_folder(finished, tmp_path):
    row = finished.rows("test", "external")[0]
    written(finished.faces, [row], tmp_path / "q" / "a" / "b")
    answer = ask(finished.report, tmp_path / "q")
    assert answer.images["unit"].unique() == [f"a/b/{row:04d}.png"]
    assert answer.folder.empty and answer.person.empty


# Who cannot be asked about


@pytest.mark.parametrize("split", ["fit", "calibrate"])
@pytest.mark.parametrize("role", ["member", "held_out", "external"])
def test_a_known_image_is_refused_by_its_pixels(finished, strangers, split, role):
    row = finished.rows(split, role)[0]
    written(finished.faces, [row], strangers)
    known = finished.faces.table.loc[row]
    with pytest.raises(ValueError, match=f"{row:04d}.png has the pixels of {known['image_id']}"):
        ask(finished.report, strangers)


@pytest.mark.parametrize("split", ["fit", "calibrate"])
def test_a_known_image_saved_again_is_refused_by_its_look(finished, strangers, split):
    row = finished.rows(split, "external")[0]
    picture = Image.fromarray(finished.faces.read(row))
    picture.save(strangers / "me.jpg", quality=90)
    image_id = finished.faces.table["image_id"][row]
    with pytest.raises(ValueError, match=f"me.jpg looks the same as {image_id}.*in {split}"):
        ask(finished.report, strangers)


@pytest.mark.parametrize("place", ["the folder", "a subfolder"])
@pytest.mark.parametrize("split", ["fit", "calibrate"])
def test_a_known_person_is_refused_by_name(finished, tmp_path, split, place):
    """Other photos of a person who was fitted on have other pixels."""
    person = finished.faces.table["identity"][finished.rows(split, "member")[0]]
    row = finished.rows("test", "external")[:1]
    asked = written(finished.faces, row, tmp_path / "q" / person)
    with pytest.raises(ValueError, match=f"a person called {person} was in {split}"):
        ask(finished.report, asked if place == "the folder" else asked.parent)


def test_test_persons_may_be_asked_about_and_are_noticed(finished, tmp_path):
    row = finished.rows("test", "member")[0]
    person = finished.faces.table["identity"][row]
    answer = ask(finished.report, written(finished.faces, [row], tmp_path / person))
    assert answer.tested == 1
    assert "whom the run itself tested: 1 photograph." in in_words(answer)


# What can go wrong


def test_a_rung_that_needs_the_strangers_of_fit_is_left_out_and_says_so(copy, strangers):
    file = copy / "tables" / "rungs.csv"
    rungs = pd.read_csv(file)
    lost = rungs["access"] == "outcome"
    rungs.assign(method=rungs["method"].mask(lost, "one_class on outcome")).to_csv(
        file, index=False
    )
    answer = ask(copy, strangers)
    assert "outcome" not in set(answer.images["access"]) and len(answer.images)
    assert any("the strangers whom the run fitted on" in note for note in answer.notes)
    rungs.assign(method="one_class on outcome").to_csv(file, index=False)
    with pytest.raises(ValueError, match="how far from strangers .* methods beside one_class"):
        ask(copy, strangers)


def test_unreadable_images_are_left_out_and_named(finished, strangers):
    clean = ask(finished.report, strangers)
    (strangers / "broken.jpg").write_bytes(b"no picture")
    (strangers / "notes.txt").write_text("no picture either")
    (strangers / ".hidden.png").write_bytes(b"nor this")
    answer = ask(finished.report, strangers)
    assert list(answer.skipped["image_id"]) == ["broken.jpg"]
    assert "Left out: 1 photograph: broken.jpg is no picture." in in_words(answer)
    assert "Not looked at: 1 other files" in in_words(answer)
    pd.testing.assert_frame_equal(answer.images, clean.images)
    np.testing.assert_array_equal(answer.folder["p_value"], clean.folder["p_value"])


def test_folders_without_readable_images_are_refused(finished, tmp_path):
    (tmp_path / "q").mkdir()
    with pytest.raises(ValueError, match="no images in .*q"):
        ask(finished.report, tmp_path / "q")
    (tmp_path / "q" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"none of 1 images can be read.*broken\.png"):
        ask(finished.report, tmp_path / "q")
    with pytest.raises(NotADirectoryError, match="broken.png is no folder"):
        ask(finished.report, tmp_path / "q" / "broken.png")


def test_one_photo_cannot_be_asked_about_a_person(finished, tmp_path):
    folder = written(finished.faces, finished.rows("test", "external")[:1], tmp_path / "q")
    with pytest.raises(ValueError, match="at least 2 different photos.*albums of 2, 4"):
        ask(finished.report, folder, True)


def test_a_run_without_album_rungs_says_so(copy, strangers):
    file = copy / "tables" / "rungs.csv"
    rungs = pd.read_csv(file)
    rungs[rungs["k"] == 1].to_csv(file, index=False)
    with pytest.raises(ValueError, match="Ask without --one-person"):
        ask(copy, strangers, True)


@pytest.mark.parametrize(
    "gone",
    [
        "manifest.json", "tables/rungs.csv", "models/calibrate.parquet",
        "models/known_images.parquet", "models/audited_model.safetensors", "models/audited",
    ],
)  # fmt: skip
def test_a_report_that_is_not_whole_says_what_to_do(copy, strangers, gone):
    broken = copy / gone
    shutil.rmtree(broken) if broken.is_dir() else broken.unlink()
    with pytest.raises(FileNotFoundError, match="run"):
        ask(copy, strangers)


def test_a_run_without_calibrate_persons_cannot_rank(copy, strangers):
    file = copy / "models" / "calibrate.parquet"
    table = pd.read_parquet(file)
    table[table["role"] == "member"].to_parquet(file, index=False)
    with pytest.raises(ValueError, match="no calibrate persons"):
        ask(copy, strangers)


def test_a_report_of_other_keys_is_called_old(copy, strangers):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["scenario"]["colour"] = "green"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="another version of this study"):
        ask(copy, strangers)


def test_a_run_without_member_images_is_asked_about_the_person(copy, strangers):
    """Such as FaceNet: persons in its training data are known, their photographs are not."""
    file = copy / "tables" / "rungs.csv"
    rungs = pd.read_csv(file)
    rungs[rungs["contrast"] == "held_out_vs_external"].to_csv(file, index=False)
    answer = ask(copy, strangers)
    assert set(answer.images["contrast"]) == {"held_out_vs_external"}
    assert "was the person in this photograph used?" in in_words(answer)
    assert "THE FOLDER: were persons in it used" in in_words(answer)
    rungs[rungs["contrast"] == "member_vs_held_out"].to_csv(file, index=False)
    with pytest.raises(ValueError, match="nothing to say of an image of unknown membership"):
        ask(copy, strangers)


def test_nothing_of_the_photos_is_kept(finished, strangers, isolated, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(isolated / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(isolated / "tmp"))
    (isolated / "tmp").mkdir()

    def state() -> dict:
        files = [f for f in finished.report.rglob("*") if f.is_file()]
        return {f: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    before = state()
    ask(finished.report, strangers)
    assert state() == before
    assert not (isolated / "cache").exists()
    assert not list((isolated / "tmp").iterdir())


def test_pictures_are_read_as_the_runs_source_reads_them(tmp_path):
    """LFW's original pictures show head and shoulders; its source gives the face."""
    picture = np.random.default_rng(0).integers(0, 256, (250, 250, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "me.png")
    for name, side in (("lfw", 125), ("synthetic", 250)):
        asked = asked_images(tmp_path, load_scenario(name)).faces
        assert asked.read(0).shape == (side, side, 3)


# In words


def test_words_say_how_many_strangers_score_as_high(finished, strangers):
    answer = ask(finished.report, strangers)
    said = in_words(answer)
    for row in answer.images[answer.images["access"] == "head_blind"].to_dict("records"):
        (line,) = [line for line in said.splitlines() if line.strip().startswith(row["unit"])]
        assert f"(p {row['p_value']:.2g}" in line
    assert "6 persons to compare with no p-value can be below 0.14" in said
    assert "Left out: methods of the run that need the person's class" in said


def with_verdict(answer, verdict: str):
    tables = {name: getattr(answer, name) for name in ("images", "folder", "person")}
    return replace(answer, **{k: table.assign(verdict=verdict) for k, table in tables.items()})


def test_a_method_that_was_not_shown_to_work_is_not_believed(finished, strangers):
    answer = ask(finished.report, strangers)
    shown = in_words(with_verdict(answer, "membership shown"))
    assert "not shown to work" not in shown and "READ THIS FIRST" not in shown
    for verdict in ("cannot tell", "no evidence"):
        said = in_words(with_verdict(answer, verdict))
        assert said.index("READ THIS FIRST") < said.index("EACH PHOTOGRAPH")
        assert f'the run\'s verdict is "{verdict}". The audit could not show' in said
        assert said.count("[not shown to work]") == len(answer.table)
    said = in_words(with_verdict(answer, "explained by the dataset"))
    assert said.count("[may be the dataset]") == len(answer.table)
    assert "can reflect the difference between the datasets" in said


def test_stated_members_are_a_warning(finished, strangers):
    answer = with_verdict(ask(finished.report, strangers), "membership shown")
    assert answer.warnings == []
    (warning,) = replace(answer, assignment="observed").warnings
    assert "stated, not drawn by chance" in warning


def test_many_photographs_are_many_looks(finished, strangers):
    answer = ask(finished.report, strangers)
    images = answer.images.assign(smallest_p=0.01, p_value=[0.01, 0.5, 0.5, 0.5, 0.5] * 3)
    notes = " ".join(replace(answer, images=images).notes)
    assert "5 photographs were asked about" in notes
    assert "about 0.25 would be at or below 0.05 by chance" in notes
    assert "embeddings 1, activations 1, class centres 1" in notes


# The command


@pytest.fixture
def mint():
    return lambda *words: CliRunner().invoke(app, ["ask", *map(str, words)])


def test_the_command_asks_a_report_of_the_notebooks(beside_tiny, mint, tmp_path):
    faces = pd.read_csv(beside_tiny / "tables" / "faces.csv")
    scenario = json.loads((beside_tiny / "manifest.json").read_text())["scenario"]
    source = open_sources(load_scenario("synthetic", {"faces": scenario["faces"]}))["synthetic"]
    test = faces[(faces["split"] == "test") & (faces["role"] == "external")].head(3)
    (tmp_path / "q").mkdir()
    for number, image_id in enumerate(test["image_id"]):
        Image.fromarray(source.read(image_id)).save(tmp_path / "q" / f"{number}.png")
    shown = mint("synthetic", tmp_path / "q", "--csv", tmp_path / "rows.csv")
    assert shown.exit_code == 0, shown.output
    assert "EACH PHOTOGRAPH" in shown.output and "THE FOLDER" in shown.output
    rows = pd.read_csv(tmp_path / "rows.csv")
    scores = pd.read_parquet(beside_tiny / "tables" / "scores.parquet")
    for row in rows[rows["unit_kind"] == "image"].to_dict("records"):
        method, _, aad = row["method"].removesuffix(" (reversed)").partition(" on ")
        same = scores[(scores["target"] == "audited") & (scores["seed"] == "all")]
        same = same[(same["method"] == method) & (same["aad"] == aad) & (same["n_images"] == 1)]
        (own,) = same[same["unit"] == test["image_id"].iloc[int(row["unit"][0])]].iloc
        assert abs(row["score"]) == pytest.approx(abs(own["score"]), rel=1e-4, abs=1e-5)
        if "reversed" not in row["method"]:
            assert row["p_value"] == pytest.approx(own["p_value"])
    by_path = mint(beside_tiny, tmp_path / "q")
    assert by_path.exit_code == 0 and by_path.stdout in shown.stdout


def test_a_yaml_file_stands_for_its_report(beside_tiny, mint, tmp_path):
    shown = mint(locations.SCENARIOS / "synthetic.yml", tmp_path)
    assert shown.exit_code == 1 and "no images in" in shown.output
