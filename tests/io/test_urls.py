"""Data sets behind URLs give what the same files give on disk, from a server on loopback that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
import s3fs
from joblib.externals.loky import get_reusable_executor
from object_store import forget_connections, run_store, upload

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError
from pdmr_classic.features import extractor
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.io.dataset import Dataset, load_dataset
from pdmr_classic.io.file_format import describe_format
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.io.split_folders import find_splits
from pdmr_classic.storage.location import RemotePath, parse_location

SETTINGS = Settings().override({"features.families": ["distribution", "quality", "audio_vector"]})


@pytest.fixture(scope="module")
def store() -> Iterator[s3fs.S3FileSystem]:
    with run_store() as store:
        yield store


@pytest.fixture(scope="module")
def url(store: s3fs.S3FileSystem, small_set: Path) -> str:
    """`small_set` in a bucket; tests must not change it."""
    return upload(store, small_set, "small")


def extract(data: Dataset, **options) -> pd.DataFrame:
    return FeatureExtractor(SETTINGS, **options).transform(data)


# ------------------------------------------------------------------------------------------------------ same data


def test_a_set_behind_a_url_has_the_recordings_labels_and_subjects_of_the_folder(url: str, small_set: Path) -> None:
    remote, local = load_dataset(url, split="train"), load_dataset(small_set, split="train")
    assert str(remote.folder) == f"{url}/train"
    assert (remote.data_ids, remote.layout, remote.is_synthetic) == (local.data_ids, local.layout, local.is_synthetic)
    pd.testing.assert_frame_equal(remote.labels, local.labels)
    pd.testing.assert_series_equal(remote.groups, local.groups)
    sources = [(source.name, str(source.folder)) for source in find_splits(parse_location(url))]
    assert sources == [("train", f"{url}/train"), ("test", f"{url}/test")]


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_files_behind_urls_give_the_same_features_in_any_process(
    jobs: int, url: str, small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractor, "_BYTES_PER_WORKER", 1)
    # Workers of an earlier test do not know the address of the server, which is in the environment.
    get_reusable_executor().shutdown(wait=True)
    features = extract(load_dataset(url, split="test"), jobs=jobs)
    expected = extract(load_dataset(small_set, split="test"))
    assert list(features.columns) == list(expected.columns)
    assert features.to_numpy().tobytes() == expected.to_numpy().tobytes()


def test_a_file_that_was_listed_is_read_with_one_request(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_dataset(url, split="test")
    requests: list[str] = []
    call = s3fs.S3FileSystem._call_s3

    async def record(self: s3fs.S3FileSystem, method: str, *args: Any, **options: Any) -> Any:
        requests.append(method)
        return await call(self, method, *args, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", record)
    extract(data)
    assert requests == ["get_object"] * (data.count_with("video") + data.count_with("audio"))


def test_labels_may_be_a_url(url: str, small_set: Path) -> None:
    labels = load_dataset(small_set / "train", labels=f"{url}/train/labels.csv").labels
    pd.testing.assert_frame_equal(labels, load_dataset(small_set / "train").labels)
    pd.testing.assert_frame_equal(
        read_labels(f"{url}/train/labels.csv")[0], read_labels(small_set / "train/labels.csv")[0]
    )


def test_files_in_nested_folders_are_found_in_the_same_order(store: s3fs.S3FileSystem, tmp_path: Path) -> None:
    for name in ("b/2/x_openface.csv", "a/1/y_openface.csv", "a/z_openface.csv", "a/.hidden/h_openface.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("frame,timestamp,AU12_r\n1,0.0,0.5\n2,0.04,0.6\n")
    settings = SETTINGS.override({"data.video_pattern": "**/{id}_openface.csv"}).data
    remote = load_dataset(upload(store, tmp_path, "nested"), settings=settings)
    local = load_dataset(tmp_path, settings=settings)
    paths = [recording.video.relative_to(remote.folder) for recording in remote.recordings]
    assert paths == [recording.video.relative_to(tmp_path) for recording in local.recordings]
    assert remote.data_ids == ["x", "y", "z"]


def test_how_a_file_is_written_is_told_from_its_first_bytes(url: str, small_set: Path) -> None:
    name = next((small_set / "test" / "video").iterdir()).name
    remote, local = (parse_location(f"{root}/test/video/{name}") for root in (url, small_set))
    assert describe_format(remote) == describe_format(local)


def test_an_object_that_stands_for_a_folder_is_not_a_recording(store: s3fs.S3FileSystem, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "001.csv").write_text("0.1,0.2,0.3\n")
    url = upload(store, tmp_path, "marked")
    for name in ("set/", "set/audio/"):
        store.call_s3("put_object", Bucket="marked", Key=name, Body=b"")
    assert load_dataset(url).data_ids == ["001"]


# ---------------------------------------------------------------------------------------------------------- cache


def test_the_cache_reads_a_file_again_only_if_the_store_says_that_it_changed(
    store: s3fs.S3FileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("001", "002"):
        (tmp_path / "set" / "audio").mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / "audio" / f"{name}.csv").write_text("0.1,0.2,0.3\n")
    data = load_dataset(upload(store, tmp_path / "set", "cached"))
    read: list[str] = []
    monkeypatch.setattr(RemotePath, "read_bytes", lambda path: read.append(path.name) or store.cat_file(str(path)))
    first = extract(data, cache=tmp_path / "cache")
    assert read == ["001.csv", "002.csv"]
    assert extract(data, cache=tmp_path / "cache").equals(first)
    assert read == ["001.csv", "002.csv"]
    # Same size; the data set that was loaded before does not know of the change.
    store.pipe("cached/set/audio/002.csv", b"0.1,0.2,0.9\n")
    changed = extract(data, cache=tmp_path / "cache")
    assert set(read[2:]) == {"002.csv"}
    assert changed.loc["001"].equals(first.loc["001"])
    assert changed.loc["002"].iloc[2] == 0.9


def test_a_store_that_names_no_versions_has_no_shortcut(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/unversioned/audio/001.csv", b"0.1,0.2,0.3\n")
    first = extract(load_dataset("memory://unversioned"), cache=tmp_path)
    memory.pipe("/unversioned/audio/001.csv", b"0.1,0.2,0.9\n")
    second = extract(load_dataset("memory://unversioned"), cache=tmp_path)
    memory.rm("/unversioned", recursive=True)
    assert (first.iloc[0, 2], second.iloc[0, 2]) == (0.3, 0.9)


# ------------------------------------------------------------------------------------------------------- bad URLs


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("s3://small/nothing", r"the data folder does not exist\n  where:    s3://small/nothing\n(.*\n)*.*nothing"),
        ("s3://no-such-bucket/set", r"the data folder does not exist\n  where:    s3://no-such-bucket/set"),
        ("s3://small/set/train/labels.csv", r"the data folder does not exist\n(.*\n)*.*found: +a file"),
        ("s3://", r"the data folder does not exist\n  where:    s3://\n"),
    ],
    ids=["folder", "bucket", "file", "empty"],
)
def test_a_url_without_data_is_one_message(path: str, message: str, url: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(path)


def test_missing_labels_are_one_message(url: str) -> None:
    with pytest.raises(DataError, match=rf"the file cannot be read\n  where:    {url}/other.csv"):
        load_dataset(f"{url}/train", labels=f"{url}/other.csv")


def test_missing_credentials_are_one_message(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    forget_connections()
    with pytest.raises(DataError, match=rf"no credentials for the URL\n  where:    {url}\n(.*\n)*.*AWS_ACCESS_KEY_ID"):
        load_dataset(url)
    forget_connections()


def test_a_store_that_cannot_be_reached_is_one_message(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    forget_connections()
    with pytest.raises(DataError, match=rf"cannot be reached\n  where:    {url}\n(.*\n)*.*AWS_ENDPOINT_URL"):
        load_dataset(url)
    forget_connections()


def test_denied_access_is_one_message(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_, **__):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(s3fs.S3FileSystem, "info", deny)
    with pytest.raises(DataError, match=rf"access to the URL is denied\n  where:    {url}\n(.*\n)*.*Access Denied"):
        load_dataset(url)


def test_a_file_that_may_not_be_read_is_told_like_any_unreadable_file(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deny(*_, **__):
        raise PermissionError("Forbidden")

    data = load_dataset(url, split="test")
    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", deny)
    with pytest.raises(DataError, match=r"the file cannot be read\n  where:    s3://small(.*\n)*.*access is denied"):
        extract(data)
