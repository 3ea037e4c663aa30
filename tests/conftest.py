"""What several test files share: a private cache, real faces where there are, a small study."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from finished_report import Finished

from mint_utils import locations
from mint_utils.audited import AuditedModel, open_model
from mint_utils.faces import FaceSet, assemble
from mint_utils.hygiene import inspect
from mint_utils.scenario import Scenario, SyntheticFaces
from mint_utils.scenario_file import load_scenario, tiny_overrides
from mint_utils.sources import SyntheticSource, open_sources
from mint_utils.study import run_study

# One thread each, here and in notebooks that a test starts: on tensors this small, threads that
# share busy cores wait for one another and take several times as long.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")

SMALL = {  # 24 persons with 6 pictures each: everything the study does, in a second or two
    "faces.0.persons": 24,
    "faces.0.images": 6,
    "faces.0.size": 32,
    "audited_model.input_size": 32,
    "audited_model.widths": [4, 8, 8, 16],
    "audited_model.epochs": 2,
    "detectors.epochs": 5,
    "detectors.seeds": 1,
}


@pytest.fixture
def isolated(monkeypatch, tmp_path) -> Path:
    """Caches and reports of this test alone; gives the folder that holds them."""
    monkeypatch.setenv("MINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MINT_REPORTS", str(tmp_path / "reports"))
    return tmp_path


@pytest.fixture
def data_folder(isolated, monkeypatch) -> Path:
    """A folder for MINT_DATA, and no other place where photographs could be found."""
    monkeypatch.setattr(locations, "RAW", isolated / "raw")
    monkeypatch.setenv("MINT_DATA", str(isolated / "data"))
    (isolated / "data").mkdir()
    return isolated / "data"


def drawn_faces(count: int, size: int = 32) -> list[np.ndarray]:
    """Faces of persons who do not exist, one of each: uint8 (size, size, 3)."""
    source = SyntheticSource(SyntheticFaces(kind="synthetic", images=1, size=size), 0)
    return [source.read(image_id) for image_id in source.images()["image_id"][:count]]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of photographs: ``data/raw`` or one that MINT_DATA names."""
    for folder in locations.data_folders():
        if (folder / "lfw").is_dir() and (folder / "glint_celebs").is_dir():
            return folder
    pytest.skip("no photographs here: set MINT_DATA to a folder with lfw/ and glint_celebs/")


@pytest.fixture(scope="session")
def small_scenario() -> Scenario:
    """Scenario ``synthetic`` at the smallest size at which every part of the study runs."""
    return load_scenario("synthetic", SMALL)


@pytest.fixture(scope="session")
def small_faces(small_scenario) -> FaceSet:
    """The inspected faces of ``small_scenario``."""
    return inspect(assemble(open_sources(small_scenario), small_scenario)).faces


@pytest.fixture(scope="session")
def small_model(small_scenario, small_faces, tmp_path_factory) -> AuditedModel:
    """The audited model of ``small_scenario``, trained once for all tests. Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(tmp_path_factory.mktemp("small_model")))
        return open_model(small_scenario, small_faces)


@pytest.fixture(scope="session")
def tiny_report(tmp_path_factory) -> Path:
    """The report of ``synthetic`` at its tiny size; its cache lies beside it. Not to be changed."""
    home = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(home / "cache"))
        patch.setenv("MINT_REPORTS", str(home / "reports"))
        return run_study("synthetic", tiny_overrides("synthetic"), cell_seconds=300)


@pytest.fixture
def beside_tiny(tiny_report, monkeypatch) -> Path:
    """The tiny report, with caches and reports pointing to where it was made."""
    monkeypatch.setenv("MINT_CACHE", str(tiny_report.parents[1] / "cache"))
    monkeypatch.setenv("MINT_REPORTS", str(tiny_report.parent))
    return tiny_report


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Finished:
    """A report to be asked, with what was known when it was made. Not to be changed."""
    home = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(home / "cache"))
        made = Finished(home)
    shutil.rmtree(home / "cache")  # the report has to be enough
    return made
