"""Roles and splits: by chance, by person, the same for the same seed, both sides in every split."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from mint_utils.faces import COLUMNS, FaceSet, assemble, resized
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import open_sources


@dataclass
class Listed:
    """A source that lists as many images of each person as asked and draws them in one grey."""

    counts: dict[str, int]
    group: str = "synthetic"

    def images(self) -> pd.DataFrame:
        return pd.DataFrame(
            [
                {"image_id": f"{self.group}/{person}/{number:03d}", "identity": person}
                for person, count in self.counts.items()
                for number in range(count)
            ]
        )

    def read(self, image_id: str) -> np.ndarray:
        return np.full((8, 8, 3), int(image_id.split("/")[2]), np.uint8)

    def stamp(self) -> str:
        return ""


def persons(count: int, images: int = 8, name: str = "p") -> dict[str, int]:
    return {f"{name}{number:03d}": images for number in range(count)}


def assembled(counts: dict[str, int], **overrides) -> pd.DataFrame:
    """The table of one source under random assignment; dots in keys are written as __."""
    dotted = {key.replace("__", "."): value for key, value in overrides.items()}
    return assemble({"synthetic": Listed(counts)}, load_scenario("synthetic", dotted)).table


def observed(sources: dict[str, tuple[str, dict[str, int]]], **more) -> pd.DataFrame:
    """The table of sources {group: (role, counts)} under observed assignment."""
    faces = [
        {"kind": "synthetic", "group": group, "role": role} | more.get(group, {})
        for group, (role, _) in sources.items()
    ]
    scenario = load_scenario("synthetic", {"assignment": "observed", "faces": faces})
    return assemble(
        {group: Listed(counts, group) for group, (_, counts) in sources.items()}, scenario
    ).table


def test_every_person_is_in_one_split_and_on_one_side():
    table = assembled(persons(60))
    assert (table.groupby("identity")["split"].nunique() == 1).all()
    external = table["role"] == "external"
    assert not set(table["identity"][external]) & set(table["identity"][~external])
    assert table["image_id"].is_unique
    assert list(table) == [*COLUMNS, "set_aside"]
    assert table[COLUMNS].notna().all(axis=None)


def test_both_sides_are_in_every_split_in_the_asked_proportions():
    table = assembled(persons(80))
    side = np.where(table["role"] == "external", "external", "member")
    counts = table.groupby([side, "split"])["identity"].nunique()
    for name in ("member", "external"):
        assert counts[name].to_dict() == {"fit": 18, "calibrate": 8, "test": 14}


def test_random_roles_are_halves_and_a_quarter():
    table = assembled(persons(60))
    by_role = table.groupby("role")["identity"]
    assert by_role.nunique().to_dict() == {"external": 30, "held_out": 30, "member": 30}
    assert by_role.size().to_dict() == {"external": 240, "held_out": 60, "member": 180}
    held = table[table["role"] == "held_out"].groupby("identity").size()
    assert (held == 2).all()


def test_set_aside_images_mirror_the_held_out_ones():
    table = assembled(persons(60))
    away = table[table["set_aside"]]
    assert (away["role"] == "external").all()
    assert away.groupby("identity").size().tolist() == [2] * 30
    assert (table["role"] == "held_out").sum() == len(away)


def test_member_share_and_held_out_share_are_followed():
    table = assembled(persons(40), roles__member_persons=0.25, roles__held_out_images=0)
    assert table[table["role"] == "member"]["identity"].nunique() == 10
    assert "held_out" not in set(table["role"])
    assert not table["set_aside"].any()


def test_seed_decides_roles_and_splits():
    one, again, other = (assembled(persons(40), seed=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(one, again)
    assert (one["role"] != other["role"]).any()
    assert (one["split"] != other["split"]).any()
    members = [set(t["identity"][t["role"] == "member"]) for t in (one, other)]
    assert members[0] != members[1]


def test_splits_are_drawn_and_not_by_name():
    table = assembled(persons(80))
    first_of_each = []
    for _, side in table.groupby(table["role"] == "external"):
        fit = sorted(side["identity"][side["split"] == "fit"].unique())
        first_of_each.append(fit == sorted(side["identity"].unique())[: len(fit)])
    assert first_of_each == [False, False]


def test_roles_and_splits_do_not_hang_on_the_order_in_which_images_are_listed():
    counts = persons(40)
    one, turned = assembled(counts), assembled(dict(reversed(counts.items())))
    columns = ["image_id", "role", "split", "set_aside"]
    pd.testing.assert_frame_equal(
        one[columns].sort_values("image_id", ignore_index=True),
        turned[columns].sort_values("image_id", ignore_index=True),
    )


def test_more_images_of_one_person_change_nothing_for_the_others():
    counts = persons(40)
    before, after = assembled(counts), assembled(counts | {"p007": 15})
    other = before["identity"] != "p007"
    rest = after[after["identity"] != "p007"].reset_index(drop=True)
    pd.testing.assert_frame_equal(before[other].reset_index(drop=True), rest)


def test_more_persons_move_only_those_at_the_border():
    before = assembled(persons(200, 1), roles__held_out_images=0).set_index("image_id")
    after = assembled(persons(202, 1), roles__held_out_images=0).set_index("image_id")
    common = before.index.intersection(after.index)
    assert (before.loc[common, "role"] != after.loc[common, "role"]).sum() <= 2


def test_cap_and_least_images():
    counts = {**persons(30, 4), "many": 530, "few": 2}
    table = assembled(counts, roles__max_images=10, roles__min_images=3)
    sizes = table.groupby("identity").size()
    assert sizes["many"] == 10
    assert "few" not in sizes
    assert sizes["p000"] == 4
    capped = table[table["identity"] == "many"]["image_id"]
    assert set(capped) != {f"synthetic/many/{n:03d}" for n in range(10)}  # by chance, not in order
    more = assembled(counts, roles__max_images=11, roles__min_images=3)
    assert set(capped) < set(more["image_id"])


def test_excluded_persons_are_left_out():
    table = assembled(persons(30), roles__exclude=["p003", "p004"])
    assert table["identity"].nunique() == 28
    assert not {"p003", "p004"} & set(table["identity"])


def test_nobody_left_says_what_to_lower():
    with pytest.raises(ValueError, match="no person has 9 images.*roles.min_images"):
        assembled(persons(30), roles__min_images=9)


def test_observed_roles_are_those_of_the_sources():
    table = observed({"in": ("member", persons(10, name="a")), "out": ("external", persons(10))})
    assert (table["role"][table["source"] == "in"] == "member").all()
    assert (table["role"][table["source"] == "out"] == "external").all()
    assert not table["set_aside"].any()


def test_a_person_on_both_sides_is_refused_by_name():
    inside, outside = persons(10) | {"Ann": 3}, persons(10, name="x") | {"Ann": 2}
    with pytest.raises(ValueError, match="1 persons are both.*Ann.*roles.exclude.*held_out_pers"):
        observed({"in": ("member", inside), "out": ("external", outside)})


def test_declared_held_out_persons_may_be_on_both_sides():
    sources = {"in": ("member", persons(10)), "out": ("external", persons(10, name="x"))}
    sources["out"][1]["p001"] = 3
    table = observed(sources, out={"held_out_persons": ["p001"]})
    away = table[(table["source"] == "out") & (table["identity"] == "p001")]
    assert len(away) == 3
    assert (away["role"] == "held_out").all()
    assert table[table["identity"] == "p001"]["split"].nunique() == 1


def test_too_few_persons_say_how_many_and_what_to_do():
    with pytest.raises(ValueError, match="4 member persons are too few.*fit 2.*add persons") as e:
        assembled(persons(8))
    assert "splits to {fit: 0, calibrate: 0, test: 1}" in str(e.value)


def test_one_side_alone_is_too_few():
    with pytest.raises(ValueError, match="0 external persons are too few"):
        observed({"in": ("member", persons(20))})


def test_without_fitting_everybody_is_test():
    nothing_fitted = {"splits__fit": 0, "splits__calibrate": 0, "splits__test": 1}
    table = assembled(persons(6), detectors__methods=[], **nothing_fitted)
    assert set(table["split"]) == {"test"}


def test_where_and_pixels_keep_rows_and_pictures_together():
    faces = FaceSet(assembled(persons(20, 6)), {"synthetic": Listed(persons(20, 6))})
    some = faces.where(faces.table["role"] == "member")
    assert some.table.index.tolist() == list(range(len(some)))
    rows = [5, 0, 17]
    shade = [int(some.table["image_id"][row].split("/")[2]) for row in rows]
    pixels = some.pixels(16, rows)
    assert pixels.shape == (3, 16, 16, 3)
    assert pixels.dtype == np.uint8
    assert pixels[:, 3, 3, 0].tolist() == shade
    assert len(some.pixels(4)) == len(some)
    assert FaceSet(some.table, some.sources).pixels(8, [1]).tolist() == some.pixels(8, [1]).tolist()


def test_described_counts_every_image_once():
    table = assembled(persons(30))
    described = FaceSet(table, {}).described()
    assert described["images"].sum() == len(table)
    assert {"role", "split", "images", "persons"} == set(described)


def test_resized_is_square_and_leaves_the_right_size_alone():
    image = np.zeros((10, 20, 3), np.uint8)
    image[:, 10:] = 200
    assert resized(image[:, :10], 10).tolist() == image[:, :10].tolist()
    halves = resized(image, 40)
    assert halves.shape == (40, 40, 3)
    assert halves[:, 0].max() == 0
    assert halves[:, -1].min() == 200


def test_small_scenario_has_what_the_other_tests_need(small_scenario, small_faces):
    assert len(small_faces) == 144
    assert len(open_sources(small_scenario)) == 1
    assert set(small_faces.table["role"]) == {"member", "held_out", "external"}


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9])
def test_every_member_person_keeps_a_member_image(share):
    table = assembled(persons(30, 2) | persons(30, 1, "q"), roles__held_out_images=share)
    held = set(table["identity"][table["role"] == "held_out"])
    assert held <= set(table["identity"][table["role"] == "member"])


@pytest.mark.parametrize("key", ["held_out_persons", "exclude"])
def test_a_mistyped_person_is_named(key):
    sources = {"in": ("member", persons(10)), "out": ("external", persons(10, name="x"))}
    with pytest.raises(ValueError, match="x0001"):
        if key == "exclude":
            assembled(persons(30), roles__exclude=["x0001"])
        else:
            observed(sources, out={"held_out_persons": ["x0001"]})


def test_all_sources_that_are_not_here_are_named_at_once(data_folder):
    faces = [
        {"kind": "recordio", "path": "ms1mv3", "role": "member"},
        {"kind": "synthetic", "persons": 3, "role": "external"},
        {"kind": "adience", "role": "external"},
    ]
    scenario = load_scenario("synthetic", {"assignment": "observed", "faces": faces})
    with pytest.raises(FileNotFoundError) as error:
        assemble(open_sources(scenario), scenario)
    words = str(error.value)
    assert "recordio: the folder 'ms1mv3' with InsightFace's train.rec" in words
    assert "adience: the Adience folder 'adience' not found" in words
    assert str(data_folder / "ms1mv3") in words and str(data_folder / "adience") in words
    assert "synthetic" not in words


# Persons whom one source leaves out


def test_a_source_leaves_out_whom_it_excludes_and_another_source_keeps_them():
    inside, outside = persons(10) | {"Ann": 3}, persons(10, name="x") | {"Ann": 2}
    sources = {"in": ("member", inside), "out": ("external", outside)}
    table = observed(sources, out={"exclude": ["Ann", "x003"]})
    ann = table[table["identity"] == "Ann"]
    assert set(ann["source"]) == {"in"}
    assert len(ann) == 3
    assert set(table["identity"][table["source"] == "out"]) == set(outside) - {"Ann", "x003"}
    assert set(table["identity"][table["source"] == "in"]) == set(inside)


def test_exclusion_by_a_source_works_under_random_assignment_too():
    table = assembled(persons(30), faces__0__exclude=["p003", "p004"])
    whole = assembled(persons(30))
    assert set(table["identity"]) == set(whole["identity"]) - {"p003", "p004"}
    assert table.index.tolist() == list(range(28 * 8))
    both = table.merge(whole, on="image_id", suffixes=("", "_before"))
    assert (both["set_aside"] | (both["role"] == "held_out")).sum() == 28 * 2


@pytest.mark.parametrize("name", ["x0001", "p001"])
def test_a_source_can_exclude_nobody_whom_it_does_not_have(name):
    """p001 is in the other source: whoever names them here has mixed the two up."""
    sources = {"in": ("member", persons(10)), "out": ("external", persons(10, name="x"))}
    with pytest.raises(ValueError, match=f"exclude: no person '{name}' among 10.*x001"):
        observed(sources, out={"exclude": [name]})


def test_who_is_excluded_and_declared_held_out_is_refused():
    sources = {"in": ("member", persons(10)), "out": ("external", persons(10, name="x"))}
    with pytest.raises(ValueError, match="held_out_persons: no person 'x001'"):
        observed(sources, out={"exclude": ["x001"], "held_out_persons": ["x001"]})


def test_excluding_everybody_of_the_only_source_says_what_to_do():
    with pytest.raises(ValueError, match="no person has 1 images or more after exclusions"):
        assembled(persons(3), faces__0__exclude=["p000", "p001", "p002"])
