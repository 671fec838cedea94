"""Text in messages: numbers with their nouns, long lists cut short, and text that others wrote made safe to print.

Ids, labels, names of columns and files are data, never commands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

# Control characters move the cursor or colour the terminal, and format characters turn the order of reading around:
# what `str.isprintable` denies. Plain ASCII is spared the question.
_SUSPECT = re.compile(r"[^ -~]")


def escape_unprintable(text: str) -> str:
    r"""Return text on one line in which every character that is not printable is escaped, as `repr` would.

    Examples
    --------
    >>> print(escape_unprintable("\x1b[31mred\nline, é, 😀"))
    \x1b[31mred\nline, é, 😀
    """
    return _SUSPECT.sub(lambda match: match[0] if match[0].isprintable() else ascii(match[0])[1:-1], text)


def to_json(value: Any, *, indent: int | None = None) -> str:
    r"""Return JSON that keeps letters as they are and escapes what is not printable, half characters too.

    Raises
    ------
    ValueError
        A number is NaN or infinite: JSON knows none.

    Examples
    --------
    >>> print(to_json({"data_id": "é\u202e\x9b"}))
    {"data_id": "é\u202e\u009b"}
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return _SUSPECT.sub(lambda match: match[0] if _may_stay(match[0]) else json.dumps(match[0])[1:-1], text)


def _may_stay(character: str) -> bool:
    # Within strings, json has escaped line ends itself: those left are its own.
    return character == "\n" or character.isprintable()


def format_count(n: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, and verb if there is one.

    Examples
    --------
    >>> counted(1, "recording"), counted(2, "recording"), format_count(1_234, "label has", "labels have")
    ('1 recording', '2 recordings', '1234 labels have')
    """
    return f"{n} {one if n == 1 else many or one + 's'}"


def format_list(items: Iterable[object], most: int = 5) -> str:
    """Return the first items of a list, with the number of those that are not shown.

    Examples
    --------
    >>> listed(["a", "b"]), format_list("abcdefg")
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    texts = [str(item) for item in items]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def format_quoted(items: Iterable[object], most: int = 5) -> str:
    """Return the first items of a list in quotes, with the number of those that are not shown.

    Examples
    --------
    >>> format_quoted(["a", "b"])
    "'a', 'b'"
    """
    return format_list(map(repr, items), most)
