"""Stores of recordings behind URLs: a change is found where size and time do not tell it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import s3fs
from object_store import run_store, upload

from pdmr_classic import Settings, load_dataset, make_synthetic
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.load_features import load_features
from pdmr_classic.features.store import _parts
from pdmr_classic.features.store._part_writer import PartWriter
from pdmr_classic.features.store.read import read_store
from pdmr_classic.features.store.write import extract_store
from pdmr_classic.storage.location import RemotePath

QUICK = Settings().override({"features.families": ("distribution",)})


@pytest.fixture(scope="module")
def server() -> Iterator[s3fs.S3FileSystem]:
    with run_store() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set") / "set"
    make_synthetic(folder, subjects=8, segments=1, seconds=(1, 2))
    return folder / "test"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the parts that are written in a test."""
    numbers: list[int] = []
    original = PartWriter.write
    monkeypatch.setattr(_parts, "ROWS_PER_PART", 1)
    monkeypatch.setattr(
        PartWriter, "write", lambda self, number, *rest: (numbers.append(number), original(self, number, *rest))[1]
    )
    return numbers


def test_only_the_part_of_a_file_with_other_bytes_is_written_again(
    folder: Path, server: s3fs.S3FileSystem, tmp_path: Path, written: list[int]
) -> None:
    data = load_dataset(upload(server, folder, "changed"))
    extractor = FeatureExtractor(QUICK, cache=tmp_path / "cache")
    for _ in range(2):
        extract_store(extractor, data, tmp_path / "store")
    assert written == list(range(len(data)))
    written.clear()
    file = f"changed/set/video/{data.data_ids[1]}.csv"
    before = server.cat_file(file)
    head, _, last = before.rstrip().rpartition(b",")
    changed = head + b"," + last[:-1] + (b"1" if last[-1:] != b"1" else b"2") + before[len(before.rstrip()) :]
    assert len(changed) == len(before)
    server.pipe_file(file, changed)
    extract_store(extractor, data, tmp_path / "store")
    assert written == [1]
    expected = FeatureExtractor(QUICK).transform(data)
    pd.testing.assert_frame_equal(read_store(tmp_path / "store").features, expected, check_exact=True)


def test_parts_of_files_without_a_version_are_written_again(
    folder: Path, server: s3fs.S3FileSystem, tmp_path: Path, written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RemotePath, "version", "")
    data = load_dataset(upload(server, folder, "unversioned"))
    for _ in range(2):
        extract_store(FeatureExtractor(QUICK, cache=tmp_path / "cache"), data, tmp_path / "store")
    assert written == [*range(len(data)), *range(len(data))]


def test_a_store_behind_a_url_is_read_like_a_folder(
    folder: Path, server: s3fs.S3FileSystem, tmp_path: Path, written: list[int]
) -> None:
    extract_store(FeatureExtractor(QUICK), load_dataset(folder), tmp_path / "store")
    url = upload(server, tmp_path / "store", "features")
    expected = read_store(tmp_path / "store")
    found = read_store(url)
    pd.testing.assert_frame_equal(found.features, expected.features, check_exact=True)
    assert found.records == expected.records
    features = FeatureExtractor(QUICK).transform(load_features(url))
    pd.testing.assert_frame_equal(features, expected.features, check_exact=True)
