"""Chance that depends on the seed and on what is drawn, and on nothing else."""

import hashlib


def chance(seed: int, *words: object) -> float:
    """A number in [0, 1) that depends on nothing but the seed and the words.

    Roles, splits and persons drawn with it do not change when other images come or go.
    """
    digest = hashlib.sha256("/".join(map(str, (seed, *words))).encode()).digest()
    return int.from_bytes(digest[:8], "little") / 2**64
