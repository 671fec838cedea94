"""Where data are: a local path, or a URL such as s3://bucket/folder, which is read like one."""

from __future__ import annotations

import io
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any, ClassVar, NoReturn

from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.storage._object_store import Entry, find_entry, list_folder, read_file

if sys.platform == "win32":
    from pathlib import WindowsPath as _LocalPath
else:
    from pathlib import PosixPath as _LocalPath

# Two letters at least: one is a drive of Windows.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
# What is left of a URL in a `Path`, which joins slashes.
_URL_AS_PATH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:)[/\\](?![/\\])")
# user:password@ before the first slash, or a parameter that grants access. An @ further on is the revision of hf://.
_SECRET = re.compile(
    r":/{1,2}[^/]*:[^/]*@|[?&](?:[^=&/]*(?:token|signature|credential|secret|password|access_?key|api_?key)[^=&/]*|sig)=",
    re.IGNORECASE,
)
_LOCAL_SCHEMES = ("file", "local")
# The first parts of a path that are a place of its own, which has no folder above it: scheme and bucket, by default.
_ROOT_LENGTHS = {"hf:": 3}
_START_BYTES = 1 << 16
_TYPED_REPOSITORIES = ("datasets", "spaces", "buckets")


def parse_location(text: str | os.PathLike[str]) -> Path:
    """Return the local path, or the `RemotePath` of a URL; nothing is opened.

    Parameters
    ----------
    text : path-like
        A path; a URL with any scheme of fsspec (`s3://`, `gs://`, `hf://`, …), also as a `Path`, in which its slashes
        are joined. `file://` gives a local path.

    Raises
    ------
    ConfigError
        The URL contains a password, token or signature, which messages and results would repeat.

    Examples
    --------
    >>> parse_location("s3://bucket/set/"), parse_location(Path("s3://bucket/set")).name
    (RemotePath('s3://bucket/set'), 'set')
    >>> isinstance(parse_location("data/train"), RemotePath), parse_location("file:///data/train").name
    (False, 'train')
    """
    if isinstance(text, RemotePath):
        return text
    if isinstance(text, Path):
        match = _URL_AS_PATH.match(str(text))
        is_url = match is not None and not os.path.lexists(match[1])
        return parse_location("://".join(str(text).replace("\\", "/").split(":/", 1))) if is_url else text
    match = _URL.match(os.fspath(text))
    if match is None:
        return Path(text)
    scheme, rest = match[1].lower(), match[2]
    if scheme in _LOCAL_SCHEMES:
        return Path(rest)
    if _SECRET.search(os.fspath(text)):
        raise _secret_error(scheme)
    return RemotePath(f"{scheme}://{rest}")


def _secret_error(scheme: str) -> ConfigError:
    return ConfigError(
        "the URL contains a password, token or signature, which messages and results would repeat",
        code="secret-in-url",
        expected="a URL without credentials",
        found=f"{scheme}://…",
        hint="give the credentials in the environment, or in the configuration of the store's library",
    )


def refuse_url(target: str | os.PathLike[str]) -> None:
    """Refuse to write to a URL.

    Raises
    ------
    TargetError
    """
    if isinstance(path := parse_location(target), RemotePath):
        _refuse_writing(path)


class RemotePath(_LocalPath):
    """A file or folder behind a URL, for the readers of local files; use `parse_location` to make one.

    Its parts are those of the local path `s3:/bucket/folder`, so that names, suffixes, comparisons and `/` are those
    of any path; as text it is the URL. What looks at files asks the store. It cannot be written.

    `iterdir` returns paths that remember what the store listed, so that no file is asked for on its own. A path that is
    pickled keeps that.

    Examples
    --------
    >>> path = RemotePath("s3://bucket/set/video") / "001.csv"
    >>> str(path), path.suffix, path.parent.parent, path.parents[2]
    ('s3://bucket/set/video/001.csv', '.csv', RemotePath('s3://bucket/set'), RemotePath('s3://bucket'))
    """

    _listed: Entry | None = None
    # The file that was read last, its version and start: how a file is written is reported after its numbers are read.
    _last_start: ClassVar[tuple[str, str, bytes]] = ("", "", b"")

    # ------------------------------------------------------------------------------------------------ as a path

    def __eq__(self, other: object) -> bool:
        return self.parts == other.parts if isinstance(other, RemotePath) else False

    def __hash__(self) -> int:
        return hash(self.parts)

    def __str__(self) -> str:
        scheme, *names = self.parts or ("",)
        return f"{scheme}//{'/'.join(names)}"

    def __fspath__(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (str(self), self._listed)

    def as_posix(self) -> str:
        """Return the URL."""
        return str(self)

    def as_uri(self) -> str:
        """Return the URL."""
        return str(self)

    @property
    def parent(self) -> RemotePath:
        """The folder above; a bucket or repository has none, and is its own."""
        is_root = len(self.parts) <= self._root_length
        return self if is_root else type(self)(*self.parts[:-1])

    @property
    def parents(self) -> Sequence[RemotePath]:
        """All folders above, from the nearest."""
        lengths = range(len(self.parts) - 1, self._root_length - 1, -1)
        return tuple(type(self)(*self.parts[:length]) for length in lengths)

    @property
    def _root_length(self) -> int:
        parts = self.parts
        length = _ROOT_LENGTHS.get(parts[0], 2) if parts else 2
        return length + (parts[0] == "hf:" and parts[1:2] != () and parts[1] in _TYPED_REPOSITORIES)

    def relative_to(self, other: Any, *_: Any, **options: Any) -> Path:  # type: ignore[override]
        """Return the local path from a folder above to this file.

        Raises
        ------
        ValueError
            It is not below that folder.
        """
        above = parse_location(other)
        if not self.is_relative_to(above):
            raise ValueError(f"{str(self)!r} is not below {str(above)!r}")
        return Path(*self.parts[len(above.parts) :])

    def is_relative_to(self, other: Any, *_: Any) -> bool:
        """Return whether this is a folder, or a file or folder below it."""
        above = parse_location(other)
        return isinstance(above, RemotePath) and self.parts[: len(above.parts)] == above.parts

    def is_absolute(self) -> bool:
        """Return True: a URL does not depend on the working folder."""
        return True

    def absolute(self) -> RemotePath:
        """Return the path itself."""
        return self

    def resolve(self, strict: bool = False) -> RemotePath:
        """Return the path itself: stores have no links."""
        return self

    def expanduser(self) -> RemotePath:
        """Return the path itself."""
        return self

    # ------------------------------------------------------------------------------------------------ as a file

    @property
    def version(self) -> str:
        """What changes with the content, such as the ETag, as listed; "" if the store reports none, or no such file."""
        try:
            return self._entry.version
        except FileNotFoundError:
            return ""

    @property
    def _entry(self) -> Entry:
        return self._listed or find_entry(str(self))

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return type and size, 0 if the store does not report it; times and owner are 0."""
        entry = self._entry
        mode = stat.S_IFDIR | 0o555 if entry.is_folder else stat.S_IFREG | 0o444
        return os.stat_result((mode, 0, 0, 1, 0, 0, entry.n_bytes or 0, 0, 0, 0))

    def lstat(self) -> os.stat_result:
        """Return the same as `stat`."""
        return self.stat()

    def exists(self, **_: Any) -> bool:
        """Return whether there is such a file or folder."""
        return self._is(folder=None)

    def is_file(self, **_: Any) -> bool:
        """Return whether there is such a file."""
        return self._is(folder=False)

    def is_dir(self, **_: Any) -> bool:
        """Return whether there is such a folder."""
        return self._is(folder=True)

    def _is(self, *, folder: bool | None) -> bool:
        try:
            return folder in (None, self._entry.is_folder)
        except FileNotFoundError:
            return False

    def is_symlink(self) -> bool:
        """Return False: stores have no links."""
        return False

    def iterdir(self) -> Iterator[RemotePath]:  # type: ignore[override]
        """Return the entries of the folder, sorted, each with what the store listed about it."""
        return iter([_restore(str(self / name), entry) for name, entry in list_folder(str(self))])

    def glob(self, pattern: str, **_: Any) -> Iterator[RemotePath]:  # type: ignore[override]
        """Return the entries of the folder with names that match a pattern; folders below are not searched."""
        if "/" in pattern or "**" in pattern:
            raise NotImplementedError("only names in one folder")
        return iter([path for path in self.iterdir() if fnmatchcase(path.name, pattern)] if self.is_dir() else [])

    def read_bytes(self) -> bytes:
        """Return all bytes of the file, and one more if it has grown since it was listed."""
        entry = self._entry
        if entry.n_bytes == 0:
            return b""
        # With a length, no store asks for it again.
        data = read_file(str(self), None if entry.n_bytes is None else entry.n_bytes + 1)
        RemotePath._last_start = (str(self), entry.version, data[:_START_BYTES])
        return data

    def read_start(self, n_bytes: int) -> bytes:
        """Return the first bytes of the file, or all if it has fewer."""
        entry = self._entry
        url, version, start = RemotePath._last_start
        if version and (url, version) == (str(self), entry.version) and n_bytes <= _START_BYTES:
            return start[:n_bytes]
        return b"" if 0 in (n_bytes, entry.n_bytes) else read_file(str(self), n_bytes)

    def open(  # type: ignore[override]
        self, mode: str = "r", buffering: int = -1, encoding: str | None = None, errors: Any = None, newline: Any = None
    ) -> IO[Any]:
        """Open the file for reading; its bytes are read at once."""
        if set(mode) & set("wax+"):
            _refuse_writing(self)
        data = io.BytesIO(self.read_bytes())
        return data if "b" in mode else io.TextIOWrapper(data, encoding or "utf-8", errors, newline)

    def _refuse(self, *_: Any, **options: Any) -> NoReturn:
        _refuse_writing(self)

    mkdir = rmdir = unlink = rename = replace = touch = chmod = _refuse
    symlink_to = hardlink_to = write_bytes = write_text = _refuse


def _restore(url: str, entry: Entry | None) -> RemotePath:
    path = RemotePath(url)
    path._listed = entry
    return path


def _refuse_writing(path: RemotePath) -> NoReturn:
    raise TargetError(
        "URLs can be read, but not written",
        code="url-target",
        file=path,
        expected="a local path",
        found="a URL",
        hint="write to a local path, and copy the result",
    )
