"""Digests of what a run was made from: of content, not of order or names."""

import hashlib

import pandas as pd

from mint_utils.reporting.inputs import digest_of_all, face_digests, sha256


def test_a_source_has_one_digest_whatever_the_order():
    images = pd.DataFrame({"source": ["a", "a", "b"], "digest": ["2", "1", "1"]})
    found = face_digests(images)
    assert found == face_digests(images.iloc[::-1])
    assert found["a"] == {"images": 2, "sha256": hashlib.sha256(b"1\n2").hexdigest()}
    assert found["b"]["sha256"] != found["a"]["sha256"]


def test_an_image_that_is_there_twice_counts_twice():
    assert digest_of_all(["1", "1"]) != digest_of_all(["1"])


def test_a_file_is_read_as_it_is(tmp_path):
    (tmp_path / "weights").write_bytes(b"0" * 3_000_000)
    assert sha256(tmp_path / "weights") == hashlib.sha256(b"0" * 3_000_000).hexdigest()
