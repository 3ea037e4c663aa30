"""Albums: which photos of a person they hold, and what they say as a whole."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from test_scores import TAPS, listed, planted_scenario
from torch.nn import functional as F

from mint_utils.albums import (
    draw_albums,
    head_of_mean,
    mean_scores,
    of_contrast,
    similarity_and_spread,
)
from mint_utils.evidence.measure import in_contrast
from mint_utils.faces import FaceSet
from mint_utils.scenario_file import load_scenario

SIZES = (2, 4, 8)


def table(**more) -> pd.DataFrame:
    """80 persons with 8 photos each, 2 of them aside."""
    return listed(planted_scenario(**more)).table


def aside(rows: pd.DataFrame) -> pd.Series:
    return (rows["role"] == "held_out") | rows["set_aside"]


def observed_scenario():
    """Members, held-out photos of other member persons, and externals whom nobody divided."""
    return load_scenario(
        "synthetic",
        {
            "assignment": "observed", "audited_model.taps": TAPS, "detectors.methods": [],
            "rivals": ["embedding_norm"],
            "faces": [
                {"kind": "synthetic", "group": "known", "role": "member", "persons": 20,
                 "images": 4},
                {"kind": "synthetic", "group": "others", "role": "external", "persons": 40,
                 "images": 4,
                 "held_out_persons": [f"others_{number:05d}" for number in range(20)]},
            ],
        },
    )  # fmt: skip


def observed() -> FaceSet:
    return listed(observed_scenario())


def cosine(a, b) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


# Drawing


def test_an_album_is_of_one_person_one_part_and_one_split():
    faces = table()
    albums = draw_albums(faces, SIZES, 0)
    for album in albums.itertuples():
        photos = faces.loc[album.rows]
        assert len(set(album.rows)) == album.n_images == len(photos)
        for column in ("identity", "role", "split"):
            assert set(photos[column]) == {getattr(album, column)}
        part = "aside" if aside(photos).all() else "main"
        assert part == "aside" or not aside(photos).any()
        assert album.unit == f"{album.identity}/{part}-{album.n_images}"
    assert albums["unit"].is_unique


def test_everybody_with_enough_photos_has_one_album_of_each_size():
    faces = table()
    albums = draw_albums(faces, SIZES, 0)
    sizes = albums.groupby(["identity", albums["unit"].str.contains("aside")])["n_images"]
    assert len(sizes) == 2 * faces["identity"].nunique()
    for (_, is_aside), found in sizes:
        assert found.tolist() == ([2] if is_aside else [2, 4])  # of 2 and of 6 photos


def test_both_sides_have_albums_of_the_same_sizes():
    albums = draw_albums(table(), SIZES, 0)
    part = albums["unit"].str.extract(r"/(\w+)-")[0]
    counts = albums.groupby(["split", "n_images", part, albums["role"] == "external"]).size()
    counts = counts.unstack()
    assert (counts[True] == counts[False]).all()
    assert set(albums["role"][part == "aside"]) == {"held_out", "external"}
    assert set(albums["role"][part == "main"]) == {"member", "external"}


def test_a_smaller_album_is_part_of_the_larger():
    albums = draw_albums(table(faces__0__images=14), SIZES, 0).set_index("unit")["rows"]
    larger = [unit for unit in albums.index if unit.endswith("main-8")]
    assert len(larger) == 80
    for unit in larger:
        eight, four, two = (set(albums[unit[:-1] + str(k)]) for k in (8, 4, 2))
        assert two < four < eight


def test_the_seed_decides_which_photos_and_nothing_else_does():
    def photos(faces, seed: int = 0) -> dict:
        albums = draw_albums(faces, SIZES, seed)
        return {a.unit: sorted(faces["image_id"][a.rows]) for a in albums.itertuples()}

    faces = table()
    drawn = photos(faces)
    assert photos(faces.copy()) == drawn
    assert photos(faces, seed=1) != drawn
    assert set(photos(faces, seed=1)) == set(drawn)
    some = faces[faces["identity"].isin(faces["identity"].unique()[::3])].reset_index(drop=True)
    fewer = photos(some)
    assert fewer == {unit: drawn[unit] for unit in fewer}  # other persons play no part
    assert len(fewer) == 3 * some["identity"].nunique()
    turned = faces.iloc[::-1].reset_index(drop=True)
    assert photos(turned) == drawn  # nor does the order in which images are listed


@pytest.mark.parametrize("sizes", [(), (100,)])
def test_without_enough_photos_there_are_no_albums(sizes):
    albums = draw_albums(table(), sizes, 0)
    assert albums.empty
    assert list(albums) == ["unit", "identity", "role", "split", "n_images", "rows"]


# Contrasts


@pytest.mark.parametrize(
    ("contrast", "pairs"),
    [
        ("member_vs_external", {("member", "main"), ("external", "main")}),
        ("member_vs_held_out", {("member", "main"), ("held_out", "aside")}),
        ("held_out_vs_external", {("held_out", "aside"), ("external", "aside")}),
    ],
)
def test_a_contrast_compares_albums_from_matching_parts(contrast, pairs):
    albums = draw_albums(table(), (2,), 0).assign(unit_kind="album", score=0.0)
    some = in_contrast(albums, contrast)
    part = some["unit"].str.extract(r"/(\w+)-")[0]
    assert set(zip(some["role"], part, strict=True)) == pairs
    assert some["positive"].mean() == 0.5
    assert of_contrast(some["unit"], contrast).all()


def test_names_of_persons_do_not_say_which_part_an_album_is_from():
    units = pd.Series(["a/main-2/aside-2", "a/aside-4/main-4", "aside-2", "x/aside-2.jpg"])
    assert of_contrast(units, "member_vs_external").tolist() == [False, True, False, False]
    assert of_contrast(units, "held_out_vs_external").tolist() == [True, False, False, False]


def test_externals_whom_nobody_divided_stand_beside_held_out_persons():
    """Under observed assignment no external's photo is set aside: all of them were unseen."""
    albums = draw_albums(observed().table, (2, 4), 0).assign(unit_kind="album", score=0.0)
    for contrast in ("member_vs_external", "held_out_vs_external"):
        persons = in_contrast(albums, contrast).groupby("positive")["identity"].nunique()
        assert persons.to_dict() == {True: 20, False: 20}, contrast


# What an album says


def test_similarity_and_spread_equal_brute_force():
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(640, 8)).astype(np.float32)
    albums = draw_albums(table(), SIZES, 0)
    found = similarity_and_spread(embedding, albums)
    assert found.shape == (len(albums), 2)
    for place, rows in enumerate(albums["rows"]):
        pairs = [cosine(embedding[i], embedding[j]) for i, j in itertools.combinations(rows, 2)]
        assert len(pairs) == len(rows) * (len(rows) - 1) / 2
        expected = [np.mean(pairs), -np.std(pairs)]
        np.testing.assert_allclose(found[place], expected, atol=1e-5)
    assert (found[albums["n_images"] == 2, 1] == 0).all()


def test_similarity_does_not_know_of_length():
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(640, 8)).astype(np.float32)
    albums = draw_albums(table(), SIZES, 0)
    longer = embedding * rng.uniform(0.1, 10, (640, 1)).astype(np.float32)
    np.testing.assert_allclose(
        similarity_and_spread(embedding, albums), similarity_and_spread(longer, albums), atol=1e-5
    )


def test_head_of_mean_is_the_nearest_class_of_the_mean_direction():
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(640, 8)).astype(np.float32)
    head = torch.from_numpy(rng.normal(size=(7, 8)).astype(np.float32))
    albums = draw_albums(table(), SIZES, 0)
    found = head_of_mean(embedding, head, albums)
    for place, rows in enumerate(albums["rows"]):
        mean = F.normalize(torch.from_numpy(embedding[rows])).mean(0).numpy()
        expected = max(cosine(mean, centre) for centre in head.numpy())
        np.testing.assert_allclose(found[place], expected, atol=1e-5)


def test_mean_scores_are_means_and_nan_where_an_image_has_no_score():
    albums = pd.DataFrame({"rows": [np.array([0, 1]), np.array([1, 2, 4]), np.array([3, 0])]})
    score = np.array([1.0, 3.0, np.nan, 5.0, 8.0])
    np.testing.assert_array_equal(mean_scores(score, albums), [2, np.nan, 3])
