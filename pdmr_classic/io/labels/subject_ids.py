"""Subjects that are spelled in several ways: 300, 300.0, 0300, " 300", P300.

Two spellings of one person would be two subjects, and could be on both sides of a split. Spellings are therefore merged
where they can only mean the same, and refused where that is not certain. Merging too much would make a split stricter;
merging too little would leak.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import FILE_SUFFIX
from pdmr_classic.io.labels.classes import is_no_label
from pdmr_classic.text import format_count, format_list

Key = tuple[str, ...]
_QUOTES = "'\"`\N{RIGHT SINGLE QUOTATION MARK}"
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s.\-]+|[_.\-]")
_WHOLE = re.compile(r"(\d+)[.,]0+")
_SCIENTIFIC = re.compile(r"([1-9])(?:[.,](\d+))?e\+?(\d{1,2})")
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = re.compile(
    rf"\d{{4}}-\d\d-\d\d( 00:00:00)?|\d{{1,2}}[/.]\d{{1,2}}[/.](\d\d|\d{{4}})"
    rf"|\d{{1,2}}[-. ]{_MONTH}|{_MONTH}[-. ]\d{{1,2}}"
)
# Words for the same kind of person, in front of a number.
_WORDS = {
    **dict.fromkeys(("s", "sub", "subj", "subject", "subjectid"), "s"),
    **dict.fromkeys(("p", "part", "participant", "participantid", "patient", "pid", "proband"), "p"),
}


@lru_cache(maxsize=1 << 17)
def subject_key(subject: str) -> Key:
    """Return a key that is equal for spellings of the same subject.

    Case, Unicode forms, blanks, quotes, leading zeros, `.0`, file suffixes, and separators between letters and digits
    do not count; a separator between two numbers does.

    Examples
    --------
    >>> subject_key(" 0300.0") == subject_key("300") == subject_key("'300"), subject_key("S-01") == subject_key("s1")
    (True, True)
    >>> subject_key("1_1") == subject_key("11")
    False
    """
    text = subject.casefold()
    if not (subject.isascii() and subject.isprintable()):
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", subject).casefold())
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())
    text = text.strip()
    text = FILE_SUFFIX.sub("", text.strip(_QUOTES).strip())
    if whole := _WHOLE.fullmatch(text):
        text = whole[1]
    elif (power := _SCIENTIFIC.fullmatch(text)) and len(power[2] or "") <= int(power[3]):
        text = power[1] + (power[2] or "").ljust(int(power[3]), "0")  # as spreadsheets write 300: 3.00E+02
    return _split_key(text)


def _split_key(text: str) -> Key:
    tokens = _TOKEN.findall(text)
    key = []
    for position, token in enumerate(tokens):
        is_inner = 0 < position < len(tokens) - 1
        if token in ("_", ".", "-") and is_inner:
            continue
        key.append((token.lstrip("0") or "0") if token.isdecimal() else token)
    if len(key) == 2 and key[0].isdecimal() and key[1] == "p":
        key.reverse()  # 300_P, as the folders of DAIC-WOZ are called
    if len(key) == 2 and key[1].isdecimal():
        key[0] = _WORDS.get(key[0], key[0])
    return tuple(key) or (text,)


def is_placeholder(subject: str) -> bool:
    """Return whether a subject id says that the subject is unknown.

    Examples
    --------
    >>> is_placeholder("unknown"), is_placeholder("-1"), is_placeholder("300")
    (True, True, False)
    """
    return is_no_label(subject)


def normalise_subjects(
    subjects: pd.Series, status: pd.Series | None = None, *, file: Path | None = None, column: str | None = None
) -> tuple[pd.Series, list[Finding]]:
    """Return the subjects with one spelling for each person, and an empty string for placeholders such as unknown.

    Parameters
    ----------
    subjects : Series of str
        Index `data_id`.
    status : Series of str, optional
        Labels of the same recordings, empty without a label; used to notice people who are not the same.
    file, column
        For messages.

    Raises
    ------
    DataError
        It is not clear whether subjects are the same person, or the labels of merged subjects contradict each other.

    Examples
    --------
    >>> subjects = pd.Series(["300", "300.0", "0300", "P301", "unknown"], index=list("abcde"))
    >>> names, findings = normalise_subjects(subjects)
    >>> names.tolist(), findings[0].code
    (['300', '300', '300', 'P301', ''], 'merged-subjects')
    """
    spellings = [str(subject) for subject in subjects.unique()]
    _refuse_dates(spellings, file, column)
    groups, doubtful = _group_spellings(spellings)
    if doubtful:
        raise _doubtful_error(doubtful, file, column)
    counts = subjects.value_counts().to_dict()
    names = {s: min(group, key=lambda t: (-counts[t], len(t), t)) for group in groups for s in group}
    merged = [group for group in groups if len(group) > 1]
    result = subjects.map(lambda subject: names.get(subject, ""))
    if not merged:
        return result, []
    _refuse_contradictions(subjects, result, status, merged, file, column)
    n_people = format_count(len(merged), "subject is", "subjects are")
    what = f"{n_people} spelled in several ways; the spellings are merged"
    return result, [Finding("merged-subjects", what, file=file, column=column, found=_format_groups(merged))]


def merge_spellings(subjects: ArrayLike) -> NDArray[Any]:
    """Return subjects as an array, with one spelling for all that may be the same person.

    For splits of groups that nobody has checked: doubtful spellings are merged, too, because a split can only become
    stricter. Numbers have one spelling already. A Series whose values are its index names recordings without subjects,
    which stay apart.

    Examples
    --------
    >>> merge_spellings(["300", "301", "0300", "P300"]).tolist()
    ['300', '301', '300', '300']
    """
    array = np.asarray(subjects)
    are_recordings = isinstance(subjects, pd.Series) and list(subjects) == list(subjects.index)
    if array.dtype.kind not in "OUT" or are_recordings:
        return array
    spellings = [str(subject) for subject in array]
    groups, doubtful = _group_spellings(spellings)
    names = {s: group[0] for group in (*groups, *doubtful) for s in group}
    if len({*names.values()}) == len(names):
        return array
    return np.array([names.get(spelling, spelling) for spelling in spellings], dtype=object)


def find_shared_subjects(first: Iterable[str], second: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of subjects, one from each set, that are or may be the same person.

    Examples
    --------
    >>> find_shared_subjects(["300", "301"], ["P300", "302"])
    [('300', 'P300')]
    """
    one, two = sorted(set(first) - {""}), sorted(set(second) - {""})
    groups, doubtful = _group_spellings([*one, *two])
    in_one, in_two = set(one), set(two)
    pairs = []
    for group in (*groups, *doubtful):
        members = sorted(group)
        left, right = [s for s in members if s in in_one], [s for s in members if s in in_two]
        same = [(subject, subject) for subject in left if subject in in_two]
        pairs += same or list(zip(left[:1], right[:1], strict=False))
    return sorted(pairs)


def _group_spellings(spellings: Iterable[str]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the spellings of each person, and groups that may be one person or several."""
    by_key: dict[Key, list[str]] = defaultdict(list)
    for spelling in dict.fromkeys(spellings):
        if not is_placeholder(spelling):
            by_key[subject_key(spelling)].append(spelling)
    affixed: dict[Key, list[Key]] = defaultdict(list)
    for key in by_key:
        if (number := _bare_number(key)) is not None and number in by_key:
            affixed[number].append(key)
    doubtful = []
    for number, keys in affixed.items():
        if len(keys) == 1:
            by_key[number] += by_key.pop(keys[0])
        else:
            doubtful.append([spelling for key in (number, *keys) for spelling in by_key[key]])
    return list(by_key.values()), doubtful


def _bare_number(key: Key) -> Key | None:
    """Return the number of a key such as that of P300; None for any other key."""
    return (key[1],) if len(key) == 2 and key[1].isdecimal() and key[0].isalpha() else None


def _refuse_dates(spellings: list[str], file: Path | None, column: str | None) -> None:
    named = [spelling for spelling in spellings if spelling]
    dates = [spelling for spelling in named if _DATE.fullmatch(spelling.strip().casefold())]
    if dates and len(dates) < len(named):
        raise DataError(
            "some subject ids are dates",
            code="date-ids",
            file=file,
            column=column,
            expected="ids, as they were entered",
            found=format_list(map(repr, dates)),
            hint="a spreadsheet has converted them: format the column as text and enter them again",
        )


def _doubtful_error(doubtful: list[list[str]], file: Path | None, column: str | None) -> DataError:
    return DataError(
        "it is not clear which subjects are the same person",
        code="doubtful-subjects",
        file=file,
        column=column,
        expected="one spelling for each person",
        found=_format_groups(doubtful),
        hint="correct the ids; if they are different people, give each a name of its own",
    )


def _refuse_contradictions(
    before: pd.Series,
    after: pd.Series,
    status: pd.Series | None,
    merged: list[list[str]],
    file: Path | None,
    column: str | None,
) -> None:
    """Refuse to merge subjects with different labels where each subject, as spelled, has only one."""
    if status is None:
        return
    labelled = (status != "").to_numpy()
    labels = status[labelled]
    if (labels.groupby(before[labelled].to_numpy(dtype=object)).nunique() > 1).any():
        return  # labels of recordings, which differ within people
    n_labels = labels.groupby(after[labelled].to_numpy(dtype=object)).nunique()
    contradictory = [group for group in merged if any(n_labels.get(name, 0) > 1 for name in group)]
    if contradictory:
        raise DataError(
            "subjects that look like the same person have different labels",
            code="doubtful-subjects",
            file=file,
            column=column,
            expected="one label for each person, as for all other subjects",
            found=_format_groups(contradictory),
            hint="correct the ids or the labels; if they are different people, give each a name of its own",
        )


def _format_groups(groups: list[list[str]]) -> str:
    return format_list(" = ".join(map(repr, group)) for group in groups)
