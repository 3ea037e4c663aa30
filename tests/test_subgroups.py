"""False alarms by group: counted by person, at the report's threshold, with honest intervals."""

import numpy as np
import pandas as pd
import pytest

from mint_utils.evidence.subgroups import COLUMNS, subgroups

RUNG = {
    "access": "outcome", "unit_kind": "image", "k": 1, "contrast": "member_vs_external",
    "method": "embedding_norm on outcome",
}  # fmt: skip


def scores_and_faces(test: dict[str, list[list[float]]], calibrate: int = 99):
    """Test externals by group: for each person the scores of the images. Calibrate: 0 to m - 1."""
    rows = [(f"c{i}/0", f"c{i}", "calibrate", "external", float(i)) for i in range(calibrate)]
    rows += [("m/0", "m", "test", "member", 1e9)]
    groups = {}
    for group, persons in test.items():
        for number, images in enumerate(persons):
            name = f"{group}{number}"
            for place, score in enumerate(images):
                rows.append((f"{name}/{place}", name, "test", "external", score))
                groups[f"{name}/{place}"] = group
    columns = ["unit", "identity", "split", "role", "score"]
    table = pd.DataFrame(rows, columns=columns).assign(
        unit_kind="image", n_images=1, method="embedding_norm", kind="rival", target="audited",
        aad="outcome", access="outcome", seed="all", p_value=np.nan,
    )  # fmt: skip
    faces = pd.DataFrame({"image_id": table["unit"], "group": table["unit"].map(groups)})
    return table, faces


HIGH, LOW = 95.0, 10.0  # of 99 calibrate persons 4 are at least 95: p = 0.05, called


def made(test, calibrate: int = 99, **rung) -> pd.DataFrame:
    table, faces = scores_and_faces(test, calibrate)
    return subgroups(table, pd.DataFrame([RUNG | rung]), faces, seed=0).set_index("group")


def test_persons_count_once_however_many_images_there_are():
    found = made({"a": [[HIGH] * 9, [LOW], [LOW], [LOW]], "b": [[LOW, HIGH]]})
    assert found.loc["a", "fpr"] == pytest.approx(0.25), "nine photos of one person are one person"
    assert found.loc["b", "fpr"] == pytest.approx(0.5)
    assert found.loc["a", ["n_persons", "n_images"]].tolist() == [4, 12]


def test_the_threshold_is_the_same_for_all_and_lets_a_twentieth_through():
    found = made({"just": [[95.0]], "below": [[94.0]]})
    assert found.loc["just", "fpr"] == 1 and found.loc["below", "fpr"] == 0


def test_small_groups_are_marked_and_their_intervals_wide():
    found = made({"few": [[LOW]] * 19, "enough": [[LOW]] * 20, "many": [[LOW]] * 200})
    assert found["small"].to_dict() == {"enough": False, "few": True, "many": False}
    assert (found["low"] == 0).all()
    assert found.loc["few", "high"] == pytest.approx(1 - 0.025 ** (1 / 19))
    assert found.loc["few", "high"] > found.loc["enough", "high"] > found.loc["many", "high"] > 0


def test_an_interval_holds_the_rate_and_lies_within_0_and_1():
    rng = np.random.default_rng(0)
    persons = [[HIGH if rng.random() < 0.3 else LOW for _ in range(4)] for _ in range(40)]
    row = made({"a": persons, "all": [[HIGH]] * 3}).loc["a"]
    assert 0 < row["low"] < row["fpr"] < row["high"] < 1


def test_a_reversed_method_is_turned_round_before_it_is_ranked():
    found = made({"a": [[HIGH]], "b": [[-1.0]]}, method="embedding_norm on outcome (reversed)")
    assert found.loc["a", "fpr"] == 0 and found.loc["b", "fpr"] == 1


def test_too_few_calibrate_persons_call_nobody():
    found = made({"a": [[HIGH]]}, calibrate=18)
    assert found[["fpr", "low", "high"]].isna().all(axis=None)
    assert found.loc["a", "n_persons"] == 1
    assert made({"a": [[HIGH]]}, calibrate=19)["fpr"].notna().all()


def test_without_groups_or_strangers_the_table_is_empty_with_its_columns():
    table, faces = scores_and_faces({"a": [[HIGH]]})
    rungs = pd.DataFrame([RUNG])
    nobody = faces.assign(group=np.nan)
    blank = faces.assign(group="")
    for asked in (faces.drop(columns="group"), nobody, blank):
        assert list(subgroups(table, rungs, asked, 0)) == COLUMNS
        assert subgroups(table, rungs, asked, 0).empty
    inside = pd.DataFrame([RUNG | {"contrast": "member_vs_held_out"}])
    assert subgroups(table, inside, faces, 0).empty


def test_the_papers_contrast_speaks_and_albums_do_not():
    table, faces = scores_and_faces({"a": [[HIGH]]})
    others = [RUNG | {"contrast": "held_out_vs_external"}, RUNG | {"k": 4, "unit_kind": "album"}]
    assert len(subgroups(table, pd.DataFrame([*others, RUNG]), faces, 0)) == 1
