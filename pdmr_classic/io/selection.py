"""Select the recordings that a table, or a list with one id per line, names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.ids import find_near_matches
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.io.tables.bookkeeping import column_role
from pdmr_classic.storage.bytes import decode_text, read_bytes
from pdmr_classic.storage.location import parse_location
from pdmr_classic.text import format_count, format_list, format_quoted

_LIST_SUFFIXES = ("", ".txt", ".csv", ".tsv", ".lst", ".list")
_DELIMITERS = ",;\t{["
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, eq=False)
class Selection:
    """Recordings selected from a data set.

    Attributes
    ----------
    dataset : Dataset
        The selected recordings.
    file : Path or None
    missing : tuple of str
        Ids without a recording.
    is_table : bool
        Whether the file is a table, not a list of ids.
    """

    dataset: Dataset
    file: Path | None = None
    missing: tuple[str, ...] = ()
    is_table: bool = False

    def find_subject_table(self, settings: DataSettings) -> Path | None:
        """Return the file if it is a table with subjects: a column `groups` of the settings, or one of a known name."""
        if self.file is None or not self.is_table:
            return None
        table, _ = read_labels(self.file, DataSettings(id_column=settings.id_column), with_status=False)
        return self.file if not {settings.groups, "subject_id"}.isdisjoint(table.columns) else None


def select_recordings(
    dataset: Dataset,
    file: str | Path | None,
    settings: DataSettings | None = None,
    *,
    skip_missing: bool = False,
) -> Selection:
    r"""Select the recordings that a file names.

    Parameters
    ----------
    dataset : Dataset
    file : path-like or None
        A table in any format of `read_labels`, or a text file with one id per line, with or without a header. Ids that
        differ from a recording only in leading zeros, `.0`, spaces, case or `.csv` select it if no other fits. The id
        of a recording of a person with events selects the person. None selects all recordings.
    settings : DataSettings, optional
        `id_column` is used.
    skip_missing : bool
        Report ids without a recording instead of raising.

    Raises
    ------
    DataError
        The file cannot be read, an id has no recording, or (with `skip_missing`) none has.

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("001", "002", "003"):
    ...         _ = Path(folder, f"{name}.csv").write_text("0.1,0.2,0.3\n")
    ...     _ = Path(folder, "mine.txt").write_text("002\n003\n")
    ...     selection = select_recordings(load_dataset(folder), f"{folder}/mine.txt")
    >>> selection.dataset.data_ids
    ['002', '003']
    """
    if file is None:
        return Selection(dataset)
    path = parse_location(file)
    ids, is_table, findings = _read_ids(path, settings or DataSettings(), dataset.data_ids)
    owners = {**dataset.owners, **{data_id: data_id for data_id in dataset.data_ids}}
    matches, near_matches = match_ids(ids, list(owners), path)
    findings += near_matches
    chosen = {owners[data_id] for data_id in matches.values()}
    missing = [data_id for data_id in dict.fromkeys(ids) if data_id not in matches]
    if missing:
        finding = _missing_finding(missing, ids, dataset, path)
        if not skip_missing or not chosen:
            raise DataError(replace(finding, hint="correct the file, or pass --skip-bad to predict the others"))
        findings.append(finding)
    mask = pd.Series([data_id in chosen for data_id in dataset.data_ids], index=dataset.data_ids)
    selected = replace(dataset.subset(mask), findings=(*dataset.findings, *findings))
    return Selection(selected, path, tuple(missing), is_table)


def select_ids(dataset: Dataset, ids: Sequence[str]) -> Dataset:
    r"""Select the recordings with these ids, in the order of the data set; spellings as for `select_recordings`.

    Raises
    ------
    DataError
        An id has no recording.

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("001", "002", "003"):
    ...         _ = Path(folder, f"{name}.csv").write_text("0.1,0.2,0.3\n")
    ...     select_ids(load_dataset(folder), ["3", "001", "001"]).data_ids
    ['001', '003']
    """
    owners = {**dataset.owners, **{data_id: data_id for data_id in dataset.data_ids}}
    found = [match_ids([data_id], list(owners), None) for data_id in dict.fromkeys(ids)]
    matches = {data_id: match for matched, _ in found for data_id, match in matched.items()}
    findings = [finding for _, own in found for finding in own]
    missing = [data_id for data_id in dict.fromkeys(ids) if data_id not in matches]
    if missing:
        raise DataError(_unknown_ids_finding(missing, list(owners), dataset.folder))
    chosen = {owners[data_id] for data_id in matches.values()}
    mask = pd.Series([data_id in chosen for data_id in dataset.data_ids], index=dataset.data_ids)
    return replace(dataset.subset(mask), findings=(*dataset.findings, *findings))


def _unknown_ids_finding(missing: Sequence[str], known: Sequence[str], folder: Path) -> Finding:
    close = dict.fromkeys(name for data_id in missing for name in get_close_matches(data_id, known, n=3))
    expected = f"similar: {format_quoted(close)}" if close else f"ids such as {format_quoted(known[:3])}"
    what = f"there is no recording with {'this id' if len(missing) == 1 else 'these ids'}"
    return Finding("unknown-id", what, file=folder, expected=expected, found=format_quoted(missing))


def _read_ids(path: Path, settings: DataSettings, data_ids: Sequence[str]) -> tuple[list[str], bool, list[Finding]]:
    """Return the ids in a file, whether it is a table, and findings."""
    if path.suffix.lower() in _LIST_SUFFIXES:
        data, findings = decode_text(read_bytes(path), path)
        lines = [_unquote(line.strip()) for line in _LINE_END.split(data.decode("utf-8")) if line.strip()]
        if lines and not any(delimiter in lines[0] for delimiter in _DELIMITERS):
            is_header = lines[0] == settings.id_column or column_role(lines[0]) == "id"
            return lines[1:] if is_header and lines[0] not in data_ids else lines, False, findings
    # Neither classes nor subjects are needed here, so that problems with them must not be errors.
    columns = DataSettings(id_column=settings.id_column, groups="subject_id")
    table, findings = read_labels(path, columns, with_status=False)
    return [str(data_id) for data_id in table.index], True, findings


def has_column(file: Path, name: str, settings: DataSettings) -> bool:
    """Return whether a file is a table, not a list of ids, that has a column of this name, in any case."""
    if not _read_ids(file, settings, ())[1]:
        return False
    columns = DataSettings(id_column=settings.id_column, groups="subject_id")
    table, _ = read_labels(file, columns, with_status=False)
    return name.casefold() in [str(column).casefold() for column in table.columns]


def _unquote(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1].replace('""', '"') if is_quoted else text


def match_ids(ids: Sequence[str], data_ids: Sequence[str], file: Path | None) -> tuple[dict[str, str], list[Finding]]:
    """Match the ids in a file to recordings: exactly or, where only one recording fits, by another spelling.

    Returns
    -------
    dict of str to str
        The recording of each id that has one.
    list of Finding
        The ids that are spelled differently.

    Examples
    --------
    >>> match_ids(["7", "9"], ["007", "008"], Path("labels.csv"))[0]
    {'7': '007'}
    """
    known, listed = set(data_ids), set(ids)
    unmatched = list(dict.fromkeys(data_id for data_id in ids if data_id not in known))
    pairs = find_near_matches([data_id for data_id in data_ids if data_id not in listed], unmatched)
    n_candidates = Counter(spelling for _, spelling in pairs)
    # If two recordings fit equally well, neither is certain.
    near_matches = {spelling: data_id for data_id, spelling in pairs if n_candidates[spelling] == 1}
    matches = {data_id: data_id for data_id in ids if data_id in known} | near_matches
    return matches, [_near_match_finding(near_matches, file)] if near_matches else []


def _near_match_finding(near_matches: dict[str, str], path: Path | None) -> Finding:
    what = (
        f"{format_count(len(near_matches), 'id is', 'ids are')} spelled differently from the recording, which is used"
    )
    pairs = format_list(f"{spelling!r} for {data_id!r}" for spelling, data_id in near_matches.items())
    return Finding("near-match", what, file=path, found=pairs)


def _missing_finding(missing: Sequence[str], ids: Sequence[str], dataset: Dataset, path: Path) -> Finding:
    return Finding(
        "ids-without-recording",
        f"{len(missing)} of {format_count(len(ids), 'id')} {'has' if len(missing) == 1 else 'have'} no recording",
        file=path,
        expected=f"ids such as {format_quoted(dataset.data_ids[:3])}",
        found=format_quoted(missing),
    )
