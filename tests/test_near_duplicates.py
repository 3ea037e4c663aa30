"""Copies that are not identical are found, other photographs are not, and a report can say it."""

from io import BytesIO, StringIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mint_utils import near_duplicates as module
from mint_utils.near_duplicates import (
    COLUMNS,
    MOST,
    near_duplicate_warnings,
    near_duplicates,
    perceptual_hash,
)
from mint_utils.scenario import SyntheticFaces
from mint_utils.sources.synthetic import SyntheticSource


def jpeg(quality: int):
    def saved(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return saved


def resize(by: float):
    return lambda image: image.resize((round(image.width * by), round(image.height * by)))


COPIES = {
    **{f"JPEG {quality}": jpeg(quality) for quality in (50, 60, 75, 85, 95)},
    "a tenth smaller": resize(0.9),
    "a tenth larger": resize(1.1),
    "brighter": lambda image: image.point(lambda value: min(255, round(value * 1.05))),
    "without its rim": lambda image: image.crop((2, 2, image.width - 2, image.height - 2)),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "smaller and JPEG 70": lambda image: jpeg(70)(resize(0.9)(image)),
}


def tabled(images: list[Image.Image], persons: list[str], names=None) -> pd.DataFrame:
    """A checked table as hygiene.inspect makes it, all images in one role."""
    arrays = [np.asarray(image) for image in images]
    return pd.DataFrame(
        {
            "image_id": names or [f"i{number:03d}" for number in range(len(images))],
            "identity": persons,
            "role": "member",
            "digest": [repr(array.shape) + array.tobytes().hex() for array in arrays],
            "perceptual": [perceptual_hash(array) for array in arrays],
        }
    )


@pytest.fixture(scope="module")
def drawn():
    """Twelve drawn persons with four shots each: images and their persons."""
    source = SyntheticSource(SyntheticFaces(kind="synthetic", persons=12, images=4, size=112), 0)
    listed = source.images()
    return [Image.fromarray(source.read(i)) for i in listed["image_id"]], list(listed["identity"])


def test_many_shots_of_one_person_are_no_duplicates(drawn):
    assert near_duplicates(tabled(*drawn)).empty


@pytest.mark.parametrize("kind", COPIES)
def test_every_planted_copy_is_found_and_nothing_else(drawn, kind):
    images, persons = drawn
    copies = [COPIES[kind](image) for image in images]
    pairs = near_duplicates(tabled(images + copies, persons + ["copied"] * len(copies)))
    found = set(zip(pairs["image_id"], pairs["same_as"], strict=True))
    assert found == {(f"i{n + len(images):03d}", f"i{n:03d}") for n in range(len(images))}
    assert pairs["distance"].between(0, MOST).all()
    assert pairs["distance"].is_monotonic_increasing
    assert (pairs["identity"] == "copied").all() and set(pairs["same_as_identity"]) == set(persons)


def test_a_crop_is_found_whichever_of_the_two_comes_first(drawn):
    images, _ = drawn
    crops = [COPIES["without its rim"](image) for image in images]
    assert len(near_duplicates(tabled(crops + images, ["p"] * 2 * len(images)))) == len(images)


def test_the_same_pixels_are_left_to_the_exact_comparison(drawn):
    images, persons = drawn
    copy = jpeg(80)(images[0])
    pairs = near_duplicates(tabled([*images, images[0], copy, copy], [*persons, "a", "b", "c"]))
    assert pairs[["image_id", "same_as"]].to_numpy().tolist() == [["i049", "i000"]]


def flipped(number: int, bits: int, hash_of: str) -> str:
    """A hash in which ``bits`` of the first and of the second half are turned round."""
    raw = np.unpackbits(np.frombuffer(bytes.fromhex(hash_of), np.uint8))
    chosen = np.random.default_rng(number).permutation(512)[:bits]
    raw[chosen] ^= 1
    raw[512 + chosen] ^= 1
    return np.packbits(raw).tobytes().hex()


@pytest.fixture(scope="module")
def hashed():
    """Forty random hashes, and copies of some with known numbers of other bits."""
    rng = np.random.default_rng(0)
    hashes = [rng.bytes(128).hex() for _ in range(40)]
    hashes += [flipped(n, bits, hashes[n]) for n, bits in enumerate([0, 1, MOST, MOST + 1, 100])]
    table = pd.DataFrame({"image_id": [f"i{n}" for n in range(45)], "perceptual": hashes})
    return table.assign(identity="p", role="member", digest=table["image_id"])


@pytest.mark.parametrize("tile", [1, 7, 45, 2048])
def test_distances_are_counted_in_bits_whatever_the_tiles(hashed, tile, monkeypatch):
    monkeypatch.setattr(module, "TILE", tile)
    pairs = near_duplicates(hashed)
    expected = [["i40", "i0", 0], ["i41", "i1", 1], ["i42", "i2", MOST]]
    assert pairs[["image_id", "same_as", "distance"]].to_numpy().tolist() == expected


def test_three_of_a_kind_are_three_pairs(hashed):
    same = hashed.iloc[[0, 0, 0]].assign(image_id=["a", "b", "c"], digest=["a", "b", "c"])
    pairs = near_duplicates(same)
    assert pairs[["image_id", "same_as"]].to_numpy().tolist() == [
        ["b", "a"],
        ["c", "a"],
        ["c", "b"],
    ]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_set_without_pairs_gives_an_empty_table_with_columns(hashed, rows):
    pairs = near_duplicates(hashed.iloc[:rows])
    assert list(pairs) == COLUMNS and pairs.empty
    again = pd.read_csv(StringIO(pairs.to_csv(index=False)))
    assert list(again) == COLUMNS
    assert near_duplicate_warnings(pairs) == near_duplicate_warnings(again) == []


@pytest.mark.parametrize("side", [1, 3, 20])
def test_the_smallest_pictures_have_a_hash_too(side):
    assert len(perceptual_hash(np.zeros((side, 2 * side, 3), np.uint8))) == 256


def pair(role: str, same_as_role: str, identity: str = "Ann", same_as_identity: str = "Ann"):
    return ["x/1", identity, role, "y/2", same_as_identity, same_as_role, 9]


def warnings(*rows) -> list[str]:
    saved = pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False)
    return near_duplicate_warnings(pd.read_csv(StringIO(saved)))


def test_pairs_across_the_sides_are_warned_of():
    (words,) = warnings(*[pair("external", "member", "Bo")] * 2, pair("held_out", "external", "Bo"))
    assert words == (
        "3 pairs of images look the same across the two sides, the first: x/1 (external) and y/2 "
        "(member). No detector can be right about both."
    )


def test_a_held_out_copy_and_a_second_name_are_warned_of():
    held, names = warnings(pair("held_out", "member"), pair("external", "external", "Bo"))
    assert held.startswith("2 images are a member image and a held-out one that look the same: x/1")
    assert "(held out)" in held and "trained on" in held
    assert names.startswith("2 images look the same under two names: x/1")


def test_two_alike_of_one_person_in_one_role_are_no_matter():
    assert warnings(pair("member", "member"), pair("external", "external")) == []
    assert warnings(pair("member", "member", "NA", "NA")) == []


@pytest.fixture(scope="module")
def photographs(real_data):
    """300 photographs of LFW, and six of which it holds a second version under another name."""
    root = real_data / "lfw" / "images"
    files = sorted(root.glob("*/*.jpg"))
    chosen = np.random.default_rng(0).choice(len(files), 300, replace=False)
    twice = ["Emmy_Rossum_0001", "Eva_Amurri_0001", "Gabrielle_Rose_0001", "Martha_Bowen_0002",
             "Andrew_Caldecott_0001", "Andrew_Gilligan_0001"]  # fmt: skip
    known = [root / name.rpartition("_")[0] / f"{name}.jpg" for name in twice]
    names = [file.stem for file in dict.fromkeys([*known, *(files[n] for n in sorted(chosen))])]
    images = [Image.open(root / n.rpartition("_")[0] / f"{n}.jpg").convert("RGB") for n in names]
    return images, [name.rpartition("_")[0] for name in names], names


def test_lfw_has_photographs_under_two_names(photographs):
    pairs = near_duplicates(tabled(*photographs))
    assert {frozenset(p) for p in pairs[["image_id", "same_as"]].to_numpy().tolist()} == {
        frozenset({"Emmy_Rossum_0001", "Eva_Amurri_0001"}),
        frozenset({"Gabrielle_Rose_0001", "Martha_Bowen_0002"}),
        frozenset({"Andrew_Caldecott_0001", "Andrew_Gilligan_0001"}),
    }
    (words,) = near_duplicate_warnings(pairs)
    assert words.startswith("3 pairs of images look the same under two names")


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_photographs_are_found(photographs, kind):
    images = photographs[0][6:106]
    copies = [COPIES[kind](image) for image in images]  # of grey ones a grey copy is the same
    other = [n for n in range(100) if copies[n].tobytes() != images[n].tobytes()]
    pairs = near_duplicates(tabled(images + copies, ["p"] * 200))
    found = set(zip(pairs["image_id"], pairs["same_as"], strict=True))
    assert found == {(f"i{n + 100:03d}", f"i{n:03d}") for n in other}
