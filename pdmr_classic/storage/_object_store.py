"""Files and folders behind URLs such as s3://bucket/folder, through fsspec: facts, entries and bytes.

A missing file raises `FileNotFoundError`, as for local files. Everything that concerns the whole location (no
credentials, no network, a library that is not installed) raises an error with a message for the user.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pdmr_classic.errors import ConfigError, DataError

# Listings are asked for again, instead of taken from the memory of the process; other file systems keep none.
_REFRESHED = ("s3", "s3a", "gs", "gcs", "hf", "abfs", "az")
# What identifies the content of a file, by the store that names it so.
_VERSIONS = ("ETag", "etag", "blob_id", "generation", "md5Hash")
_NO_CREDENTIALS = ("CredentialsError", "TokenError", "TokenRetrievalError", "UnauthorizedSSOTokenError")
_NO_CONNECTION = ("ConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ClientConnectorError", "ConnectError")
_CREDENTIALS_HINTS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run aws configure; FSSPEC_S3_ANON=true for public data",
    "gs": "run gcloud auth application-default login",
    "hf": "run hf auth login, or set HF_TOKEN",
}
_LIBRARIES_HINTS = {
    "s3": "pip install 'pdmr-classic[remote]'",
    "gs": "pip install 'pdmr-classic[remote]' gcsfs",
    "hf": "pip install 'pdmr-classic[remote,hub]'",
}


@dataclass(frozen=True)
class Entry:
    """A file or folder of a store.

    Parameters
    ----------
    n_bytes : int or None
        None if the store does not report it.
    is_folder : bool
    version : str
        Changes with the content, such as the ETag; empty if the store reports none.
    """

    n_bytes: int | None
    is_folder: bool
    version: str


def find_entry(url: str) -> Entry:
    """Return the facts about a file or folder.

    Raises
    ------
    FileNotFoundError
    DataError, ConfigError
        The store cannot be used.
    """
    with _translate_errors(url):
        system, path = _open_system(url)
        return _to_entry(system.info(path, **_refresh(url)))


def list_folder(url: str) -> list[tuple[str, Entry]]:
    """Return the name and facts of each entry of a folder, sorted by name.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
    DataError, ConfigError
        The store cannot be used.
    """
    with _translate_errors(url):
        system, path = _open_system(url)
        facts = system.ls(path, detail=True, **_refresh(url))
    own = path.strip("/")
    if len(facts) == 1 and facts[0]["name"].strip("/") == own and facts[0]["type"] == "file" and facts[0].get("size"):
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", url)
    # Stores may hold an empty object that stands for the folder, and names that no path can have.
    names = [(item["name"].strip("/"), item) for item in facts]
    entries = {name.rpartition("/")[2]: _to_entry(item) for name, item in names if name != own}
    return sorted((name, entry) for name, entry in entries.items() if name not in ("", ".", ".."))


def read_file(url: str, n_bytes: int | None = None) -> bytes:
    """Return the bytes of a file, or at most `n_bytes` of them; stores refuse to return the start of an empty file.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
    DataError, ConfigError
        The store cannot be used.
    """
    with _translate_errors(url, may_be_denied=True):
        system, path = _open_system(url)
        if n_bytes is None:
            return bytes(system.cat_file(path))
        # Web servers may send the whole file.
        return bytes(system.cat_file(path, start=0, end=n_bytes))[:n_bytes]


def _open_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, which fsspec opens once per thread, and the path in it."""
    from fsspec.core import url_to_fs

    system, path = url_to_fs(url)
    if url.endswith("://"):
        raise FileNotFoundError  # rather than a list of all buckets
    return system, path


def _refresh(url: str) -> dict[str, bool]:
    return {"refresh": True} if url.partition("://")[0] in _REFRESHED else {}


def _to_entry(facts: Mapping[str, Any]) -> Entry:
    version = next((str(facts[name]) for name in _VERSIONS if facts.get(name)), "")
    return Entry(facts.get("size"), facts.get("type") == "directory", version)


@contextmanager
def _translate_errors(url: str, *, may_be_denied: bool = False) -> Iterator[None]:
    """Keep the errors about a single file; turn all others into one message.

    Each library has its own errors, so these are told apart by name: none of the libraries need be installed.
    """
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "no such file or folder", url) from None
    except IsADirectoryError:
        raise IsADirectoryError(errno.EISDIR, "this is a folder", url) from None
    except PermissionError as error:
        if may_be_denied:
            raise PermissionError(errno.EACCES, "access is denied", url) from None
        raise _make_error(url, "access to the URL is denied", "url-denied", error, _credentials_hint(url)) from None
    except ImportError as error:
        scheme = url.partition("://")[0]
        raise ConfigError(
            f"URLs with {scheme}:// need a library that is not installed",
            code="no-library",
            file=url,
            found=str(error).partition("\n")[0],
            hint=_LIBRARIES_HINTS.get(_known_scheme(url), _LIBRARIES_HINTS["s3"]),
        ) from None
    except Exception as error:
        raise _describe_error(url, error) from None


def _describe_error(url: str, error: Exception) -> DataError:
    names = [cls.__name__ for cls in type(error).__mro__]
    if any(name.endswith(_NO_CREDENTIALS) for name in names):
        return _make_error(url, "there are no credentials for the URL", "no-credentials", error, _credentials_hint(url))
    if isinstance(error, TimeoutError) or any(name.endswith(_NO_CONNECTION) for name in names):
        hint = "check the network" + (" and AWS_ENDPOINT_URL" if _known_scheme(url) == "s3" else "")
        return _make_error(url, "the store of the URL cannot be reached", "no-connection", error, hint)
    if isinstance(error, ValueError) and str(error).startswith("Protocol not known"):
        return DataError(
            "the URL has an unknown scheme",
            code="unknown-scheme",
            file=url,
            expected="s3://, gs://, hf:// or another scheme of fsspec",
            found=f"{url.partition('://')[0]}://",
            hint="correct the URL",
        )
    return _make_error(url, "the URL cannot be read", "bad-url", error, "correct the URL, or check its store")


def _make_error(url: str, what: str, code: str, error: Exception, hint: str) -> DataError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return DataError(what, code=code, file=url, expected="a URL that can be listed and read", found=reason, hint=hint)


def _credentials_hint(url: str) -> str:
    return _CREDENTIALS_HINTS.get(_known_scheme(url), "give the store's library credentials")


def _known_scheme(url: str) -> str:
    scheme = url.partition("://")[0]
    return {"s3a": "s3", "gcs": "gs"}.get(scheme, scheme)
