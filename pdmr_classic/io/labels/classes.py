"""Classes as they are written in label tables: values that mean no label, spellings, and scores that are no classes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import pandas as pd

POSITIVE, NEGATIVE = "Depression", "Normal"
_NO_LABELS = frozenset(
    (
        *("", "-1", "-9", "-99", "-999", "nan", "na", "n/a", "n.a.", "n.a", "n/k", "#n/a", "<na>", "nat", "none"),
        *("null", "nil", "?", "unknown", "unk", "missing", "undefined", "not available", "-", "--", "---"),
        *("\N{EN DASH}", "\N{EM DASH}", "#value!", "#ref!", "#null!", "#div/0!"),
    )
)
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?")
# Beyond, neighbouring integers are one floating-point number.
_MAX_EXACT = 2**53
_SCORE_NAME = re.compile(r"(phq|bdi|hamd|hdrs|madrs|ces?d|qids)(\d*|ii)(score|total|totalscore|sum)?")
# More integer classes than digits are scores, unless they are named.
_MAX_INTEGER_CLASSES = 10
_MAX_CLASSES_OF_FEW = 5
_MIN_RECORDINGS = 3


def parse_number(text: str) -> float | None:
    """Return a finite number, also with a decimal comma; None for any other text.

    Examples
    --------
    >>> parse_number(" 1.0"), parse_number("1,5"), parse_number("1,000,000"), parse_number("nan")
    (1.0, 1.5, None, None)
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text.replace(",", "."))
    return number if abs(number) != float("inf") else None


def spelling_key(label: str) -> str:
    """Return a key that is equal for spellings of one class: without case, outer blanks and `.0`.

    Examples
    --------
    >>> spelling_key(" DEPRESSION ") == spelling_key("Depression"), spelling_key("1.0"), spelling_key("-1,0")
    (True, '1', '-1')
    """
    text = " ".join(unicodedata.normalize("NFKC", label).casefold().split()).strip("'\"")
    number = parse_number(text)
    if number is None:
        return text
    return str(int(number)) if number.is_integer() and abs(number) < _MAX_EXACT else repr(number)


@lru_cache(maxsize=1 << 17)
def is_no_label(label: str) -> bool:
    """Return whether a cell says that the label is missing.

    Examples
    --------
    >>> [is_no_label(text) for text in ("-1", "NaN", "N/A", "", "-1.0", "0", "Normal")]
    [True, True, True, True, True, False, False]
    """
    return spelling_key(label) in _NO_LABELS


def choose_spellings(counts: pd.Series, preferred: Sequence[str] = ()) -> dict[str, str]:
    """Return the spelling to use for each label; equal labels have equal keys.

    Parameters
    ----------
    counts : Series of int
        Number of recordings of each label, as written.
    preferred : sequence of str
        Class names that are spelled as wished; then come Depression and Normal, whole numbers without `.0`, and the
        most frequent spelling.

    Examples
    --------
    >>> choose_spellings(pd.Series({"depression": 2, "NORMAL": 1, "Normal": 1}))
    {'depression': 'Depression', 'NORMAL': 'Normal', 'Normal': 'Normal'}
    """
    keys = {str(label): spelling_key(str(label)) for label in counts.index}
    names = {spelling_key(name): name for name in preferred}
    if spelling_key(POSITIVE) in keys.values():
        names = {spelling_key(POSITIVE): POSITIVE, spelling_key(NEGATIVE): NEGATIVE} | names
    # A stable sort: the most frequent spelling first, and of equally frequent ones the first in alphabetical order.
    for label in sorted(keys, key=lambda text: (-int(counts[text]), text)):
        is_whole = re.fullmatch(r"[+-]?\d+[.,]0+", label) is not None
        names.setdefault(keys[label], keys[label] if is_whole else label)
    return {label: names[key] for label, key in keys.items()}


def looks_like_score(labels: pd.Series, min_recordings: int = _MIN_RECORDINGS) -> bool:
    """Return whether the labels are numbers of a scale rather than classes.

    Up to ten consecutive integers, from 0 or 1, count as classes; more than five of them need `min_recordings` each.

    Examples
    --------
    >>> looks_like_score(pd.Series(["0", "4", "17", "9"])), looks_like_score(pd.Series(["0", "1", "2"]))
    (True, False)
    """
    numbers = [parse_number(str(label)) for label in labels]
    values = sorted({number for number in numbers if number is not None})
    if None in numbers or len(values) <= 2:
        return False
    is_consecutive = values == [values[0] + step for step in range(len(values))] and values[0] in (0, 1)
    if not is_consecutive or len(values) > _MAX_INTEGER_CLASSES:
        return True
    rarest = min(numbers.count(value) for value in values)
    return len(values) > _MAX_CLASSES_OF_FEW and rarest < min_recordings


def find_score_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns that hold the total of a questionnaire on depression, judged by their names.

    Examples
    --------
    >>> find_score_columns(["PHQ8_Score", "PHQ8_NoInterest", "Gender", "BDI-II"])
    ['PHQ8_Score', 'BDI-II']
    """
    return [name for name in columns if _SCORE_NAME.fullmatch(re.sub(r"[\W_]", "", name.casefold()))]


def suggest_cutoff(column: str) -> str:
    """Return the option that makes two classes from a score column, with the published cut-off where there is one.

    Examples
    --------
    >>> suggest_cutoff("PHQ8_Score"), suggest_cutoff("BDI"), suggest_cutoff("status")
    ("--cutoff 'PHQ8_Score>=10'", "--cutoff 'BDI>=N' (N: your cut-off)", "--cutoff 'status>=N' (PHQ-8 and PHQ-9: 10)")
    """
    key = re.sub(r"[\W_]", "", column.casefold())
    if key.startswith("phq"):
        return f"--cutoff '{column}>=10'"
    if re.match(r"bdi|hamd|hdrs|madrs|ces?d|qids|dass|gad|pcl", key):
        return f"--cutoff '{column}>=N' (N: your cut-off)"
    return f"--cutoff '{column}>=N' (PHQ-8 and PHQ-9: 10)"


def count_labels(labels: Iterable[str]) -> pd.Series:
    """Return the number of recordings of each label, sorted by label."""
    return pd.Series(list(labels), dtype=object).value_counts().sort_index()
