"""InsightFace's RecordIO sets, written here as MXNet writes them: read whole, or refused."""

import os
import pickle
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from conftest import drawn_faces
from PIL import Image
from recordio_files import MAGIC, framed, packed, with_persons, write

from mint_utils import locations
from mint_utils.faces import assemble
from mint_utils.hygiene import inspect
from mint_utils.scenario import RecordioFaces
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import UnreadableImage, open_sources, record_classes, recordio
from mint_utils.sources.recordio import RecordioSource
from mint_utils.sources.records import BadRecord, RecordFile


@pytest.fixture
def data(data_folder):
    return data_folder


def drawn(count: int, quality: int = 90) -> list[bytes]:
    """JPEG files of drawn faces."""
    files = [BytesIO() for _ in range(count)]
    for file, face in zip(files, drawn_faces(count), strict=True):
        Image.fromarray(face).save(file, "JPEG", quality=quality)
    return [file.getvalue() for file in files]


def without_persons(images: dict[int, list[bytes]]) -> dict[int, bytes]:
    files = [packed(label, file) for label, some in images.items() for file in some]
    return dict(enumerate(files))


def source(path: str = "set", seed: int = 0, **more) -> RecordioSource:
    return RecordioSource(RecordioFaces(kind="recordio", path=path, **more), seed)


def pixels(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(file)).convert("RGB"))


def three_persons() -> dict[int, list[bytes]]:
    files = drawn(7)
    return {0: files[:2], 1: files[2:3], 123: files[3:]}


@pytest.mark.parametrize("several", [False, True], ids=["one label", "several labels"])
def test_a_set_that_describes_its_persons_is_listed_and_read(data, several):
    images = three_persons()
    write(data / "set", with_persons(images, several))
    (data / "set" / "property").write_text("124,112,112\n")
    listed = source(group="ms1m").images()
    assert listed["image_id"].tolist() == [f"ms1m/{n:09d}" for n in range(1, 8)]
    assert listed["identity"].tolist() == ["0000000"] * 2 + ["0000001"] + ["0000123"] * 4
    for image_id, file in zip(listed["image_id"], sum(images.values(), []), strict=True):
        np.testing.assert_array_equal(source(group="ms1m").read(image_id), pixels(file))


def test_a_set_without_descriptions_goes_by_the_label_of_each_image(data):
    images = three_persons()
    write(data / "set", without_persons(images))
    listed = source().images()
    assert listed["image_id"].tolist() == [f"recordio/{n:09d}" for n in range(7)]
    assert listed["identity"].tolist() == ["0000000"] * 2 + ["0000001"] + ["0000123"] * 4
    np.testing.assert_array_equal(source().read("recordio/000000000"), pixels(images[0][0]))


def test_a_shuffled_set_is_listed_in_the_order_of_its_records(data):
    records = without_persons(three_persons())
    write(data / "set", {key: records[key] for key in (4, 0, 6, 2, 5, 1, 3)})
    assert source().images()["image_id"].tolist() == [f"recordio/{n:09d}" for n in range(7)]
    np.testing.assert_array_equal(source().read("recordio/000000006"), pixels(drawn(7)[6]))


def test_labels_are_read_once_and_kept(data, monkeypatch):
    write(data / "set", without_persons(three_persons()))
    listed = source().images()
    monkeypatch.setattr(recordio, "classes_by_label", None)
    pd.testing.assert_frame_equal(source().images(), listed)
    write(data / "set", without_persons(three_persons()) | {7: packed(3, drawn(1)[0])})
    with pytest.raises(TypeError):
        source().images()  # another file is read again


@pytest.mark.parametrize("wrong", [-1, 1])
def test_numbers_rounded_to_float32_do_not_mix_persons_up(data, wrong):
    """Beyond 2^24 images the descriptions are off by one: the images' own labels then count."""
    images, records = three_persons(), with_persons(three_persons())
    write(data / "right", records)
    write(data / "set", records | {0: packed((8 + wrong, 11))})
    pd.testing.assert_frame_equal(source().images(), source("right").images())
    shifted = {8: packed((1, 3 + wrong)), 9: packed((3 + wrong, 4)), 10: packed((4, 8))}
    write(data / "set", with_persons(images) | shifted)
    pd.testing.assert_frame_equal(source().images(), source("right").images())


@pytest.mark.parametrize(
    "ranges", [[(1, 3), (3, 4)], [(1, 3), (3, 4), (5, 8)], [(1, 3), (3, 3), (3, 8)]]
)
def test_descriptions_that_leave_something_out_are_not_believed(data, ranges):
    records = with_persons(three_persons())
    write(data / "right", records)
    records = {k: v for k, v in records.items() if k < 8}
    records |= {8 + n: packed(pair) for n, pair in enumerate(ranges)}
    write(data / "set", records | {0: packed((8, 8 + len(ranges)))})
    pd.testing.assert_frame_equal(source().images(), source("right").images())


@pytest.mark.parametrize("start", [3, 4, 5], ids=["rounded down", "exact", "rounded up"])
def test_images_beyond_what_float32_tells_say_themselves_whose_they_are(data, monkeypatch, start):
    records = with_persons(dict(enumerate(three_persons().values())))
    write(data / "right", records)
    write(data / "set", records | {10: packed((start, 9))})
    right = source("right").images()
    monkeypatch.setattr(record_classes, "EXACT", 5)
    monkeypatch.setattr(recordio, "classes_by_label", None)  # not all headers are read
    pd.testing.assert_frame_equal(source().images(), right)


@pytest.mark.parametrize(
    "payload",
    [
        MAGIC, MAGIC * 3, b"abcd" + MAGIC + b"efgh", b"abcd" + MAGIC + MAGIC + b"x",
        b"abc" + MAGIC + b"d", b"", b"\xff" * 1001,
    ],
    ids=["alone", "thrice", "amid", "twice amid", "not aligned", "nothing", "long"],
)  # fmt: skip
def test_data_that_hold_the_magic_word_come_back_whole(data, payload):
    write(data / "set", {0: packed(1, b"head" + payload), 1: packed(2, b"next")})
    records = RecordFile(data / "set" / "train.rec", data / "set" / "train.idx")
    assert records.image(0) == b"head" + payload
    assert records.image(1) == b"next"
    assert records.labels(records.keys)[:, 0].tolist() == [1, 2]


def test_any_number_of_threads_may_read(data):
    files = drawn(16)
    write(data / "set", without_persons({0: files}))
    shared = source()
    ids = [f"recordio/{n:09d}" for n in np.random.default_rng(0).integers(0, 16, 200)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(shared.read, ids))
    for image_id, image in zip(ids, read, strict=True):
        np.testing.assert_array_equal(image, pixels(files[int(image_id[-9:])]))


def test_another_process_gets_the_names_of_the_files_and_not_their_bytes(data):
    write(data / "set", without_persons(three_persons()))
    opened = source()
    image = opened.read("recordio/000000003")
    sent = pickle.dumps(opened)
    assert len(sent) < 2_000 < (data / "set" / "train.rec").stat().st_size
    np.testing.assert_array_equal(pickle.loads(sent).read("recordio/000000003"), image)


# Files that are cut short, or no RecordIO


def test_what_is_not_there_is_named_with_the_place_for_it(data):
    with pytest.raises(FileNotFoundError, match="train.rec and train.idx") as error:
        source("ms1mv3").images()
    assert str(data / "ms1mv3") in str(error.value)
    assert "data/README.md" in str(error.value)
    assert not source("ms1mv3").is_here()
    write(data / "ms1mv3", without_persons(three_persons()))
    assert source("ms1mv3").is_here()
    (data / "ms1mv3" / "train.idx").unlink()
    with pytest.raises(FileNotFoundError, match="ms1mv3 has no train.idx: both files"):
        source("ms1mv3").stamp()
    assert not source("ms1mv3").is_here()


@pytest.mark.parametrize("kept", [4, 9, 200, 0.5, -1, -3000])
def test_a_download_that_was_cut_short_is_not_half_a_set(data, kept):
    write(data / "set", with_persons(three_persons()))
    whole = (data / "set" / "train.rec").read_bytes()
    cut = int(len(whole) * kept) if isinstance(kept, float) else kept
    (data / "set" / "train.rec").write_bytes(whole[:cut])
    with pytest.raises(ValueError, match="cut short|is no RecordIO file"):
        source().images()


@pytest.mark.parametrize("records", [with_persons, without_persons])
@pytest.mark.parametrize("kept", [1, 4, 6])
def test_an_index_that_was_cut_short_is_not_half_a_set(data, records, kept):
    write(data / "set", records(three_persons()))
    lines = (data / "set" / "train.idx").read_text().splitlines(keepends=True)
    (data / "set" / "train.idx").write_text("".join(lines[:kept]))
    with pytest.raises(ValueError, match="train.rec goes on for .* after the last record of train"):
        source().images()


def test_the_index_of_another_file_is_refused(data):
    write(data / "set", without_persons(three_persons()))
    write(data / "other", without_persons({0: drawn(7, quality=40)}))
    os.replace(data / "other" / "train.idx", data / "set" / "train.idx")
    with pytest.raises(ValueError, match="train.idx is not the index of .*train.rec"):
        source().images()


def test_more_images_than_records_are_refused(data):
    write(data / "set", with_persons(three_persons()) | {0: packed((99, 102))})
    with pytest.raises(ValueError, match="says that images go up to record 98, but the last is 10"):
        source().images()


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08\x00 some archive", b"<html>" * 99])
def test_a_foreign_rec_is_refused(data, content):
    write(data / "set", without_persons(three_persons()))
    (data / "set" / "train.rec").write_bytes(content)
    with pytest.raises(ValueError, match="train.rec is no RecordIO file"):
        source().images()


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>404</html>", b"0\t0\t0\n1\t8\t8\n", b"0 0\n1 8\n", b"0\tzero\n", b"0\t0.5\n",
     b"\xff\xfe\x00\x01\x80" * 20, b"0\t0\n1\n", b"1\t99999999999999999999\n"],
    ids=["empty", "text", "three columns", "blanks", "words", "floats", "binary", "cut", "huge"],
)  # fmt: skip
def test_a_foreign_idx_is_refused(data, content):
    write(data / "set", without_persons(three_persons()))
    (data / "set" / "train.idx").write_bytes(content)
    with pytest.raises(ValueError, match="train.idx is no RecordIO index"):
        source().images()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("9\t-8\n", "impossible positions, such as -8"),
        ("9\t7\n", "impossible positions, such as 7"),
        ("0\t0\n", "lists record 0 twice"),
        ("9\t99999996\n", "1 of 8 records of train.idx lie beyond the end of .*train.rec"),
    ],
)
def test_an_index_that_cannot_be_is_refused(data, line, words):
    write(data / "set", without_persons(three_persons()))
    with (data / "set" / "train.idx").open("a") as idx:
        idx.write(line)
    with pytest.raises(ValueError, match=words):
        source().images()


@pytest.mark.parametrize("label", [0.5, -2, 1e-3, 3e9])
def test_labels_that_are_no_classes_are_refused(data, label):
    write(data / "set", without_persons({label: drawn(2)}))
    with pytest.raises(ValueError, match="record 0 of .* has the label .* whole numbers"):
        source().images()
    assert not list(locations.cache().glob("recordio/*"))  # nor half a file


# Single records that cannot be read: the others are


def word(records: bytes, at: int, value: int) -> bytes:
    return records[:at] + struct.pack("<I", value) + records[at + 4 :]


def broken(folder, how: str) -> str:
    """Break the second of the seven images; the id of what cannot be read."""
    records = without_persons(three_persons())
    spoilt = {
        "corrupt JPEG": packed(0, drawn(2)[1][:300]),
        "no JPEG": packed(0, b"<html>404</html>"),
        "no image": packed(0),
        "more labels than data": struct.pack("<IfQQ", 10**6, 0, 0, 0) + b"abcd",
        "nothing": b"",
        "less than a header": b"abcd",
    }
    write(folder, records | ({1: spoilt[how]} if how in spoilt else {}))
    start = int((folder / "train.idx").read_text().split()[3])
    whole = (folder / "train.rec").read_bytes()
    words = {"no magic word": (0, 0xBAD), "flag unknown": (4, 5 << 29 | 8),
             "a part in the middle": (4, 2 << 29 | 8), "no second part": (4, 1 << 29 | 24),
             "too long": (4, (1 << 29) - 1)}  # fmt: skip
    if how in words:
        place, value = words[how]
        (folder / "train.rec").write_bytes(word(whole, start + place, value))
    return "recordio/000000001"


BROKEN = {
    "corrupt JPEG": "truncated", "no JPEG": "cannot identify", "no image": "holds no image",
    "more labels than data": "claims 1000000 labels", "nothing": "has 0 bytes",
    "less than a header": "has 4 bytes", "no magic word": "no record starts at byte",
    "flag unknown": "continuation flag 5", "a part in the middle": "continuation flag 2",
    "no second part": "no record starts", "too long": "beyond the end",
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_record_is_unreadable_and_the_others_are_read(data, how):
    image_id = broken(data / "set", how)
    with pytest.raises(UnreadableImage, match=f"(?i){image_id}: .*{BROKEN[how]}"):
        source().read(image_id)
    listed = source().images()
    assert len(listed) == 7
    for other in set(listed["image_id"]) - {image_id}:
        source().read(other)


@pytest.mark.parametrize("how", ["corrupt JPEG", "nothing"])
def test_broken_records_are_counted(data, how):
    image_id = broken(data / "set", how)
    overrides = {
        "assignment": "observed", "splits": {"fit": 0, "calibrate": 0, "test": 1},
        "detectors.methods": [], "rivals": ["embedding_norm"], "faces": [
            {"kind": "recordio", "path": "set", "role": "member"},
            {"kind": "synthetic", "persons": 3, "images": 2, "size": 32, "role": "external"},
        ],
    }  # fmt: skip
    scenario = load_scenario("synthetic", overrides)
    found = inspect(assemble(open_sources(scenario), scenario))
    assert found.skipped["image_id"].tolist() == [image_id]
    assert (found.faces.table["source"] == "recordio").sum() == 6


@pytest.mark.parametrize("how", ["nothing", "more labels than data", "no magic word"])
def test_an_image_without_a_label_is_listed_so_that_it_is_counted(data, how):
    image_id = broken(data / "set", how)
    listed = source().images().set_index("image_id")["identity"]
    assert listed[image_id] == "unlabelled"
    assert (listed == "unlabelled").sum() == 1


def test_a_first_record_without_an_image_is_one_image_lost_and_not_all(data):
    write(data / "set", without_persons(three_persons()) | {0: packed(5)})
    assert len(source().images()) == 7
    with pytest.raises(UnreadableImage, match="record 0 holds no image"):
        source().read("recordio/000000000")


@pytest.mark.parametrize("last", [b"", packed(123)], ids=["nothing", "no image"])
def test_a_broken_last_image_is_not_taken_for_a_description(data, last):
    write(data / "set", with_persons(three_persons()) | {7: last})
    assert source().images()["image_id"].iloc[-1] == "recordio/000000007"


def test_labels_that_would_lie_beyond_the_file_are_none(data):
    write(data / "set", {0: struct.pack("<I", 2), 1: b""})
    whole = (data / "set" / "train.rec").read_bytes()
    (data / "set" / "train.rec").write_bytes(word(whole, 4, 100))
    records = RecordFile(data / "set" / "train.rec", data / "set" / "train.idx")
    assert np.isnan(records.labels(records.keys, 2)).all()


def test_a_record_that_is_not_listed_is_unreadable(data):
    write(data / "set", with_persons(three_persons()))
    for image_id in ("recordio/000000099", "recordio/some"):
        with pytest.raises(UnreadableImage, match=image_id):
            source().read(image_id)
    records = RecordFile(data / "set" / "train.rec", data / "set" / "train.idx")
    with pytest.raises(BadRecord, match="has no record 99: 11 are listed"):
        records.labels(np.array([1, 99]))


# What an audit needs of a set


def test_facts_are_those_of_the_file_inside(data):
    write(data / "set", without_persons({0: drawn(1, quality=75)}))
    facts = source().facts("recordio/000000000")
    assert facts == {"width": 32, "height": 32, "jpeg_quality": 75}


def test_stamp_follows_the_files(data):
    write(data / "set", without_persons(three_persons()))
    before = source().stamp()
    assert source().stamp() == before
    os.utime(data / "set" / "train.rec", (0, 2_000_000_000))
    assert source().stamp() != before


def test_some_persons_are_drawn_by_the_seed(data):
    write(data / "set", without_persons({label: [file] for label, file in enumerate(drawn(16))}))
    few, more = (set(source(persons=n).images()["identity"]) for n in (4, 9))
    assert len(few) == 4 and len(more) == 9 and few < more
    assert few == set(source(persons=4).images()["identity"])
    assert few != set(source(persons=4, seed=1).images()["identity"])
    assert len(source(persons=99).images()) == 16
    absent = sorted(set(source().images()["identity"]) - few)[0]
    with_named = set(source(persons=4, exclude=(absent,)).images()["identity"])
    assert with_named == few | {absent}


LISTING = """
import resource, sys
from mint_utils.scenario import RecordioFaces
from mint_utils.sources.recordio import RecordioSource
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
listed = RecordioSource(RecordioFaces(kind="recordio", path=sys.argv[1]), 0).images()
print(len(listed), listed["identity"].nunique(), listed["image_id"].iloc[-1], peak() - before)
"""


@pytest.mark.parametrize("described", [True, False], ids=["by person", "by label"])
def test_a_million_images_are_listed_in_a_few_hundred_megabytes(data, isolated, described):
    images, persons = 1_000_000, 20_000
    record = np.zeros(images, [("head", "<u4", 3), ("label", "<f4"), ("rest", "<u4", 5)])
    record["head"] = 0xCED7230A, 25, 0  # a header and one byte
    record["label"] = np.arange(images) // (images // persons)
    (data / "set").mkdir()
    rec, size = data / "set" / "train.rec", record.itemsize
    rec.write_bytes(record.tobytes())
    keys = np.arange(images) + described
    offsets = np.arange(images) * size
    lines = pd.DataFrame({"key": keys, "offset": offsets})
    if described:
        starts = 1 + np.arange(persons) * (images // persons)
        ranges = [packed((a, a + images // persons)) for a in starts.tolist()]
        blocks = [framed(pair) for pair in [*ranges, packed((images + 1, images + 1 + persons))]]
        with rec.open("ab") as file:
            file.write(b"".join(blocks))
        at = images * size + np.arange(persons + 1) * len(blocks[0])
        more = {"key": [*range(images + 1, images + 1 + persons), 0], "offset": at}
        lines = pd.concat([lines, pd.DataFrame(more)])
    lines.to_csv(data / "set" / "train.idx", sep="\t", header=False, index=False)
    done = subprocess.run(
        [sys.executable, "-c", LISTING, str(data / "set")], cwd=locations.REPOSITORY,
        capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(locations.REPOSITORY), "MINT_CACHE": str(isolated / "cache")},
    )  # fmt: skip
    count, found, last, megabytes = done.stdout.split()
    assert (int(count), int(found)) == (images, persons)
    assert last == f"recordio/{images - 1 + described:09d}"
    assert float(megabytes) < 300
