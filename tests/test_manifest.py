"""Tables that name images and persons: read as meant, refused where they say too little."""

import os
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from conftest import drawn_faces
from PIL import Image

from mint_utils.faces import assemble
from mint_utils.hygiene import inspect
from mint_utils.scenario import ManifestFaces
from mint_utils.scenario_file import ScenarioError, load_scenario
from mint_utils.sources import UnreadableImage, open_sources
from mint_utils.sources.manifest import ManifestSource


@pytest.fixture
def data(data_folder):
    """Pictures 0.png to 5.png in data/tables/faces."""
    (data_folder / "tables" / "faces").mkdir(parents=True)
    for number, face in enumerate(drawn_faces(6)):
        Image.fromarray(face).save(data_folder / "tables" / "faces" / f"{number}.png")
    return data_folder


def table(data, columns: dict, name: str = "faces.csv") -> str:
    rows = pd.DataFrame(columns)
    file = data / "tables" / name
    rows.to_csv(file, index=False) if name.endswith("csv") else rows.to_parquet(file, index=False)
    return f"tables/{name}"


def six(**more) -> dict:
    persons = ["Ann", "Ann", "0012", "NA", "NA", "Bo"]
    return {"path": [f"faces/{n}.png" for n in range(6)], "identity": persons} | more


def source(path: str = "tables/faces.csv", **more) -> ManifestSource:
    return ManifestSource(ManifestFaces(kind="manifest", path=path, **more), 0)


@pytest.mark.parametrize("name", ["faces.csv", "faces.parquet", "faces.pq"])
def test_images_are_found_beside_the_table(data, name):
    opened = source(table(data, six(), name), group="mine")
    listed = opened.images()
    assert listed["image_id"].tolist() == [f"mine/faces/{n}.png" for n in range(6)]
    assert listed["identity"].tolist() == six()["identity"]
    for image_id, face in zip(listed["image_id"], drawn_faces(6), strict=True):
        np.testing.assert_array_equal(opened.read(image_id), face)
    assert opened.facts("mine/faces/0.png") == {"width": 32, "height": 32, "jpeg_quality": None}
    assert opened.is_here()


def test_paths_may_be_absolute_and_ids_your_own(data):
    paths = [str(data / "tables" / "faces" / f"{n}.png") for n in range(6)]
    table(data, six(path=paths, image_id=list("abcdef")))
    assert source().images()["image_id"].tolist() == [f"manifest/{letter}" for letter in "abcdef"]
    np.testing.assert_array_equal(source().read("manifest/c"), drawn_faces(3)[2])


def test_numbers_in_a_parquet_table_are_names_too(data):
    listed = source(table(data, six(identity=range(6)), "faces.parquet")).images()
    assert listed["identity"].tolist() == list("012345")


def test_one_table_holds_several_databases(data):
    path = table(data, six(source=["vgg"] * 3 + ["bupt"] * 3))
    assert source(path, source="bupt").images()["identity"].tolist() == ["NA", "NA", "Bo"]
    assert len(source(path).images()) == 6
    with pytest.raises(ValueError, match="unknown source 'bup': did you mean 'bupt'.*vgg"):
        source(path, source="bup").images()
    with pytest.raises(ValueError, match="has no column 'source'"):
        source(table(data, six()), source="bupt").images()


def observed(path: str, **more):
    """The face set of one table whose rows say the roles."""
    block = {"kind": "manifest", "path": path, "role": "column"} | more
    scenario = load_scenario("synthetic", {
        "assignment": "observed", "faces": [block], "rivals": ["embedding_norm"],
        "detectors.methods": [], "splits": {"fit": 0, "calibrate": 0, "test": 1},
    })  # fmt: skip
    return assemble(open_sources(scenario), scenario)


ROLES = ["member", "held_out", "member", "external", "external", "external"]


def test_each_row_may_say_its_role(data):
    path = table(data, six(role=ROLES))
    assert observed(path).table["role"].tolist() == ROLES
    declared = observed(path, held_out_persons=["0012"]).table
    assert declared["role"].tolist() == [*ROLES[:2], "held_out", *ROLES[3:]]


def test_a_role_in_the_scenario_is_the_role_of_all(data):
    path = table(data, six(role=ROLES))
    scenario = load_scenario("synthetic", {
        "assignment": "observed", "detectors.methods": [], "rivals": ["embedding_norm"],
        "splits": {"fit": 0, "calibrate": 0, "test": 1}, "faces": [
            {"kind": "manifest", "path": path, "role": "member"},
            {"kind": "synthetic", "persons": 3, "images": 1, "role": "external"}],
    })  # fmt: skip
    faces = assemble(open_sources(scenario), scenario).table
    assert set(faces.loc[faces["source"] == "manifest", "role"]) == {"member"}
    assert set(faces.loc[faces["source"] == "synthetic", "role"]) == {"external"}


def test_roles_that_are_none_are_refused(data):
    with pytest.raises(ValueError, match="unknown role 'membr': did you mean 'member'"):
        observed(table(data, six(role=["membr", *ROLES[1:]])))
    with pytest.raises(ValueError, match="has no column 'role'"):
        observed(table(data, six()))
    with pytest.raises(ValueError, match="persons are both member persons and externals: Ann"):
        observed(table(data, six(role=["member", *["external"] * 5])))
    with pytest.raises(ScenarioError, match="remove `role`"):
        load_scenario("synthetic", {"faces.0": {"kind": "manifest", "path": "a", "role": "column"}})


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"file": ["a"], "identity": ["A"]}, "has no column 'path': it has file, identity"),
        ({"path": ["a"], "person": ["A"]}, "has no column 'identity': it has path, person"),
        ({"path": ["a", ""], "identity": ["A", "B"]}, "row 2 of 2 has no path"),
        ({"path": ["a", "b"], "identity": ["A", None]}, "row 2 of 2 has no identity"),
        ({"path": ["a", "b", "a"], "identity": ["A", "B", "C"]}, "the path 'a' is there twice"),
        ({"path": ["a"], "identity": ["A"], "image_id": [None]}, "row 1 of 1 has no image_id"),
        ({"path": [], "identity": []}, "has no rows"),
    ],
)
@pytest.mark.parametrize("name", ["faces.csv", "faces.parquet"])
def test_tables_that_say_too_little_are_refused(data, columns, words, name):
    with pytest.raises(ValueError, match=words):
        source(table(data, columns, name)).images()


@pytest.mark.parametrize("name", ["faces.csv", "faces.parquet"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x80" * 9, b"a,b\n1,2,3\n1\n1,2,3,4"])
def test_a_file_that_is_no_table_is_refused(data, name, content):
    (data / "tables" / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}.*(is neither CSV nor Parquet|no column)"):
        source(f"tables/{name}").images()


@pytest.mark.parametrize("path", ["../secret.png", "faces/../../secret.png", ".."])
@pytest.mark.parametrize("name", ["faces.csv", "faces.parquet"])
def test_no_path_climbs_out_of_the_folder_unless_it_is_absolute(data, path, name):
    Image.fromarray(drawn_faces(1)[0]).save(data / "secret.png")
    listed = table(data, {"path": ["faces/0.png", path], "identity": ["Ann", "Bo"]}, name)
    with pytest.raises(ValueError, match="names '.*', outside of its folder: write an absolute"):
        source(listed).images()
    meant = [str(data / "tables" / ".." / "secret.png"), "faces/0..png"]
    listed = table(data, {"path": meant, "identity": ["Ann", "Bo"]}, name)
    assert source(listed).read(f"manifest/{meant[0]}").shape == (32, 32, 3)


def test_absolute_paths_and_links_lead_into_folders_of_data_only(data, tmp_path_factory):
    private = tmp_path_factory.mktemp("private") / "photo.png"
    Image.fromarray(drawn_faces(1)[0]).save(private)
    (data / "tables" / "link.png").symlink_to(private)
    (data / "tables" / "folder").symlink_to(private.parent)
    paths = [str(private), "link.png", "folder/photo.png", "faces/0.png"]
    table(data, {"path": paths, "identity": ["Ann", "Bo", "Cy", "Di"]})
    for path in paths[:3]:
        for look in (source().read, source().facts):
            with pytest.raises(UnreadableImage, match="lies outside of .*name that folder in MINT"):
                look(f"manifest/{path}")
    assert source().read("manifest/faces/0.png").shape == (32, 32, 3)


def test_a_folder_that_mint_data_names_may_be_pointed_to(data, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    Image.fromarray(drawn_faces(1)[0]).save(other / "photo.png")
    table(data, {"path": [str(other / "photo.png")], "identity": ["Ann"]})
    monkeypatch.setenv("MINT_DATA", os.pathsep.join([str(data), str(other)]))
    assert source().read(f"manifest/{other / 'photo.png'}").shape == (32, 32, 3)


@pytest.mark.parametrize("name", ["faces.csv", "faces.parquet"])
def test_groups_are_told_as_text_and_only_where_the_table_has_them(data, name):
    groups = ["18 to 40", "NA", "", "01", "01", "01"]
    listed = source(table(data, six(group=groups), name)).images()
    assert listed["group"].tolist() == groups
    assert "group" not in source(table(data, six(), name)).images()


def test_rows_longer_than_the_first_line_are_refused_and_not_shifted(data):
    (data / "tables" / "faces.csv").write_text("path,identity\nfaces/0.png,Ann,x\n")
    with pytest.raises(ValueError, match="rows have more values than its first line has columns"):
        source().images()


@pytest.mark.parametrize("name", ["faces.csv", "faces.parquet"])
def test_columns_that_nobody_asked_for_are_not_held(data, name):
    opened = source(table(data, six(note=["long"] * 6), name))
    opened.images()
    assert "note" not in opened._rows


def test_a_stamp_holds_one_image_at_a_time(data):
    count = 4_000
    columns = {"path": [f"faces/{n}.png" for n in range(count)], "identity": ["Ann"] * count}
    opened = source(table(data, columns))
    opened.file_of(opened.images()["image_id"].iloc[0])
    tracemalloc.start()
    opened.stamp()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / count < 400  # bytes


def test_a_missing_table_is_named_with_the_place_for_it(data):
    with pytest.raises(FileNotFoundError, match="the table 'mine.csv' .CSV or Parquet") as error:
        source("mine.csv").images()
    assert str(data / "mine.csv") in str(error.value)
    assert not source("mine.csv").is_here()


def test_images_that_are_not_there_are_counted(data):
    path = table(data, six(role=ROLES))
    (data / "tables" / "faces" / "4.png").unlink()
    with pytest.raises(UnreadableImage, match="4.png"):
        source(path).read("manifest/faces/4.png")
    found = inspect(observed(path))
    assert found.skipped["image_id"].tolist() == ["manifest/faces/4.png"]


def test_a_name_that_no_file_can_have_is_one_unreadable_image(data):
    opened = source(
        table(data, {"path": ["a\0b", "faces/1.png"], "identity": ["Ann", "Bo"]}, "f.pq")
    )
    assert opened.stamp()
    with pytest.raises(UnreadableImage, match="null"):
        opened.read("manifest/a\0b")


def test_stamp_follows_the_table_and_the_images(data):
    table(data, six())
    stamps = [source().stamp(), source().stamp()]
    assert stamps[0] == stamps[1]
    table(data, six(identity=list("abcdef")))
    stamps.append(source().stamp())
    os.utime(data / "tables" / "faces" / "0.png", (0, 2_000_000_000))
    stamps.append(source().stamp())
    assert len(set(stamps)) == 3


def test_some_persons_are_drawn(data):
    table(data, six())
    assert source(persons=2).images()["identity"].nunique() == 2
