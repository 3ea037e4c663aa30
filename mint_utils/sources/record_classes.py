"""Whose image is in which record of an InsightFace set.

Record 0 may hold no image but two labels: the number of the first record that describes a person,
and of the one after the last. Such a record holds, again as two labels, the numbers of the
person's first image and of the one after the last. Sets without (shuffled ones) have only the
class of every image, as its first label.
"""

import numpy as np

from mint_utils.sources.records import RecordFile

EXACT = 2**24  # up to which float32 tells all whole numbers; Glint360K has 17 million images
UNLABELLED = -1  # class of an image whose header is broken: it is listed, so that it is counted


def image_keys(records: RecordFile) -> tuple[np.ndarray, np.ndarray]:
    """The records that hold images (n,), and those that describe persons (m,): 0 or more."""
    keys = records.keys
    first = records.labels(keys[:1], 2)[0, 0]
    if keys[0] != 0 or not _describes(records, 0) or first <= 1:
        return keys, keys[:0]
    if first > keys[-1] + 1:
        raise ValueError(
            f"record 0 of {records.rec} says that images go up to record {first - 1:.0f}, but the "
            f"last is {keys[-1]}: train.idx is of another file. Get both again"
        )
    near = [k for k in keys[np.abs(keys - int(first)) <= 1] if k and _describes(records, k)]
    start = min(near, default=int(first))  # rounded to float32: maybe the one before or after
    return keys[(keys > 0) & (keys < start)], keys[keys >= start]


def _describes(records: RecordFile, key: int) -> bool:
    """Whether a record holds two labels and no image; one that is broken holds neither."""
    told = np.isfinite(records.labels(np.array([key]), 2)).all()
    return bool(told) and not records.holds_image(key)


def classes_by_person(
    records: RecordFile, images: np.ndarray, persons: np.ndarray
) -> np.ndarray | None:
    """int32 (n,): the class of every image, from the records that describe persons.

    Two headers a person are read instead of one an image; images beyond EXACT say it themselves.
    None where these records do not say it for certain: where they leave out an image, or a
    person's first and last image differ in class.
    """
    starts, ends = records.labels(persons, 2).T.astype(float)
    known = len(ends) - np.count_nonzero(ends > EXACT)
    if not len(images) or not known:
        return None
    complete = ends[-1] > EXACT or ends[-1] == images[-1] + 1
    starts, ends = starts[:known], ends[:known]
    expected = np.concatenate([images[:1], ends[:-1]])
    gapless = images[-1] - images[0] + 1 == len(images) >= ends[-1] - images[0]
    if not complete or not gapless or (starts != expected).any() or not (ends > starts).all():
        return None
    first, last = (records.labels(k.astype(np.int64))[:, 0] for k in (starts, ends - 1))
    if not np.array_equal(first, last):
        return None
    classes = np.repeat(_whole(first, starts, records), (ends - starts).astype(int))
    return np.concatenate([classes, classes_by_label(records, images[len(classes) :])])


def classes_by_label(records: RecordFile, images: np.ndarray) -> np.ndarray:
    """int32 (n,): the class of every image, from its own header; UNLABELLED where it is broken."""
    return _whole(records.labels(images)[:, 0], images, records)


def _whole(labels: np.ndarray, keys: np.ndarray, records: RecordFile) -> np.ndarray:
    known = np.isfinite(labels)
    odd = known & ((labels < 0) | (labels > EXACT) | (labels != np.floor(labels)))
    if odd.any():
        raise ValueError(
            f"record {int(keys[odd][0])} of {records.rec} has the label {labels[odd][0]:g}: whole "
            "numbers from 0 are expected, one for each person. Is this a set of faces?"
        )
    return np.where(known, labels, UNLABELLED).astype(np.int32)
