"""A report that hides faces: nobody is seen, named or found in it, and it says so."""

import json
import re

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import SMALL, drawn_faces
from PIL import Image

from mint_utils.evidence.verdict import warnings
from mint_utils.faces import FaceSet, assemble
from mint_utils.figures.described import SHOW_FACES
from mint_utils.hidden import coded, told, told_fingerprint
from mint_utils.reporting.verify import differences
from mint_utils.scenario import SyntheticFaces
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import SyntheticSource, UnreadableImage, open_sources
from mint_utils.study import run_study

PERSON, FILE = "Quixote", "secretfile"  # part of every name and of every file's name
HOSTILE = "<img src=x onerror=alert(1)>"


def listed() -> pd.DataFrame:
    rows = [(f"one/{PERSON} {n}/{i}.png", f"{PERSON} {n}") for n in range(4) for i in range(3)]
    table = pd.DataFrame(rows, columns=["image_id", "identity"])
    return table.assign(source="one", role="member", split="test")


def pictures(brightness: int = 0):
    def read(source: str, image_id: str) -> np.ndarray:
        return np.full((2, 2, 3), brightness + sum(image_id.encode()) % 100, np.uint8)

    return read


def test_codes_stand_for_persons_and_files_and_say_nothing_of_them():
    table = coded(listed(), pictures())
    assert table["identity"].nunique() == 4 and table["image_id"].is_unique
    assert table["image_id"].str.fullmatch(r"one/person_\d/00[123]").all()
    assert (table["image_id"].str.split("/").str[1] == table["identity"]).all()
    assert table["image_id"].is_monotonic_increasing, "their order tells no names either"
    of = table.assign(true=table["read_as"].str.split("/").str[1]).groupby("identity")["true"]
    assert (of.nunique() == 1).all(), "a person keeps together"


def test_codes_hang_on_the_pictures_and_not_on_the_order_of_names():
    usual = coded(listed(), pictures())
    again = coded(listed().sample(frac=1, random_state=0).reset_index(drop=True), pictures())
    pd.testing.assert_frame_equal(usual, again)
    known = usual.set_index("read_as")["identity"]
    others = [coded(listed(), pictures(n)).set_index("read_as")["identity"] for n in (50, 99)]
    assert any(not known.equals(other[known.index]) for other in others)


def test_images_are_read_under_their_own_names_and_refused_without_them():
    source = SyntheticSource(SyntheticFaces(kind="synthetic", persons=2, images=2, size=32), 0)
    table = source.images().assign(source="synthetic", role="member", split="test")
    faces = FaceSet(coded(table, lambda _, image_id: source.read(image_id)), {"synthetic": source})
    row = faces.table["read_as"].tolist().index(table["image_id"][1])
    np.testing.assert_array_equal(faces.read(row), source.read(table["image_id"][1]))

    class Torn(SyntheticSource):
        def read(self, image_id):
            raise UnreadableImage(f"{image_id}: /home/{PERSON} is torn")

    torn = FaceSet(faces.table, {"synthetic": Torn(source.spec, 0)})
    with pytest.raises(UnreadableImage) as error:
        torn.read(0)
    assert str(error.value) == f"{faces.table['image_id'][0]}: cannot be read"


def test_roles_and_splits_are_those_that_a_report_with_faces_has():
    sizes = {"faces.0.persons": 24, "faces.0.images": 4}
    shown = load_scenario("synthetic", sizes)
    hidden = load_scenario("synthetic", sizes | {"report.faces": "hidden"})
    one, other = (assemble(open_sources(s), s).table for s in (shown, hidden))
    both = one.merge(other, left_on="image_id", right_on="read_as", suffixes=("", "_hidden"))
    assert len(both) == len(one)
    assert (both["role"] == both["role_hidden"]).all()
    assert (both["split"] == both["split_hidden"]).all()
    assert shown.fingerprint != hidden.fingerprint


def test_a_manifest_tells_neither_persons_nor_paths():
    source = {"kind": "folders", "path": f"/home/{PERSON}/photos", "exclude": [PERSON, "Sancho"]}
    overrides = {"faces": [source], "roles.exclude": [PERSON], "report.faces": "hidden"}
    scenario = load_scenario("synthetic", overrides)
    said = told(scenario)
    assert PERSON not in json.dumps(said) and "Sancho" not in json.dumps(said)
    assert said["faces"][0]["exclude"] == ["hidden", "hidden"], "how many is told"
    shown = scenario.model_copy(update={"report": type(scenario.report)()})
    assert PERSON in json.dumps(told(shown))


def test_a_guess_of_a_name_or_a_path_is_not_confirmed():
    one, other = (
        load_scenario("synthetic", {"roles.exclude": [name], "report.faces": "hidden"})
        for name in (PERSON, "Sancho")
    )
    assert one.fingerprint != other.fingerprint
    assert told_fingerprint(one) == told_fingerprint(other)
    own = {"family": "own", "module": f"/home/{PERSON}/net.py:model", "taps": ["a"],
           "preprocess": {"size": 32}, "weights": f"/home/{PERSON}/net.safetensors"}  # fmt: skip
    audited = {"audited_model": own, "controls": ["pixels"], "report.faces": "hidden"}
    assert PERSON not in json.dumps(told(load_scenario("facenet_casia", audited)))
    overrides = {"roles.exclude": [PERSON], "seed": 1}
    said = warnings(pd.DataFrame(), "", "random", overrides, hidden=True)
    assert said == ["This run differs from the scenario's file: in 2 keys."]


# A whole report, of files whose names are hostile as well


@pytest.fixture(scope="module")
def hidden_report(tmp_path_factory):
    home = tmp_path_factory.mktemp(f"{PERSON}s home")
    (home / "faces").mkdir()
    rows = []
    for person, face in enumerate(drawn_faces(24)):
        for image in range(6):
            path = f"faces/{FILE} {person} {image} &'{HOSTILE[:4]}.png"
            lighter = np.clip(face.astype(int) + 9 * image, 0, 255).astype(np.uint8)
            Image.fromarray(np.roll(lighter, image, axis=1)).save(home / path)
            name = f"{PERSON} {person} {HOSTILE} ](javascript:alert(2)) \"'"
            rows.append({"path": path, "identity": name, "group": f"group {HOSTILE}"})
    (home / "faces" / f"{FILE} torn.png").write_bytes(b"no image")
    torn = {"path": f"faces/{FILE} torn.png", "identity": rows[0]["identity"], "group": "torn"}
    pd.DataFrame([*rows, torn]).to_csv(home / f"{FILE}.csv", index=False)
    content = {
        "question": f'Is it {HOSTILE} "quoted"?',
        "assignment": "random",
        "faces": [{"kind": "manifest", "path": str(home / f"{FILE}.csv")}],
        "audited_model": {"family": "iresnet", "taps": ["stage2", "stage4"]},
        "detectors": {"methods": ["vanilla", "cnn"]},
        "rivals": ["embedding_norm"],
        "albums": [2],
        "report": {"faces": "hidden"},
    }
    (home / "handed_over.yml").write_text(yaml.safe_dump(content))
    smaller = {key: value for key, value in SMALL.items() if not key.startswith("faces")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(home / "cache"))
        patch.setenv("MINT_REPORTS", str(tmp_path_factory.mktemp("handed_over")))
        return run_study(str(home / "handed_over.yml"), smaller, cell_seconds=300)


def texts(report):
    """(file, what it says) of every file that is no picture; tables as text."""
    for file in sorted(f for f in report.rglob("*") if f.is_file() and f.suffix != ".png"):
        said = pd.read_parquet(file).to_csv() if file.suffix == ".parquet" else file.read_text()
        yield file.relative_to(report).as_posix(), said


def test_no_name_file_name_or_folder_is_in_it(hidden_report):
    seen = 0
    for file, said in texts(hidden_report):
        for secret in (PERSON, FILE, "faces/"):
            assert secret not in said, f"{secret} in {file}"
        seen += 1
    assert seen > 20
    assert not [f for f in hidden_report.rglob("*") if PERSON in f.name or FILE in f.name]


def test_no_face_and_no_activation_map_is_in_it(hidden_report):
    figures = {file.stem[3:] for file in (hidden_report / "figures").glob("*.png")}
    assert figures and not figures & SHOW_FACES
    assert not list(hidden_report.glob("06_explorer*"))
    kept = 0
    for file in hidden_report.glob("*.ipynb"):
        for cell in nbformat.read(file, as_version=4).cells:
            for output in cell.get("outputs", []):
                assert not {key for key in output.get("data", {}) if "widget" in key}
                if "image/png" in output.get("data", {}):
                    kept += 1
                    (name,) = re.findall(r'save_figure\("(\w+)"', cell.source)
                    assert name in figures
    assert kept == len(figures)
    pages = [(hidden_report / "index.html").read_text()]
    pages += [file.read_text() for file in hidden_report.glob("0*.html")]
    drawn = sum(page.count("data:image/png") for page in pages)
    assert drawn == 2 * len(figures), "each once on its own page and once in the report"


def test_no_embedding_centre_or_hash_of_a_person_is_in_it(hidden_report):
    assert not (hidden_report / "models").exists()
    assert not [f for f in hidden_report.rglob("*") if f.suffix in (".safetensors", ".npy", ".pt")]
    for file, said in texts(hidden_report):
        if file.startswith("tables/"):
            assert not {"digest", "perceptual", "read_as"} & {*said.partition("\n")[0].split(",")}


def test_it_says_what_is_left_out_and_stands_by_itself(hidden_report):
    page = (hidden_report / "index.html").read_text()
    assert "This report hides faces" in page
    assert "Left out, as this report hides faces" in (hidden_report / "01_faces.html").read_text()
    assert 'href="06_explorer' not in (hidden_report / "05_evidence.html").read_text()
    skipped = pd.read_csv(hidden_report / "tables" / "skipped.csv")
    assert skipped["why"].tolist() == [f"{skipped['image_id'][0]}: cannot be read"]
    assert differences(hidden_report) == []


def test_hostile_words_are_shown_as_words(hidden_report):
    for file in [hidden_report / "index.html", *hidden_report.glob("0*.html")]:
        page = file.read_text()
        assert "<img src=x" not in page and "javascript:alert" not in page, file.name
    assert "&lt;img src=x" in (hidden_report / "index.html").read_text(), "the question"
    assert "group &lt;img" in (hidden_report / "05_evidence.html").read_text(), "a group"
    faces = pd.read_csv(hidden_report / "tables" / "faces.csv")
    assert list(faces) == ["image_id", "identity", "source", "role", "split", "group"]
