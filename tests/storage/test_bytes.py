from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.storage import bytes as bytes_module
from pdmr_classic.storage.bytes import decode_text, read_bytes

PATH = Path("x.csv")


@pytest.fixture
def time_limit() -> Iterator[None]:
    """Fail if a read blocks."""

    def raise_timeout(*_: object) -> None:
        raise TimeoutError("the read blocks")

    before = signal.signal(signal.SIGALRM, raise_timeout)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def read_error(path: Path, match: str) -> Finding:
    with pytest.raises(DataError, match=match) as raised:
        read_bytes(path)
    assert raised.value.finding.file == path
    return raised.value.finding


def decode_error(data: bytes, match: str) -> Finding:
    with pytest.raises(DataError, match=match) as raised:
        decode_text(data, PATH)
    assert raised.value.finding.file == PATH
    return raised.value.finding


def test_the_bytes_of_a_file_are_returned(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\r\n1,2\n\x00")
    assert read_bytes(path) == b"a,b\r\n1,2\n\x00"


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1\n")
    (tmp_path / "b.csv").symlink_to("a.csv")
    assert read_bytes(tmp_path / "b.csv") == b"1\n"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert read_error(tmp_path / "missing.csv", "cannot be read").found == "No such file or directory"


def test_a_dangling_link_and_a_loop_of_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dangling.csv").symlink_to("nowhere.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert read_error(tmp_path / "dangling.csv", "cannot be read").code == "unreadable"
    assert read_error(tmp_path / "loop.csv", "cannot be read").code == "unreadable"


def test_a_file_without_read_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", deny)  # root can read everything
    finding = read_error(tmp_path / "x.csv", "cannot be read")
    assert (finding.code, finding.found) == ("unreadable", "Permission denied")


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert read_error(tmp_path / ("x" * 300 + ".csv"), "cannot be read").found == "File name too long"


def test_a_folder_named_like_a_csv_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").mkdir()
    finding = read_error(tmp_path / "x.csv", "this is not a regular file")
    assert (finding.code, finding.found) == ("not-a-file", "a folder")


@pytest.mark.usefixtures("time_limit")
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    finding = read_error(tmp_path / "pipe.csv", "this is not a regular file")
    assert finding.found == "a pipe, socket or device"


@pytest.mark.usefixtures("time_limit")
def test_sockets_and_devices_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is limited to 107 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.csv")
        read_error(Path("s.csv"), "this is not a regular file|cannot be read")
    read_error(Path("/dev/zero"), "this is not a regular file")


def test_a_file_larger_than_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytes_module, "MAX_BYTES", 1000)
    path = tmp_path / "a.csv"
    path.write_bytes(b"1" * 1000)
    assert len(read_bytes(path)) == 1000
    path.write_bytes(b"1" * 1001)
    assert read_error(path, "too large").found == "1,001 bytes"


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,2\n")
    fstat = os.fstat

    def grow(descriptor: int) -> os.stat_result:
        before = fstat(descriptor)
        with path.open("ab") as file:
            file.write(b"3,4\n")
        return before

    monkeypatch.setattr(os, "fstat", grow)
    assert read_error(path, "changed while it was read").code == "growing"


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t\n"])
def test_a_file_of_white_space_is_empty(data: bytes) -> None:
    finding = decode_error(data, "the file is empty")
    assert (finding.expected, finding.found) == ("rows of numbers", f"{len(data)} bytes")


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", b"\xff\xfe", b"\xfe\xff\x00\n"])
def test_a_file_of_a_byte_order_mark_is_empty(data: bytes) -> None:
    assert decode_error(data, "the file is empty").code == "empty"


@pytest.mark.parametrize(
    ("data", "found", "hint"),
    [
        (b"\x1f\x8b\x08\x00abc", "gzip", "gunzip"),
        (b"PK\x03\x04\x14\x00", "zip", "unpack"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "NumPy", "savetxt"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git-lfs", "git lfs pull"),
        (b"<!DOCTYPE html>\n<html>", "HTML", "download"),
        (b"\n  <HTML lang='en'>", "HTML", "download"),
    ],
)
def test_the_type_of_a_file_that_is_not_csv_is_reported(data: bytes, found: str, hint: str) -> None:
    finding = decode_error(data, "the file is not CSV text")
    assert finding.code == "not-csv"
    assert found in str(finding.found)
    assert hint in str(finding.hint)


@pytest.mark.parametrize("data", [b"1,2\n3,\x004\n", b"\x7fELF\x02\x01\x00\x00", b"\x89PNG\r\n\x1a\n\x00\x00\x00"])
def test_binary_data_is_refused(data: bytes) -> None:
    assert decode_error(data, "not CSV text").found == "binary data"


def test_a_latin_1_byte_is_refused_with_its_row() -> None:
    finding = decode_error("a,b\n1,2\n3,é\n".encode("latin-1"), "not CSV text")
    assert (finding.row, finding.expected, finding.found) == (3, "UTF-8", "byte 0xe9")
    assert "UTF-8" in str(finding.hint)


def test_utf8_text_is_returned_unchanged_without_findings() -> None:
    data = "é,b\r\n1,2".encode()
    assert decode_text(data, PATH) == (data, [])


def test_a_byte_order_mark_is_removed_without_a_finding() -> None:
    assert decode_text(b"\xef\xbb\xbfa,b\n1,2\n", PATH) == (b"a,b\n1,2\n", [])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_read_with_a_finding(encoding: str) -> None:
    text, findings = decode_text("\ufeffa,é\n1,2\n".encode(encoding), PATH)
    assert text == "a,é\n1,2\n".encode()
    assert [finding.code for finding in findings] == ["utf-16"]


def test_truncated_utf16_is_refused_as_utf16() -> None:
    finding = decode_error("a,b\n1,2\n".encode("utf-16")[:-1], "not CSV text")
    assert (finding.code, finding.expected) == ("undecodable", "UTF-16")
