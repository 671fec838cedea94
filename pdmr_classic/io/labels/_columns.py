"""Find the columns of a label table that hold the id of the recording, the class and the subject.

Names are compared without case, blanks and punctuation. A name that the user did not give is always reported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.ids import FILE_SUFFIX
from pdmr_classic.io.labels._files import EXPECTED, Rows
from pdmr_classic.io.tables.bookkeeping import strip_name
from pdmr_classic.text import format_list, format_quoted

# Files of one recording: the id is the name of the file.
_FILE_NAMES = (
    *("file", "files", "filename", "filepath", "path", "video", "audio", "videofile", "audiofile", "videoname"),
    *("audioname", "videopath", "audiopath", "wav", "wavfile", "audiofeaturepath", "videofeaturepath"),
)
_RECORDING_NAMES = (
    *("dataid", "recordingid", "recording", "videoid", "audioid", "clipid", "sampleid", "utteranceid", "segmentid"),
    *_FILE_NAMES,
)
_SUBJECT_NAMES = (
    *("subjectid", "subject", "subjects", "subj", "subjid", "subjno", "subjectno", "subjectnumber", "participantid"),
    *("participant", "participants", "participantno", "participantnumber", "patientid", "patient", "personid"),
    *("person", "speakerid", "speaker", "userid", "pid"),
)
_ID_TIERS = (_RECORDING_NAMES, ("id", "ids"), _SUBJECT_NAMES)
_LABEL_NAMES = (
    *("phq8binary", "phqbinary", "phq9binary", "label", "labels", "class", "classes", "y", "target", "depression"),
    *("depressed", "isdepressed", "diagnosis", "groundtruth", "label2", "label3", "label5", "bincategory"),
    *("tricategory", "pencategory"),
)
_PUBLISHED_BINARY = ("phq8binary", "phqbinary")


def fold_name(name: str) -> str:
    """Return a column name without case, blanks and punctuation.

    Examples
    --------
    >>> fold_name("PHQ-8 Binary"), fold_name("X.Participant_ID")
    ('phq8binary', 'participantid')
    """
    return re.sub(r"[\W_]", "", strip_name(name).casefold())


def list_columns(rows: Rows) -> list[str]:
    """Return the column names in the order in which they first occur."""
    return list(dict.fromkeys(name for _, row in rows for name in row))


def has_published_meaning(column: str) -> bool:
    """Return whether 0 and 1 of a column are known to be Normal and Depression: PHQ8_Binary and PHQ_Binary."""
    return fold_name(column) in _PUBLISHED_BINARY


def is_subject_name(column: str) -> bool:
    """Return whether the name of a column says that it holds people."""
    return fold_name(column) in _SUBJECT_NAMES


def is_label_name(column: str) -> bool:
    """Return whether the name of a column says that it holds classes."""
    return fold_name(column) in _LABEL_NAMES


def match_column(requested: str, columns: Sequence[str], option: str, file: Path | None = None) -> str:
    """Return the column with a name, compared without case, blanks and punctuation if no name is equal.

    Raises
    ------
    ConfigError
        There is no such column, or several.
    """
    if requested in columns:
        return requested
    matches = [name for name in columns if fold_name(name) == fold_name(requested) and fold_name(name)]
    if len(matches) == 1:
        return matches[0]
    raise ConfigError(
        f"{option} names a column that is not in the label table",
        code="no-column",
        file=file,
        expected=format_list(columns, 20),
        found=repr(requested),
    )


# ------------------------------------------------------------------------------------------------ data_id


def rename_ids(rows: Rows, requested: str | None, file: Path) -> tuple[Rows, str | None, list[Finding]]:
    """Return the rows with the id of the recording in `data_id`, the column it came from, and what to tell.

    Raises
    ------
    DataError
        Several columns may hold the id.
    ConfigError
        The requested column does not exist.
    """
    columns = list_columns(rows)
    if requested is not None:
        column = match_column(requested, columns, "--id-column", file)
    elif "data_id" in columns:
        column = "data_id"
    else:
        found = _find_id_column(rows, columns, file)
        if found is None:
            return rows, None, []
        column = found
    if column == "data_id":
        return rows, column, []
    is_file = fold_name(column) in _FILE_NAMES
    renamed = [(number, _with_id(row, column, is_file)) for number, row in rows]
    if requested is not None:
        return renamed, column, []
    what = f"column {column!r} is used as data_id" + (", without folders and suffix" if is_file else "")
    return renamed, column, [Finding("known-column", what, file=file)]


def _with_id(row: dict[str, str], column: str, is_file: bool) -> dict[str, str]:
    data_id = row.get(column, "")
    others = {name: cell for name, cell in row.items() if name != "data_id"}
    return {"data_id": strip_file_name(data_id) if is_file else data_id, **others}


def strip_file_name(path: str) -> str:
    r"""Return the name of a file without its folders and its suffix.

    Examples
    --------
    >>> strip_file_name("clips/001_002.npy"), strip_file_name("D:\\set\\300.csv.gz"), strip_file_name("300.5")
    ('001_002', '300', '300.5')
    """
    return FILE_SUFFIX.sub("", PurePosixPath(path.replace("\\", "/")).name)


def _find_id_column(rows: Rows, columns: Sequence[str], file: Path) -> str | None:
    """Return the column of the most specific kind: recordings and files, then `id`, then participants."""
    for names in _ID_TIERS:
        candidates = [column for column in columns if fold_name(column) in names]
        if candidates:
            return _choose_equal(rows, candidates, "--id-column", "the ids of the recordings", file)
    return None


def _choose_equal(rows: Rows, candidates: Sequence[str], option: str, what: str, file: Path) -> str:
    """Return the only candidate, or the first of several with the same cells."""
    if len({tuple(strip_file_name(row.get(name, "")) for _, row in rows) for name in candidates}) == 1:
        return candidates[0]
    raise DataError(
        f"several columns of the label table may hold {what}",
        code="which-column",
        file=file,
        expected="one column",
        found=format_quoted(candidates),
        hint=f"pass {option}, for example {option} {candidates[0]}",
    )


# ----------------------------------------------------------------------------------------- class and subject


def find_label_column(
    rows: Rows, requested: str | None, file: Path, may_lack: bool
) -> tuple[str | None, list[Finding]]:
    """Return the column of the class, and what to tell; None if there is none.

    Raises
    ------
    DataError
        Several columns may hold the class.
    ConfigError
        The requested column does not exist, and `may_lack` is false.
    """
    columns = list_columns(rows)
    if requested is not None:
        if may_lack and fold_name(requested) not in map(fold_name, columns):
            return None, []
        return match_column(requested, columns, "--label-column", file), []
    if "status" in columns:
        return "status", []
    candidates = [name for name in columns if fold_name(name) == "status"]
    candidates = candidates or [name for name in columns if fold_name(name) in _LABEL_NAMES]
    if not candidates:
        return None, []
    column = _choose_equal(rows, candidates, "--label-column", "the classes", file)
    return column, [Finding("known-column", f"column {column!r} is used as status", file=file)]


def find_subject_column(rows: Rows, id_column: str | None, file: Path) -> tuple[str | None, list[Finding]]:
    """Return the column of the subjects if there is no `subject_id`, and what to tell; None if it is not certain.

    If the recordings are named after the participants, each recording is a person.
    """
    columns = list_columns(rows)
    if "subject_id" in columns:
        return None, []
    if id_column is not None and is_subject_name(id_column):
        what = f"column {id_column!r} is also used as subject_id: each row is another person"
        return "data_id", [Finding("known-column", what, file=file)]
    candidates = [name for name in columns if is_subject_name(name)]
    if not candidates:
        return None, []
    column = _choose_equal(rows, candidates, "--groups", "the subjects", file)
    return column, [Finding("known-column", f"column {column!r} is used as subject_id", file=file)]


# ------------------------------------------------------------------------------------------------- scores

_SHORT_NAMES = {"phq8": ("phqscore", "phqtotal"), "phq": ("phq8score", "phq9score", "phq8", "phq9", "phq8total")}


def match_score_column(
    requested: str, columns: Sequence[str], file: Path | None = None, *, option: str = "--cutoff"
) -> str:
    """Return the column of a score, also by a short name such as phq8 for PHQ8_Score.

    Raises
    ------
    ConfigError
        There is no such column, or several.
    """
    key = fold_name(requested)
    endings = [key + ending for ending in ("", "score", "total", "totalscore", "sum")]
    for names in ([requested], endings, _SHORT_NAMES.get(key, ())):
        matches = [column for column in columns if column in names or fold_name(column) in names]
        if len(matches) == 1 or requested in matches:
            return requested if requested in matches else matches[0]
        if matches:
            break
    raise ConfigError(
        f"{option} fits several columns" if matches else f"{option} names a column that is not in the label table",
        code="no-column",
        file=file,
        expected=format_list(matches or columns, 20),
        found=repr(requested),
    )


def describe_missing_id(columns: Sequence[str]) -> tuple[str, str]:
    """Return what was expected and a hint, for a table without a known id column."""
    return EXPECTED, f"name the column of the ids data_id, or pass --id-column {next(iter(columns), 'COLUMN')}"
