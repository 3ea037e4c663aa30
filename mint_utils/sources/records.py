"""MXNet's RecordIO files (train.rec with train.idx), read without MXNet.

A record is the word MAGIC, a word whose upper 3 bits say whether the record goes on (0: whole;
1, 2, 3: first, middle, last part) and whose lower 29 its length in bytes, then that many bytes,
filled up to a multiple of 4. Where the data itself holds MAGIC at a multiple of 4, that word is
left out and parts the record. The data are a header of 24 bytes, ``flag`` labels of 4 bytes where
``flag`` is above 0, and a JPEG (dmlc-core recordio.h, mxnet recordio.py).
"""

import struct
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

MAGIC = 0xCED7230A
HEADER = struct.Struct("<IfQQ")  # flag, label, id, id2
WHOLE, FIRST, MIDDLE, LAST = range(4)
LENGTH = (1 << 29) - 1
TRIED = 100  # records that must start with MAGIC, most of them, or the index is another file's
BATCH = 1_000_000  # headers that are looked at together


class BadRecord(ValueError):
    """One record that cannot be read; the others can."""


class RecordFile:
    """Records by their number; any number of threads may read.

    ``keys`` (n,) are the numbers in order, ``offsets`` (n,) where their records start, both int64:
    17 million take 272 MB. The file is mapped, not read. Raises ValueError if the two files are
    no RecordIO or do not belong together.
    """

    def __init__(self, rec: Path, idx: Path):
        self.rec, self.idx, self.size = rec, idx, rec.stat().st_size
        self._bytes = np.memmap(rec, np.uint8, "r") if self.size >= 8 else np.zeros(0, np.uint8)
        self._words = self._bytes[: self.size // 4 * 4].view("<u4")
        if not len(self._words) or self._words[0] != MAGIC:
            raise ValueError(f"{rec} is no RecordIO file: it does not start with 0x{MAGIC:x}")
        self.keys, self.offsets = _index(idx)
        self._refuse_cut_short()
        self._refuse_foreign()

    def __reduce__(self):
        return RecordFile, (self.rec, self.idx)  # a copy maps the file; NumPy's would hold it whole

    def _refuse_cut_short(self) -> None:
        odd = (self.offsets < 0) | (self.offsets % 4 != 0)
        if odd.any():
            raise ValueError(f"{self.idx} has impossible positions, such as {self.offsets[odd][0]}")
        beyond = self.offsets + 8 > self.size
        last = self.offsets.argmax()
        word = self.offsets[last] // 4
        if not beyond.any() and self._words[word] == MAGIC:
            length = int(self._words[word + 1]) & LENGTH
            beyond[last] = self.offsets[last] + 8 + length > self.size
        if beyond.any():
            raise ValueError(
                f"{beyond.sum():,} of {len(beyond):,} records of {self.idx.name} lie beyond the "
                f"end of {self.rec} ({self.size:,} bytes): the download was cut short, or the two "
                "files do not belong together. Get both again"
            )

    def _refuse_foreign(self) -> None:
        tried = self.offsets[np.linspace(0, len(self) - 1, min(len(self), TRIED)).astype(int)]
        if (self._words[tried // 4] == MAGIC).mean() < 0.5:
            raise ValueError(
                f"{self.idx} is not the index of {self.rec}: few of its positions are those of "
                "records. Get both again"
            )
        try:
            end = self._parts(int(self.offsets.max()))[-1].stop
        except BadRecord:
            return  # who reads it will say so
        left = self.size - (end + 3) // 4 * 4
        if left > 0:
            raise ValueError(
                f"{self.rec} goes on for {left:,} bytes after the last record of {self.idx.name}: "
                "the index was cut short, or is another file's. Get both again"
            )

    def __len__(self) -> int:
        return len(self.keys)

    def places(self, keys: np.ndarray) -> np.ndarray:
        """Where in ``keys`` and ``offsets`` some keys are. Raises BadRecord for an unknown one."""
        at = np.minimum(np.searchsorted(self.keys, keys), len(self) - 1)
        if (self.keys[at] != keys).any():
            unknown = np.asarray(keys)[self.keys[at] != keys][0]
            raise BadRecord(f"{self.rec} has no record {unknown}: {len(self):,} are listed")
        return at

    def labels(self, keys: np.ndarray, count: int = 1) -> np.ndarray:
        """float32 (n, count): the first labels of records; NaN where one has none or is broken.

        Only headers are looked at: 1 million takes 0.2 s where the file is in memory, and else
        nearly as long as reading the file, as a disk gives no less than the 4 KB around each.
        """
        at = self.offsets[self.places(keys)] // 4
        found = np.empty((len(at), count), np.float32)
        batches = range(0, len(at), BATCH)
        for first in tqdm(batches, desc="reading labels", unit="batch", disable=len(batches) < 2):
            found[first : first + BATCH] = self._labels_at(at[first : first + BATCH], count)
        return found

    def _labels_at(self, at: np.ndarray, count: int) -> np.ndarray:
        last = len(self._words) - 1
        words = [self._words[np.minimum(at + place, last)] for place in range(4)]
        magic, lengths, flags, label = words
        room = (lengths & LENGTH) - np.minimum(lengths & LENGTH, HEADER.size)
        sound = (magic == MAGIC) & (lengths >> 29 <= FIRST) & (lengths & LENGTH >= HEADER.size)
        sound &= (flags.astype(np.int64) * 4 <= room) & (at * 4 + 8 + room <= self.size)
        found = np.full((len(at), count), np.nan, np.float32)
        single = sound & (flags == 0)
        found[single, 0] = label.view("<f4")[single]
        for place in range(count):
            several = sound & (flags > place)
            found[several, place] = self._words[at[several] + 8 + place].view("<f4")
        return found

    def image(self, key: int) -> bytes:
        """The file (JPEG, PNG) inside a record. Raises BadRecord that says what is wrong."""
        data = self._data(int(self.offsets[self.places(np.array([key]))[0]]))
        if len(data) < HEADER.size:
            raise BadRecord(f"record {key} has {len(data)} bytes, fewer than its header")
        flag = HEADER.unpack_from(data)[0]
        start = HEADER.size + 4 * flag
        if start > len(data):
            raise BadRecord(f"record {key} claims {flag} labels in {len(data)} bytes")
        if start == len(data):
            raise BadRecord(f"record {key} holds no image")
        return data[start:]

    def holds_image(self, key: int) -> bool:
        try:
            return bool(self.image(key))
        except BadRecord:
            return False

    def _data(self, offset: int) -> bytes:
        """The data of the record at a position, its parts put together again."""
        parts = [self._bytes[part].tobytes() for part in self._parts(offset)]
        return struct.pack("<I", MAGIC).join(parts)

    def _parts(self, offset: int) -> list[slice]:
        """Which bytes of the file hold the data of the record at a position."""
        parts: list[slice] = []
        while True:
            if offset + 8 > self.size:
                raise BadRecord(f"the record goes on beyond the end of {self.rec}")
            magic, word = (int(w) for w in self._words[offset // 4 : offset // 4 + 2])
            part, length = word >> 29, word & LENGTH
            if magic != MAGIC:
                raise BadRecord(f"no record starts at byte {offset:,} of {self.rec}")
            if part not in ((MIDDLE, LAST) if parts else (WHOLE, FIRST)):
                raise BadRecord(f"continuation flag {part} is out of place at byte {offset:,}")
            if offset + 8 + length > self.size:
                raise BadRecord(f"the record goes on beyond the end of {self.rec}")
            parts.append(slice(offset + 8, offset + 8 + length))
            if part in (WHOLE, LAST):
                return parts
            offset += 8 + (length + 3) // 4 * 4


def _index(idx: Path) -> tuple[np.ndarray, np.ndarray]:
    """Keys in order and their offsets, both int64, from lines of two numbers and a tab."""
    try:
        lines = pd.read_csv(idx, sep="\t", header=None, dtype=np.int64)
        if lines.shape[1] != 2:
            raise ValueError(f"it has {lines.shape[1]} columns")
    except (ValueError, OverflowError) as error:  # pandas' own errors are ValueErrors too
        words = f"{idx} is no RecordIO index (lines of number, tab, position): {error}"
        raise ValueError(words) from error
    keys, offsets = lines[0].to_numpy(), lines[1].to_numpy()
    if (np.diff(keys) < 0).any():
        order = keys.argsort(kind="stable")
        keys, offsets = keys[order], offsets[order]
    twice = np.flatnonzero(np.diff(keys) == 0)
    if len(twice):
        raise ValueError(f"{idx} lists record {keys[twice[0]]} twice")
    return keys, offsets
