"""The study as a whole: what a run leaves, what a rerun redoes, what an accident costs."""

import hashlib
import html
import json
import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import pandas as pd
import pytest

from mint_utils import locations
from mint_utils.evidence.rungs import COLUMNS as RUNG_COLUMNS
from mint_utils.reporting.verify import differences
from mint_utils.run import STEPS
from mint_utils.scenario_file import load_scenario, scenario_names, tiny_overrides
from mint_utils.score_table import COLUMNS as SCORE_COLUMNS
from mint_utils.sources import open_sources
from mint_utils.study import StudyFailed, execute, fresh_cache, run_study

TINY = tiny_overrides("synthetic")


def sha256(file) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_report_is_all_there(tiny_report):
    for step in STEPS:
        assert (tiny_report / f"{step}.ipynb").is_file()
        assert (tiny_report / f"{step}.html").is_file()
    faces = pd.read_csv(tiny_report / "tables" / "faces.csv")
    assert list(faces) == ["image_id", "identity", "source", "role", "split"]
    assert list(pd.read_parquet(tiny_report / "tables" / "scores.parquet")) == SCORE_COLUMNS
    assert list(pd.read_csv(tiny_report / "tables" / "rungs.csv")) == RUNG_COLUMNS
    verdict = json.loads((tiny_report / "verdict.json").read_text())
    assert verdict["verdict"] and verdict["sentence"] and verdict["reason"]
    assert (tiny_report / "models" / "audited_model.safetensors").is_file()
    assert (tiny_report / "models" / "audited" / "vanilla-combination-0.safetensors").is_file()
    assert (tiny_report / "models" / "calibrate.parquet").is_file()
    assert len(list((tiny_report / "figures").glob("*.png"))) >= 10


def test_its_manifest_holds_and_its_figures_follow_from_its_scores(tiny_report):
    assert differences(tiny_report) == []
    manifest = json.loads((tiny_report / "manifest.json").read_text())
    assert manifest["seed"] == 0 and manifest["scenario"]["faces"][0]["persons"] == 40
    assert set(manifest["seconds"]) == set(STEPS)


def test_its_page_needs_no_network_and_shows_every_figure(tiny_report):
    page = (tiny_report / "index.html").read_text()
    assert not re.search(r"""(?:src|href)=["']?https?://""", page)
    figures = list((tiny_report / "figures").glob("*.png"))
    assert page.count("data:image/png;base64,") >= len(figures)


def test_no_figure_is_empty(tiny_report):
    from PIL import Image

    for file in (tiny_report / "figures").glob("*.png"):
        with Image.open(file) as picture:
            assert len(picture.convert("RGB").getcolors(2**24)) > 20, file.name


def test_a_rerun_redoes_nothing(beside_tiny):
    before = {file: file.stat().st_mtime_ns for file in steps_folder().rglob("*.ipynb")}
    assert run_study("synthetic", TINY) == beside_tiny
    assert {file: file.stat().st_mtime_ns for file in steps_folder().rglob("*.ipynb")} == before


def test_a_changed_setting_redoes_its_steps_only(beside_tiny):
    def done(step):
        return len(list(steps_folder().glob(f"synthetic/{step}-*/done.json")))

    before = {step: done(step) for step in STEPS}
    run_study("synthetic", TINY | {"albums": [2]})
    assert {step: done(step) - before[step] for step in STEPS} == {
        "01_faces": 0, "02_audited_model": 0, "03_activations": 0,
        "04_detectors": 1, "05_evidence": 1, "06_explorer": 1,
    }  # fmt: skip
    run_study("synthetic", TINY)  # and back, from the cache
    assert differences(beside_tiny) == []


def steps_folder():
    return locations.cache() / "steps"


def test_an_interrupted_run_goes_on_and_ends_the_same(isolated, tiny_report):
    command = [sys.executable, "-m", "mint_utils.cli", "run", "synthetic", "--tiny"]
    log = (isolated / "log").open("w")
    running = subprocess.Popen(
        command, stdout=log, stderr=log, start_new_session=True,
        # Where tests run in a shell's background, SIGINT is ignored and would stay so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not list(steps_folder().glob("synthetic/02_audited_model-*/done.json")):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(running.pid, signal.SIGINT)  # what Ctrl-C in a terminal does
    assert running.wait(60) == 130
    assert "run the same command again" in (isolated / "log").read_text()
    report = isolated / "reports" / "synthetic"
    assert not report.exists()
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "02_audited_model: done before" in again.stderr
    assert differences_but_for_times(report, tiny_report) == []


def files_of(report) -> dict:
    return {f.relative_to(report).as_posix(): f for f in report.rglob("*") if f.is_file()}


def without_times(name: str, file) -> object:
    """What a file says but for when it was made, how long that took, and the hash of such a page.

    Those are all: ``created``, ``seconds`` and ``files["index.html"]`` of manifest.json, and on
    index.html the date below the question and the rows Made and Time.
    """
    if name == "manifest.json":
        said = json.loads(file.read_text())
        del said["created"], said["seconds"], said["files"]["index.html"]
        return said
    if name == "index.html":
        said = re.sub(r"</b>, \d{4}-\d\d-\d\d</p>", "", file.read_text())
        return re.sub(r'<tr><th scope="row">(Made|Time)</th>.*?</tr>', "", said)
    return sha256(file)


def differences_but_for_times(one, other) -> list[str]:
    mine, its = files_of(one), files_of(other)
    both = sorted(set(mine) & set(its))
    return sorted(set(mine) ^ set(its)) + [
        name for name in both if without_times(name, mine[name]) != without_times(name, its[name])
    ]


def test_every_figure_says_what_to_conclude_and_what_it_draws(tiny_report):
    said = json.loads((tiny_report / "figures" / "captions.json").read_text())
    page = html.unescape((tiny_report / "index.html").read_text())
    figures = [file.name for file in (tiny_report / "figures").glob("*.png")]
    assert sorted(said) == sorted(figures) and len(figures) >= 10
    for name in figures:
        caption, alt = said[name]["caption"], said[name]["alt"]
        assert len(caption) > 40 and len(alt) > 40 and caption != alt
        assert f'alt="{alt}"' in page and f"<figcaption>{caption}</figcaption>" in page
        (own,) = tiny_report.glob(f"{name[:2]}_*.html")
        assert f'alt="{alt}"' in html.unescape(own.read_text()), "on its own page too"
    for file in tiny_report.glob("0*.html"):
        assert not re.search(r'<img(?![^>]*alt="[^"]+")', file.read_text()), file.name


def test_the_report_names_what_it_was_made_from(tiny_report):
    manifest = json.loads((tiny_report / "manifest.json").read_text())
    page = (tiny_report / "index.html").read_text()
    known = pd.read_parquet(tiny_report / "models" / "known_images.parquet")
    of_faces = hashlib.sha256("\n".join(sorted(known["digest"])).encode()).hexdigest()
    assert manifest["inputs"]["faces"] == {"synthetic": {"images": len(known), "sha256": of_faces}}
    file = locations.SCENARIOS / "synthetic.yml"
    assert manifest["inputs"]["scenario"] == sha256(file)
    for shown in (of_faces, sha256(file), manifest["code"], manifest["versions"]["torch"]):
        assert shown in page
    again = load_scenario(str(tiny_report / "synthetic.yml"))
    assert again.fingerprint == manifest["fingerprint"], "the file it leaves runs the same"


def test_a_failing_notebook_is_kept_and_the_old_report_stays(beside_tiny):
    before = sha256(beside_tiny / "manifest.json")
    with pytest.raises(StudyFailed, match=r"02_audited_model.*unknown tap.*'stage9'.*stage"):
        run_study("synthetic", TINY | {"audited_model.taps": ["stage9"]})
    failed = beside_tiny.parent / "synthetic.failed"
    assert "stage9" in (failed / "02_audited_model.ipynb").read_text()
    assert sha256(beside_tiny / "manifest.json") == before
    run_study("synthetic", TINY)
    assert not failed.exists()


@pytest.mark.parametrize("cell", ["scenario = 1", "scenario = 1\noverrides = {}\nextra = 2"])
def test_a_notebook_with_other_parameters_is_refused(tmp_path, cell):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell, metadata={"tags": ["parameters"]})],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    nbformat.write(notebook, tmp_path / "odd.ipynb")
    with pytest.raises(ValueError, match="declares parameters"):
        execute(tmp_path / "odd.ipynb", tmp_path / "out.ipynb", "synthetic", {}, 60)


def test_fresh_sees_no_cache_and_leaves_what_it_learned(isolated):
    old = isolated / "cache" / "models" / "old.safetensors"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    with fresh_cache():
        assert not (locations.cache() / "models").exists()
        (locations.cache() / "models").mkdir(parents=True)
        (locations.cache() / "models" / "new.safetensors").write_text("new")
        for name in ("models/old.safetensors", "aligned/0a/0a1.png", "recordio/labels.npy"):
            (locations.cache() / name).parent.mkdir(parents=True, exist_ok=True)
            (locations.cache() / name).write_text("learned")
    assert sorted(f.name for f in old.parent.iterdir()) == ["new.safetensors", "old.safetensors"]
    for name in ("models/old.safetensors", "aligned/0a/0a1.png", "recordio/labels.npy"):
        assert (isolated / "cache" / name).read_text() == "learned"
    assert not list((isolated / "cache").glob("fresh-*"))


# The two sides come from sources that look different.
TRAPS = ("lfw_vs_glint", "synthetic_shift", "synthetic_sources", "synthetic_sources_null")


@pytest.mark.parametrize("name", [name for name in scenario_names() if name != "synthetic"])
def test_every_scenario_runs_at_its_tiny_size(isolated, name):
    overrides = tiny_overrides(name)
    scenario = load_scenario(name, overrides)
    if not all(source.is_here() for source in open_sources(scenario).values()):
        pytest.skip("its photographs are not here: set MINT_DATA")
    report = run_study(name, overrides, cell_seconds=300)
    assert differences(report) == []
    verdict = json.loads((report / "verdict.json").read_text())
    if name in TRAPS and verdict["verdict"] != "cannot tell":
        assert verdict["verdict"] == "explained by the dataset"  # the trap shows even at this size
        return
    assert verdict["verdict"] == "cannot tell"  # at this size nothing can be told
    assert any(why in verdict["reason"] for why in ("too few persons", "below chance", "excluded"))
