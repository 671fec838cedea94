"""Checks of recording ids, which are also file names, and of column names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.text import format_quoted

_MAX_ID_BYTES = 255
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.IGNORECASE | re.DOTALL)
FILE_SUFFIX = re.compile(
    r"\.(csv|txt|tsv|npy|npz|parquet|arff|json|wav|mp3|mp4|m4a|flac|ogg|avi|mov|mkv|webm|wmv)(\.gz)?$", re.IGNORECASE
)
"""Suffix of a file of a recording, which some tables write behind the id."""
# DAIC-WOZ names the folder of participant 300 `300_P`.
_SESSION_SUFFIX = re.compile(r"(?<=\d)_p$")
_SURROGATE = re.compile("[\ud800-\udfff]")


def text_problem(text: str) -> str | None:
    r"""Return why a text cannot be a value in a label table, or None if it can.

    Examples
    --------
    >>> text_problem("a\0"), text_problem("é, 😀")
    ('a NUL character', None)
    """
    if "\0" in text:
        return "a NUL character"
    return "characters that are not valid Unicode" if _SURROGATE.search(text) else None


def id_problem(data_id: str) -> str | None:
    """Return why a text is not a valid `data_id`, or None if it is.

    Examples
    --------
    >>> id_problem("../../etc/passwd"), id_problem("aux"), id_problem("a, b")
    ('a path separator', 'a device name reserved by Windows', None)
    """
    if "/" in data_id or "\\" in data_id:
        return "a path separator"
    if data_id in (".", ".."):
        return "the name of a folder"
    if _RESERVED.fullmatch(data_id):
        return "a device name reserved by Windows"
    if len(data_id.encode("utf-8", errors="replace")) > _MAX_ID_BYTES:
        return f"more than {_MAX_ID_BYTES} bytes"
    return text_problem(data_id)


def find_near_matches(data_ids: Iterable[str], candidates: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of ids that differ only in spelling.

    This is leading zeros, spaces, case, `.0`, Unicode form, quotes, a file suffix, or the `_P` of DAIC-WOZ.

    Examples
    --------
    >>> find_near_matches(["007", "b"], ["7.0", "a"])
    [('007', '7.0')]
    """
    by_key = {_normalize_id(candidate): candidate for candidate in candidates}
    return [(data_id, by_key[key]) for data_id in data_ids if (key := _normalize_id(data_id)) in by_key]


def _normalize_id(data_id: str) -> str:
    text = unicodedata.normalize("NFKC", data_id).strip().strip("'\"").strip().casefold()
    text = FILE_SUFFIX.sub("", text).removesuffix(".0")
    return _SESSION_SUFFIX.sub("", text).lstrip("0") or "0"


def natural_order(ids: Iterable[object]) -> list[int]:
    """Return the positions of ids in the order in which "2" comes before "10".

    Examples
    --------
    >>> natural_order(["a10", "a2"])
    [1, 0]
    """
    keys = [
        [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", str(name))]
        for name in ids
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)


def refuse_repeated_names(names: Sequence[str], path: Path, row: int | None) -> None:
    """Refuse a header with repeated column names; empty names may repeat.

    Raises
    ------
    DataError
        A name is repeated, so a reference to the column would be ambiguous.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1 and name]
    if repeated:
        raise DataError(
            "duplicate column names",
            code="duplicate-columns",
            file=path,
            row=row,
            expected="unique column names",
            found=format_quoted(repeated),
            hint="rename or remove the duplicates",
        )


def invalid_id_finding(path: Path, problem: str) -> Finding:
    """Return the message about a file whose name cannot be a data_id."""
    return Finding(
        "bad-id",
        "the file name is not a valid data_id",
        file=path,
        expected="a name that is valid on every operating system and in results.jsonl",
        found=problem,
        hint="rename the file",
    )
