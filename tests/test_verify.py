"""Checking a report as a third party: every kind of change is found and named."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from mint_utils.evidence.measure import metrics_table
from mint_utils.evidence.rungs import COLUMNS, ladder
from mint_utils.evidence.subgroups import subgroups
from mint_utils.evidence.thresholds import thresholds
from mint_utils.evidence.verdict import judged, report_verdict
from mint_utils.reporting.inputs import face_digests
from mint_utils.reporting.report import page_digest, write_index
from mint_utils.reporting.verify import differences


def scores() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        (f"{split}-{role}{i}/{photo}", f"{split}-{role}{i}", split, role)
        for split in ("fit", "calibrate", "test")
        for role in ("member", "external")
        for i in range(22)
        for photo in range(2)
    ]
    table = pd.DataFrame(rows, columns=["unit", "identity", "split", "role"])
    parts = []
    for target, aad, access in (("audited", "stage1", "activations"), ("pixels", "pixels", "none")):
        for seed in ("0", "all"):
            score = rng.normal(size=len(table))
            p_value = np.where(table["split"] == "test", rng.random(len(table)), np.nan)
            part = table.assign(unit_kind="image", n_images=1, method="vanilla", kind="mint")
            part = part.assign(target=target, aad=aad, access=access, seed=seed)
            parts.append(part.assign(score=score, p_value=p_value))
    return pd.concat(parts, ignore_index=True)


def sign(folder) -> None:
    """Write the manifest of what lies in ``folder`` now."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and file.name != "manifest.json"
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def report_named(folder, name: str):
    (folder / "tables").mkdir()
    table = scores()
    table.to_parquet(folder / "tables" / "scores.parquet", index=False)
    metrics_table(table, name, 50, 0).to_csv(folder / "tables" / "metrics.csv", index=False)
    rungs = judged(ladder(table, (), 50, 0), "random")
    rungs[COLUMNS].to_csv(folder / "tables" / "rungs.csv", index=False)
    called = thresholds(table, rungs, 50, 0)
    called.to_csv(folder / "tables" / "thresholds.csv", index=False)
    faces = table[["unit", "identity"]].drop_duplicates().rename(columns={"unit": "image_id"})
    faces = faces.assign(source="one", group=faces["identity"].str[-1].map("0{}".format))
    faces.to_csv(folder / "tables" / "faces.csv", index=False)
    subgroups(table, rungs, faces, 0).to_csv(folder / "tables" / "subgroups.csv", index=False)
    (folder / "models").mkdir()
    known = faces[["image_id", "identity"]].assign(digest=faces["image_id"])
    known.to_parquet(folder / "models" / "known_images.parquet", index=False)
    (folder / "verdict.json").write_text(json.dumps(report_verdict(rungs, "random")))
    scenario = {"name": name, "resamples": 50, "seed": 0, "rivals": [], "assignment": "random"}
    digests = face_digests(known.assign(source="one"))
    inputs = {"scenario": "00ff", "faces": digests, "weights": {}}
    manifest = {"scenario": scenario, "inputs": inputs, "page": page_digest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    sign(folder)
    write_index(folder)
    sign(folder)
    return folder


@pytest.fixture
def report(tmp_path):
    return report_named(tmp_path, "small")


def change_scores(report, change) -> None:
    file = report / "tables" / "scores.parquet"
    table = pd.read_parquet(file)
    change(table)
    table.to_parquet(file, index=False)


def test_an_unchanged_report_passes(report):
    assert differences(report) == []


def test_a_changed_score_is_found_twice(report):
    change_scores(report, lambda table: table.loc.__setitem__((table.index[-1], "score"), 9.0))
    found = differences(report)
    assert "tables/scores.parquet: changed since the report was made" in found
    assert any("metrics.csv is not what scores.parquet gives" in line for line in found)


def test_a_changed_score_is_found_even_with_a_new_manifest(report):
    change_scores(report, lambda table: table.loc.__setitem__((table.index[-1], "score"), 9.0))
    sign(report)
    line = differences(report)[0]
    assert "metrics.csv is not what scores.parquet gives" in line


def test_a_changed_metric_is_found_even_with_a_new_manifest(report):
    file = report / "tables" / "metrics.csv"
    table = pd.read_csv(file, dtype={"seed": str})
    table.loc[0, "value"] += 0.001
    table.to_csv(file, index=False)
    changed = "tables/metrics.csv: changed since the report was made"
    assert changed in differences(report)
    sign(report)
    metrics, page = differences(report)
    assert "metrics.csv is not what scores.parquet gives" in metrics
    assert page.startswith("index.html: does not say"), "its list of hashes is another one now"


def test_a_left_out_metric_is_found(report):
    file = report / "tables" / "metrics.csv"
    pd.read_csv(file, dtype={"seed": str}).iloc[1:].to_csv(file, index=False)
    sign(report)
    assert "metrics.csv is not what" in differences(report)[0]


def test_a_missing_and_an_extra_file_are_named(report):
    (report / "index.html").unlink()
    (report / "tables" / "more.csv").write_text("a,b\n")
    assert differences(report) == [
        "index.html: missing",
        "tables/more.csv: not in the manifest",
    ]


def test_missing_or_broken_tables_are_reported(report):
    (report / "tables" / "scores.parquet").write_bytes(b"nothing")
    found = differences(report)
    assert "tables/scores.parquet: changed since the report was made" in found
    assert any("tables cannot be read" in line for line in found)
    (report / "tables" / "scores.parquet").unlink()
    assert "tables/scores.parquet: missing" in differences(report)


def test_a_folder_without_a_manifest_is_no_report(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"manifest\.json"):
        differences(tmp_path)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name) for name in ("2024", "NA")],
)
def test_any_name_that_a_scenario_may_have_passes(tmp_path, name):
    assert differences(report_named(tmp_path, name)) == []


def test_a_changed_rate_of_a_group_is_found_even_with_a_new_manifest(report):
    file = report / "tables" / "subgroups.csv"
    table = pd.read_csv(file, dtype={"group": str})
    assert table["group"].str.startswith("0").all() and table["fpr"].notna().all()
    table.loc[0, "fpr"] += 0.01
    table.to_csv(file, index=False)
    sign(report)
    assert any("subgroups.csv is not what scores.parquet gives" in d for d in differences(report))


def test_a_person_moved_to_another_group_is_found(report):
    file = report / "tables" / "faces.csv"
    file.write_text(file.read_text().replace(",one,01", ",one,02"))
    sign(report)
    assert any("subgroups.csv is not what" in line for line in differences(report))


def test_a_page_that_says_something_else_is_found_even_with_a_new_manifest(report):
    page = report / "index.html"
    said = page.read_text()
    word = json.loads((report / "verdict.json").read_text())["verdict"]
    page.write_text(said.replace(word, "membership shown"))
    sign(report)
    assert differences(report) == ["index.html: does not say what tables and verdict.json say"]


def test_a_page_of_another_version_is_left_to_its_hash(report):
    manifest = json.loads((report / "manifest.json").read_text())
    (report / "manifest.json").write_text(json.dumps(manifest | {"page": "another version"}))
    (report / "index.html").write_text("an older page")
    sign(report)
    assert differences(report) == []


def test_other_faces_than_the_manifest_names_are_found(report):
    file = report / "models" / "known_images.parquet"
    pd.read_parquet(file).assign(digest="another").to_parquet(file, index=False)
    sign(report)
    assert any("the faces are not those of" in line for line in differences(report))


@pytest.mark.parametrize("name", ["../secret", "tables/../../secret", "/etc/hostname"])
def test_a_manifest_cannot_point_out_of_its_report(report, name):
    (report.parent / "secret").write_text("secret")
    manifest = json.loads((report / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(b"secret").hexdigest()
    (report / "manifest.json").write_text(json.dumps(manifest))
    assert f"{name}: not a file of this report" in differences(report)


def test_a_link_is_no_file_of_a_report(report, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "page.csv"
    shutil.move(report / "tables" / "rungs.csv", other)
    (report / "tables" / "rungs.csv").symlink_to(other)
    assert "tables/rungs.csv: not a file of this report" in differences(report)
