"""Which texts may be ids of recordings (data, that must fit into the name of a file) and names of columns."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pdmr_classic.errors import DataError
from pdmr_classic.text import format_quoted

_MAX_ID_BYTES = 255
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.IGNORECASE | re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def invalid_text(text: str) -> str | None:
    r"""Return why a text can be no value of a label table: it could not be written; None where it can.

    Examples
    --------
    >>> wrong_text("a\0"), invalid_text("é, 😀")
    ('a NUL character', None)
    """
    if "\0" in text:
        return "a NUL character"
    return "characters that are no Unicode text" if _SURROGATE.search(text) else None


def invalid_id(data_id: str) -> str | None:
    """Return why a text can be no `data_id`, or None where it can.

    Examples
    --------
    >>> wrong_id("../../etc/passwd"), wrong_id("aux"), invalid_id("a, b")
    ('a separator of folders', 'a name that Windows keeps for a device', None)
    """
    if "/" in data_id or "\\" in data_id:
        return "a separator of folders"
    if data_id in (".", ".."):
        return "the name of a folder"
    if _RESERVED.fullmatch(data_id):
        return "a name that Windows keeps for a device"
    if len(data_id.encode("utf-8", errors="replace")) > _MAX_ID_BYTES:
        return f"more than {_MAX_ID_BYTES} bytes"
    return invalid_text(data_id)


def find_near_matches(recordings: Iterable[str], labels: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of ids that are the same but for zeros, blanks, case, `.csv`, `.0` or the form of Unicode.

    Examples
    --------
    >>> find_near_matches(["007", "b"], ["7.0", "a"])
    [('007', '7.0')]
    """
    by_key = {_loosely(label): label for label in labels}
    return [(data_id, by_key[key]) for data_id in recordings if (key := _loosely(data_id)) in by_key]


def _loosely(data_id: str) -> str:
    text = unicodedata.normalize("NFKC", data_id).strip().casefold().removesuffix(".csv").removesuffix(".0")
    return text.lstrip("0") or "0"


def refuse_repeated_names(names: Sequence[str], path: Path, row: int) -> None:
    """Refuse a header in which a name stands twice; empty ones may.

    Raises
    ------
    DataError
        A name stands twice: which of the columns is meant, nobody knows.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1 and name]
    if repeated:
        raise DataError(
            "column names are repeated",
            code="duplicate-columns",
            file=path,
            row=row,
            expected="every name once",
            found=format_quoted(repeated),
            hint="rename or remove the copies",
        )
