"""Formatting of messages: counts, shortened lists, and escaping of text from files.

Ids, labels, column names and file names are untrusted text and are escaped before they are printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

# Control characters can move the cursor or colour the terminal, format characters can reverse the reading order;
# `str.isprintable` is false for both. Printable ASCII needs no check.
_NOT_PRINTABLE_ASCII = re.compile(r"[^ -~]")


def escape_unprintable(text: str) -> str:
    r"""Return text on one line with unprintable characters escaped, as `repr` does.

    Examples
    --------
    >>> print(escape_unprintable("\x1b[31mred\nline, é, 😀"))
    \x1b[31mred\nline, é, 😀
    """
    return _NOT_PRINTABLE_ASCII.sub(lambda match: match[0] if match[0].isprintable() else ascii(match[0])[1:-1], text)


def to_json(value: Any, *, indent: int | None = None) -> str:
    r"""Return JSON with printable Unicode kept and unprintable characters (and lone surrogates) escaped.

    Raises
    ------
    ValueError
        A number is NaN or infinite, which JSON does not allow.

    Examples
    --------
    >>> print(to_json({"data_id": "é\u202e\x9b"}))
    {"data_id": "é\u202e\u009b"}
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return _NOT_PRINTABLE_ASCII.sub(
        lambda match: match[0] if _is_safe_in_json(match[0]) else json.dumps(match[0])[1:-1], text
    )


def _is_safe_in_json(character: str) -> bool:
    # json.dumps escapes line ends inside strings; the remaining ones are its own indentation.
    return character == "\n" or character.isprintable()


def format_count(n: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun, and its verb if there is one.

    Examples
    --------
    >>> format_count(1, "recording"), format_count(2, "recording"), format_count(1_234, "label has", "labels have")
    ('1 recording', '2 recordings', '1234 labels have')
    """
    return f"{n} {singular if n == 1 else plural or singular + 's'}"


def format_size(n_bytes: float) -> str:
    """Return a number of bytes in its largest unit.

    Examples
    --------
    >>> format_size(512), format_size(34_240_000), format_size(5.1e9)
    ('512 bytes', '34.2 MB', '5.1 GB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return format_count(int(n_bytes), "byte")


def mask_numbers(text: str) -> str:
    """Return a message with a placeholder for its numbers, to tell whether two messages say the same.

    Examples
    --------
    >>> mask_numbers("12 vectors of width 768 were averaged")
    '# vectors of width # were averaged'
    """
    return re.sub(r"\d+", "#", text)


def format_list(items: Iterable[object], limit: int = 5) -> str:
    """Return the first items of a list and how many were left out.

    Examples
    --------
    >>> format_list(["a", "b"]), format_list("abcdefg")
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    texts = [str(item) for item in items]
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


def format_quoted(items: Iterable[object], limit: int = 5) -> str:
    """Return the first items of a list in quotes and how many were left out.

    Examples
    --------
    >>> format_quoted(["a", "b"])
    "'a', 'b'"
    """
    return format_list(map(repr, items), limit)
