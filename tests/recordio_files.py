"""RecordIO files as MXNet writes them, for tests and benchmarks that need one."""

import struct

import numpy as np

MAGIC = struct.pack("<I", 0xCED7230A)


def packed(label, image: bytes = b"") -> bytes:
    """Header and image, as mxnet.recordio.pack does: several labels go behind a flag."""
    if np.ndim(label) == 0:
        return struct.pack("<IfQQ", 0, label, 0, 0) + image
    labels = np.asarray(label, np.float32).tobytes()
    return struct.pack("<IfQQ", len(label), 0, 0, 0) + labels + image


def framed(payload: bytes) -> bytes:
    """A record, as dmlc-core writes it: parted where the data itself holds the magic word."""
    at = [i for i in range(0, len(payload) - 3, 4) if payload[i : i + 4] == MAGIC]
    parts = [payload[a:b] for a, b in zip([0, *(i + 4 for i in at)], [*at, None], strict=True)]
    flags = [0] if len(parts) == 1 else [1, *[2] * (len(parts) - 2), 3]
    out = b""
    for flag, part in zip(flags, parts, strict=True):
        out += MAGIC + struct.pack("<I", flag << 29 | len(part)) + part + b"\0" * (-len(part) % 4)
    return out


def write(folder, records: dict[int, bytes]) -> None:
    """train.rec and train.idx of payloads by number, in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, position = [], 0
    with (folder / "train.rec").open("wb") as rec:
        for key, payload in records.items():
            lines.append(f"{key}\t{position}\n")
            position += rec.write(framed(payload))
    (folder / "train.idx").write_text("".join(lines))


def with_persons(images: dict[int, list[bytes]], several: bool = False) -> dict[int, bytes]:
    """The records of a set that describes its persons, the first record written last."""
    records, ranges = {}, []
    for label, files in images.items():
        start = len(records) + 1
        for file in files:
            records[len(records) + 1] = packed([label, 0.5] if several else label, file)
        ranges.append((start, len(records) + 1))
    first = len(records) + 1
    records |= {first + n: packed(pair) for n, pair in enumerate(ranges)}
    return records | {0: packed((first, first + len(ranges)))}
