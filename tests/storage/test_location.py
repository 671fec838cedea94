"""Locations: local paths stay as they are, and URLs behave like paths whose files are in a store."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from pdmr_classic.errors import ConfigError, DataError, TargetError
from pdmr_classic.storage import location
from pdmr_classic.storage.atomic import check_writable, write_text_atomic
from pdmr_classic.storage.bytes import read_bytes, read_start
from pdmr_classic.storage.location import RemotePath, parse_location, refuse_url
from pdmr_classic.storage.lock import hold_lock
from pdmr_classic.storage.new_folder import find_new_folder

FILES = {"/set/labels.csv": b"data_id,status\n", "/set/train/video/001.csv": b"a,b\n1,2\n"}


@pytest.fixture
def folder() -> Iterator[RemotePath]:
    """A folder in the memory of this process."""
    store = fsspec.filesystem("memory")
    store.pipe(FILES)
    path = parse_location("memory://set")
    assert isinstance(path, RemotePath)
    yield path
    store.rm("/set", recursive=True)


# ------------------------------------------------------------------------------------------------------ paths


@pytest.mark.parametrize("text", ["data/train", "/data/001.csv", ".", "C:/data", "s3:", "a//b", "odd:name/x"])
def test_a_local_path_stays_a_local_path(text: str) -> None:
    path = parse_location(text)
    assert not isinstance(path, RemotePath)
    assert path == Path(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://bucket/set/", "s3://bucket/set"),
        ("S3://bucket//set", "s3://bucket/set"),
        ("hf://datasets/user/name@main/x", "hf://datasets/user/name@main/x"),
        ("s3://bucket/a name with #?&", "s3://bucket/a name with #?&"),
        ("s3://", "s3://"),
    ],
)
def test_a_url_is_a_remote_path_that_reads_as_the_url(text: str, url: str) -> None:
    path = parse_location(text)
    assert isinstance(path, RemotePath)
    assert str(path) == url
    assert repr(path) == f"RemotePath({url!r})"
    assert parse_location(path) is path


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:hunter2@bucket/set",
        "https://me:hunter2@host.org/set",
        "https://host.org/set?X-Amz-Signature=hunter2",
        "https://host.org/set?a=1&access_token=hunter2",
        "https://host.org/set?sv=1&sig=hunter2",
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_a_url_with_a_secret_is_refused_without_repeating_it(url: str, kind: type[str] | type[Path]) -> None:
    with pytest.raises(
        ConfigError, match=rf"contains a password(.*\n)*.*found: +{url.partition(':')[0]}://…\n"
    ) as info:
        parse_location(kind(url))
    assert "hunter2" not in str(info.value)
    assert "AKIA" not in str(info.value)


@pytest.mark.parametrize(
    "url",
    ["hf://datasets/user/name@refs:pr/x", "hf://user/name@main", "sftp://me@host/set", "s3://bucket/a?signature/b"],
)
def test_an_at_sign_or_question_mark_alone_is_no_secret(url: str) -> None:
    assert str(parse_location(url)) == url


def test_a_path_that_was_made_of_a_url_is_the_url() -> None:
    assert parse_location(Path("s3://bucket/set")) == parse_location("s3://bucket/set")
    assert Path("s3://bucket/set") != parse_location("s3://bucket/set")


def test_a_local_folder_with_the_name_of_a_scheme_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s3:/set").mkdir(parents=True)
    assert not isinstance(parse_location(Path("s3:/set")), RemotePath)


def test_the_url_of_a_local_file_is_a_local_path() -> None:
    assert parse_location("file:///data/001.csv") == Path("/data/001.csv")


def test_the_parts_of_a_path_are_those_of_the_url() -> None:
    path = parse_location("s3://bucket/set/video/001.csv.gz")
    assert (path.name, path.stem, path.suffix, path.suffixes) == ("001.csv.gz", "001.csv", ".gz", [".csv", ".gz"])
    related = [path.with_name("x"), path.with_suffix(".npy"), path.parent / "a" / "b", path.parent.joinpath("c", "d")]
    assert list(map(str, related)) == [
        "s3://bucket/set/video/x",
        "s3://bucket/set/video/001.csv.npy",
        "s3://bucket/set/video/a/b",
        "s3://bucket/set/video/c/d",
    ]
    assert all(isinstance(other, RemotePath) for other in related)
    assert (path.resolve(), path.absolute(), path.expanduser(), path.is_absolute()) == (path, path, path, True)


@pytest.mark.parametrize(
    ("text", "parents"),
    [
        ("s3://bucket/set/video", ["s3://bucket/set", "s3://bucket"]),
        ("s3://bucket", []),
        ("hf://datasets/user/name/video", ["hf://datasets/user/name"]),
        ("hf://datasets/user/name", []),
        ("hf://user/name/video", ["hf://user/name"]),
    ],
)
def test_nothing_is_above_a_bucket_or_repository(text: str, parents: list[str]) -> None:
    path = parse_location(text)
    assert list(map(str, path.parents)) == parents
    assert str(path.parent) == (parents or [text])[0]


def test_the_path_below_a_folder_is_local() -> None:
    path, folder = parse_location("s3://bucket/set/video/001.csv"), parse_location("s3://bucket/set")
    assert path.relative_to(folder) == Path("video/001.csv")
    assert path.is_relative_to(folder)
    with pytest.raises(ValueError, match=r"'s3://bucket/set' is not below 's3://bucket/set/video/001.csv'"):
        folder.relative_to(path)
    assert not path.is_relative_to(Path("s3:/bucket/sets"))


def test_paths_are_sorted_and_hashed_like_paths() -> None:
    first, second = parse_location("s3://bucket/a"), parse_location("s3://bucket/b")
    assert sorted([second, first]) == [first, second]
    assert {first, parse_location("s3://bucket/a/")} == {first}


# ------------------------------------------------------------------------------------------------------ files


def test_files_and_folders_are_told_apart(folder: RemotePath) -> None:
    paths = {path.name: path for path in folder.iterdir()}
    assert list(paths) == ["labels.csv", "train"]
    for path in (paths["labels.csv"], folder / "labels.csv"):
        assert (path.is_file(), path.is_dir(), path.exists(), path.is_symlink()) == (True, False, True, False)
        assert path.stat().st_size == len(FILES["/set/labels.csv"])
    for path in (paths["train"], folder / "train"):
        assert (path.is_file(), path.is_dir(), path.exists()) == (False, True, True)
    missing = folder / "other"
    assert (missing.is_file(), missing.is_dir(), missing.exists()) == (False, False, False)


def test_files_are_read(folder: RemotePath) -> None:
    path = folder / "labels.csv"
    content = FILES["/set/labels.csv"]
    assert path.read_bytes() == read_bytes(path) == path.open("rb").read() == read_start(path, 1000) == content
    assert path.read_text(encoding="utf-8") == path.open().read() == content.decode()
    assert (read_start(path, 4), read_start(path, 0)) == (b"data", b"")
    assert list(map(str, folder.glob("lab*"))) == ["memory://set/labels.csv"]


def test_an_empty_file_has_no_first_bytes(folder: RemotePath) -> None:
    fsspec.filesystem("memory").pipe("/set/empty.csv", b"")
    assert read_start(folder / "empty.csv", 10) == read_bytes(folder / "empty.csv") == b""


def test_missing_files_and_folders_raise_as_local_ones_do(folder: RemotePath) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        list((folder / "none").iterdir())
    with pytest.raises(NotADirectoryError, match="not a folder"):
        list((folder / "labels.csv").iterdir())
    with pytest.raises(DataError, match=r"the file cannot be read\n.*memory://set/none.csv\n(.*\n)*.*no such file"):
        read_bytes(folder / "none.csv")
    with pytest.raises(DataError, match=r"not a regular file(.*\n)*.*a folder"):
        read_bytes(folder / "train")


def test_what_was_listed_is_not_asked_for_again(folder: RemotePath, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = list(folder.iterdir())
    monkeypatch.setattr(location, "find_entry", None)
    for copied in (paths, pickle.loads(pickle.dumps(paths)), copy.deepcopy(paths)):
        assert [(path.is_dir(), path.is_file(), path.stat().st_size) for path in copied] == [
            (False, True, len(FILES["/set/labels.csv"])),
            (True, False, 0),
        ]


def test_a_file_that_changed_since_it_was_listed_is_refused(folder: RemotePath) -> None:
    path = next(folder.iterdir())
    fsspec.filesystem("memory").pipe("/set/labels.csv", b"data_id,status\n1,Normal\n")
    with pytest.raises(DataError, match=r"the file changed while it was read"):
        read_bytes(path)


# ------------------------------------------------------------------------------------------------- bad locations


@pytest.mark.parametrize(
    "write",
    [refuse_url, check_writable, lambda out: write_text_atomic(out, ""), lambda out: find_new_folder(out, "a set")],
    ids=["refuse", "check", "write", "folder"],
)
@pytest.mark.parametrize("kind", [str, Path, parse_location], ids=["text", "path", "remote"])
def test_urls_are_not_written(write, kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TargetError, match=r"URLs can be read, but not written\n  where:    s3://bucket/out.csv"):
        write(kind("s3://bucket/out.csv"))
    assert not list(tmp_path.iterdir())


def test_the_methods_that_write_are_refused(tmp_path: Path) -> None:
    path = parse_location("s3://bucket/out.csv")
    for write in (path.mkdir, path.unlink, path.touch, lambda: path.write_text(""), lambda: path.open("w")):
        with pytest.raises(TargetError, match="not written"):
            write()
    with pytest.raises(TargetError, match="not written"), hold_lock(path):
        pass


def test_an_unknown_scheme_is_one_message() -> None:
    with pytest.raises(DataError, match=r"unknown scheme(.*\n)*.*expected: s3://(.*\n)*.*found: +nope://"):
        parse_location("nope://bucket/set").is_dir()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("s3://bucket", r"pip install 'pdmr-classic\[remote\]'$"),
        ("gs://bucket", r"pip install 'pdmr-classic\[remote\]' gcsfs$"),
        ("hf://datasets/user/name", r"pip install 'pdmr-classic\[remote,hub\]'$"),
    ],
)
def test_a_library_that_is_not_installed_is_one_message(url: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ConfigError, match=rf"need a library that is not installed(.*\n)*.*{hint}"):
        parse_location(url).is_dir()
