"""Where things lie: from the repository, not the working directory; moved by three variables."""

import os

import pytest

from mint_utils import locations


def test_defaults_lie_in_the_repository_whatever_the_working_directory(monkeypatch, tmp_path):
    for variable in ("MINT_CACHE", "MINT_REPORTS", "MINT_DATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    assert locations.cache() == locations.REPOSITORY / "data" / "cache"
    assert locations.reports() == locations.REPOSITORY / "reports"
    assert locations.data_folders() == [locations.RAW]
    assert (locations.REPOSITORY / "pyproject.toml").is_file()
    assert locations.SCENARIOS.is_dir()


def test_variables_move_caches_and_reports(isolated):
    assert locations.cache() == isolated / "cache"
    assert locations.reports() == isolated / "reports"


def test_raw_data_comes_before_the_folders_of_mint_data_in_their_order(monkeypatch, tmp_path):
    raw, first, second = (tmp_path / name for name in ("raw", "first", "second"))
    monkeypatch.setattr(locations, "RAW", raw)
    monkeypatch.setenv("MINT_DATA", os.pathsep.join(["", str(first), str(second)]))
    assert locations.data_folders() == [raw, first, second]
    (second / "lfw").mkdir(parents=True)
    assert locations.find("lfw", "LFW") == second / "lfw"
    (first / "lfw").mkdir(parents=True)
    assert locations.find("lfw", "LFW") == first / "lfw"
    (raw / "lfw").mkdir(parents=True)
    assert locations.find("lfw", "LFW") == raw / "lfw"


def test_absolute_path_and_home_stand_for_themselves(monkeypatch, tmp_path):
    (tmp_path / "faces").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locations.find(tmp_path / "faces", "faces") == tmp_path / "faces"
    assert locations.find("~/faces", "faces") == tmp_path / "faces"


def test_missing_data_names_every_place_and_the_fix(monkeypatch, tmp_path):
    monkeypatch.setattr(locations, "RAW", tmp_path / "raw")
    monkeypatch.setenv("MINT_DATA", str(tmp_path / "shared"))
    with pytest.raises(FileNotFoundError) as error:
        locations.find("vggface2", "VGGFace2")
    words = str(error.value)
    assert "VGGFace2 not found" in words
    assert str(tmp_path / "raw" / "vggface2") in words
    assert str(tmp_path / "shared" / "vggface2") in words
    assert "MINT_DATA" in words
    assert "data/raw" in words


@pytest.mark.parametrize("path", ["../secret", "lfw/../../secret", ".."])
def test_a_relative_path_does_not_climb_out_of_the_data(data_folder, path):
    (data_folder.parent / "secret").mkdir()
    with pytest.raises(ValueError, match="climbs out of the folders.*write an absolute path"):
        locations.find(path, "faces")
    assert locations.find(data_folder.parent / "secret", "faces"), "an absolute one is meant"


def test_links_are_followed_into_folders_of_data_only(data_folder, tmp_path):
    root, elsewhere = tmp_path / "faces", tmp_path / "elsewhere"
    root.mkdir(), elsewhere.mkdir()
    (data_folder / "one.png").touch(), (elsewhere / "two.png").touch(), (root / "own.png").touch()
    (root / "in.png").symlink_to(data_folder / "one.png")
    (root / "out.png").symlink_to(elsewhere / "two.png")
    assert locations.is_inside(root / "own.png", root)
    assert locations.is_inside(root / "in.png", root)
    assert not locations.is_inside(root / "out.png", root)
    assert not locations.is_inside(root / ".." / "elsewhere" / "two.png", root)
    (tmp_path / "linked").symlink_to(root)
    assert locations.is_inside(tmp_path / "linked" / "own.png", tmp_path / "linked")
