"""Words, numbers and blanks of the methods text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def blank(what: str) -> str:
    """Return a visible blank for what only the authors know.

    Examples
    --------
    >>> blank("who was recruited")
    '**[TO FILL IN: who was recruited]**'
    """
    return f"**[TO FILL IN: {what}]**"


def join_words(words: Iterable[str]) -> str:
    """Return words as a list in a sentence.

    Examples
    --------
    >>> join_words(["video", "audio", "both"])
    'video, audio and both'
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def count_words(counts: Mapping[str, int]) -> str:
    """Return counts in words.

    Examples
    --------
    >>> count_words({"Depression": 28, "Normal": 26})
    '28 Depression and 26 Normal'
    """
    return join_words(f"{count:,} {escape_markdown(label)}" for label, count in counts.items())


def join_paragraphs(paragraphs: Iterable[str]) -> str:
    """Join paragraphs by empty lines; items of a list follow one another directly."""
    text = ""
    for paragraph in paragraphs:
        is_item = paragraph.startswith("- ") and text.rpartition("\n")[2].startswith("- ")
        text += ("\n" if is_item else "\n\n" if text else "") + paragraph
    return text


def score_words(part: Mapping[str, Any] | None) -> str:
    """Return a score with its 95% confidence interval.

    Examples
    --------
    >>> score_words({"mean": 0.8129, "low": 0.7712, "high": 0.8473})
    '0.813 (95% CI 0.771 to 0.847)'
    >>> score_words({"mean": None})
    'undefined'
    """
    if not part or part.get("mean") is None:
        return "undefined"
    low, high = part.get("low"), part.get("high")
    return f"{part['mean']:z.3f}" + ("" if low is None or high is None else f" (95% CI {low:z.3f} to {high:z.3f})")


_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#"} | {"\n": " ", "\r": " "})


def escape_markdown(text: object) -> str:
    r"""Return text from a file, such as a label, without any effect on the Markdown around it.

    Examples
    --------
    >>> print(escape_markdown("<b>*x*"))
    \<b\>\*x\*
    """
    return str(text).translate(_SPECIAL)
