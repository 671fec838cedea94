"""Files for challenges: the objects of PDMR 2025, and the archive of MPDD-AVG 2026."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, TargetError, wrap_os_errors
from pdmr_classic.io._expected_ids import ExpectedIds, read_expected_ids, recordings_by_row
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.io.labels.scales import SCALES
from pdmr_classic.io.results import UNCERTAIN, read_results
from pdmr_classic.storage.atomic import check_writable, write_atomic
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.text import format_count, format_list, format_quoted, to_json

# The part of the challenge's page (cloudcom2025.org/competition-pdmr2025) that could be read ends before the rules of
# submission, so this form is not confirmed: one object per recording, with these keys and classes. Unknown are whether
# a comma stands between objects and what the file is called. Objects without commas are read by every JSON decoder that
# takes one object after the other.
_PDMR_CLASSES = ("Depression", "Normal")
# Rows of MPDD-AVG 2026: binary.csv and ternary.csv at the root of the archive.
_BINARY_CODES = {"normal": 0, "none": 0, "0": 0, "depression": 1, "depressed": 1, "1": 1}
_TERNARY_CODES = {"normal": 0, "none": 0, "0": 0, "mild": 1, "1": 1, "severe": 2, "2": 2}
_SCORE_DECIMALS = 2
# Archives of the same rows have the same bytes, whenever they are written: the first date that zip can store.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_PDMR_START = '{\n  "data_id": '
PDMR_SUFFIXES = (".txt", ".json")
MPDD_SUFFIXES = (".zip",)


@dataclass(frozen=True)
class Submission:
    """A file for a challenge.

    Attributes
    ----------
    path : Path
    form : "pdmr" or "mpdd"
    n_recordings : int
        Number of recordings, or of persons.
    classes : mapping of str to int
        Number of recordings per predicted class.
    sha256 : str
        Of the file.
    is_checked : bool
        Whether the ids were compared with those of the test set.
    """

    path: Path
    form: str
    n_recordings: int
    classes: Mapping[str, int]
    sha256: str
    is_checked: bool


def write_pdmr(results: str | Path, out: str | Path, *, data: str | Path | None = None) -> Submission:
    r"""Write results for PDMR 2025, as objects of `data_id` and `status`, sorted by id.

    The rules of submission could not be read: compare the form with them before you submit.

    Parameters
    ----------
    results : path-like
        Written by `predict`. Probabilities and scores are left out.
    out : path-like
        Ends in .txt or .json.
    data : path-like, optional
        Folder of the test set, or its root: the results must have exactly its recordings.

    Raises
    ------
    DataError
        The results cannot be read, repeat an id, or have other ids than the test set or other classes than Depression
        and Normal.
    ConfigError
        `out` has another suffix, or is the results file.
    TargetError

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = Path(folder) / "results.jsonl"
    ...     _ = results.write_text('{"data_id": "001", "status": "Normal", "probability": 0.25}\n')
    ...     print(write_pdmr(results, f"{folder}/submission.txt").path.read_text(), end="")
    {
      "data_id": "001",
      "status": "Normal"
    }
    """
    results, out = Path(results), Path(out)
    _check_target(out, PDMR_SUFFIXES, (results,))
    status = _require_status(_read_distinct(results), results)
    _check_classes(status, _PDMR_CLASSES, results, "Depression or Normal, as the challenge names them")
    expected = read_expected_ids(Path(data)) if data is not None else None
    if expected is not None:
        expected.check(list(status.index), results)
    blocks = [{"data_id": str(data_id), "status": str(label)} for data_id, label in status.sort_index().items()]
    text = "".join(to_json(block, indent=2) + "\n" for block in blocks)
    return _write(out, text.encode(), "pdmr", status, is_checked=expected is not None)


def write_mpdd(
    results: str | Path,
    out: str | Path,
    *,
    ternary: str | Path | None = None,
    cutoffs: Sequence[float] | None = None,
    data: str | Path | None = None,
) -> Submission:
    """Write results as the archive of MPDD-AVG 2026: binary.csv and ternary.csv, one row per person.

    `binary_pred` is 1 for Depression; `ternary_pred` is 0 for Normal or none, 1 for mild, 2 for severe. `phq9_pred` in
    both files is the score of `results`, limited to 0 to 27; if these have none, that of `ternary`.

    Parameters
    ----------
    results : path-like
        Of a model of the two classes, best with a score as well (`fit --target both`).
    out : path-like
        Ends in .zip. The same rows give the same bytes.
    ternary : path-like, optional
        Results of a model of the three classes.
    cutoffs : sequence of two float, optional
        Without `ternary`: lowest score of the classes 1 and 2; scores are rounded first. There is no default, because
        the challenge publishes the classes of its persons, but not the rule.
    data : path-like, optional
        Folder of the test set. The results must have exactly its persons, or all recordings of these with equal
        predictions, which are then one row.

    Raises
    ------
    DataError
        Results cannot be read, repeat an id, have no scores, or have other ids or classes.
    ConfigError
        Neither or both of `ternary` and `cutoffs` are given, or `out` has another suffix.
    TargetError
    """
    results, out = Path(results), Path(out)
    files = [results, *([Path(ternary)] if ternary is not None else [])]
    _check_target(out, MPDD_SUFFIXES, files)
    limits = _check_three_classes(ternary, cutoffs)
    expected = read_expected_ids(Path(data)) if data is not None else None
    tables = [_one_row_per_person(_read_distinct(file), expected, file) for file in files]
    _check_same_ids(tables, files)
    scores = _choose_scores(tables, files)
    binary = _encode(_require_status(tables[0], results), _BINARY_CODES, results, "Depression and Normal, or 1 and 0")
    three = (
        _encode(
            _require_status(tables[1], files[1]), _TERNARY_CODES, files[1], "Normal, mild and severe, or 0, 1 and 2"
        )
        if limits is None
        else pd.Series(replace(SCALES["phq9"], cutoffs=limits).class_codes(scores), scores.index)
    )
    content = _zip({"binary": binary, "ternary": three}, scores)
    return _write(out, content, "mpdd", tables[0]["status"], is_checked=expected is not None)


# ---------------------------------------------------------------------------------------------------- checks


def _check_target(out: Path, suffixes: tuple[str, ...], inputs: Sequence[Path]) -> None:
    check_writable(out, suffixes)
    if out.resolve() in [path.resolve() for path in inputs]:
        raise ConfigError("--out is the results file", file=out, hint="choose a different --out")
    if out.exists() and not _is_submission(out):
        raise TargetError(
            "the submission would overwrite another file",
            file=out,
            expected="no file, or an earlier submission",
            found="a different file",
            hint="choose a different --out",
        )


def _is_submission(path: Path) -> bool:
    if path.suffix in MPDD_SUFFIXES:
        with wrap_os_errors(path), path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                return False
            with zipfile.ZipFile(file) as archive:
                return sorted(archive.namelist()) == ["binary.csv", "ternary.csv"]
    start = read_bytes(path)[: len(_PDMR_START)].decode(errors="replace")
    return start == _PDMR_START


def _check_three_classes(ternary: str | Path | None, cutoffs: Sequence[float] | None) -> tuple[float, float] | None:
    """Return the cut-offs, if the three classes come from the score."""
    if (ternary is None) == (cutoffs is None):
        raise ConfigError(
            "the three classes come either from other results or from the score",
            expected="one of --ternary and --cutoffs",
            found="neither" if ternary is None else "both",
            hint="pass --ternary with results of a model of label3, or --cutoffs with the lowest scores of mild and "
            "severe, such as 5,10",
        )
    if cutoffs is None:
        return None
    scale = SCALES["phq9"]
    if len(cutoffs) != 2 or not scale.low < cutoffs[0] < cutoffs[1] <= scale.high:
        raise ConfigError(
            "--cutoffs must be two increasing PHQ-9 scores",
            expected="above 0 and at most 27, such as 5,10",
            found=format_list(f"{cutoff:g}" for cutoff in cutoffs),
        )
    return cutoffs[0], cutoffs[1]


def _read_distinct(path: Path) -> pd.DataFrame:
    """Return results whose ids are all different."""
    results = read_results(path)
    _, findings = read_labels(path, DataSettings(groups="subject_id"), with_status=False)
    if repeated := [finding for finding in findings if finding.code == "duplicate-labels"]:
        raise DataError(
            "the results repeat a data_id",
            code="repeated-ids",
            file=path,
            expected="one row per recording",
            found=repeated[0].what.removesuffix(" is ignored").removesuffix(" are ignored"),
            hint="predict again",
        )
    if results.empty:
        raise DataError("the results are empty", code="no-results", file=path, hint="predict again")
    return results


def _require_status(results: pd.DataFrame, path: Path) -> pd.Series:
    if "status" not in results:
        raise DataError(
            "the results have scores, but no classes",
            code="no-status",
            file=path,
            expected='{"data_id": …, "status": …}',
            hint="predict with a model of classes",
        )
    return results["status"].astype(str)


def _check_classes(status: pd.Series, classes: Sequence[str], path: Path, expected: str) -> None:
    unknown = sorted({*status} - {*classes})
    if not unknown:
        return
    if UNCERTAIN in unknown:
        uncertain = format_count(int((status == UNCERTAIN).sum()), "recording is", "recordings are")
        raise DataError(
            f"{uncertain} {UNCERTAIN}, and the challenge needs a class",
            code="uncertain",
            file=path,
            expected=expected,
            hint="predict again without --abstain",
        )
    raise DataError(
        "the results have a class that the challenge does not know",
        code="unknown-class",
        file=path,
        expected=expected,
        found=format_quoted(unknown),
        hint="fit with --map to rename the classes, such as --map 0=Normal,1=Depression, and predict again",
    )


def _encode(status: pd.Series, codes: Mapping[str, int], path: Path, expected: str) -> pd.Series:
    folded = status.str.casefold()
    if not folded.isin(list(codes)).all():
        known = [label for label in status if label.casefold() in codes]
        _check_classes(status, known, path, expected)
    return folded.map(dict(codes)).astype(int)


def _check_same_ids(tables: Sequence[pd.DataFrame], files: Sequence[Path]) -> None:
    if len(tables) > 1:
        ids = [str(data_id) for data_id in tables[0].index]
        ExpectedIds({data_id: data_id for data_id in ids}, files[0]).check(list(tables[1].index), files[1])


def _choose_scores(tables: Sequence[pd.DataFrame], files: Sequence[Path]) -> pd.Series:
    """Return the PHQ-9 score of each person, from the first results that have one for all."""
    for table in tables:
        if "severity" in table and table["severity"].notna().all():
            scores = SCALES["phq9"].clip(table["severity"].to_numpy(float))
            return pd.Series(scores, table.index).round(_SCORE_DECIMALS).sort_index()
    raise DataError(
        "the results have no scores, which phq9_pred needs",
        code="no-severity",
        file=files[0],
        expected='{"data_id": …, "status": …, "severity": …}',
        found=format_list(tables[0].columns),
        hint="fit with --target both, and predict again",
    )


def _one_row_per_person(results: pd.DataFrame, expected: ExpectedIds | None, path: Path) -> pd.DataFrame:
    """Return results by the ids of the test set, joining equal predictions of the recordings of a person."""
    if expected is None:
        return results
    expected.check(list(results.index), path)
    if set(results.index) == set(expected.rows):
        return results
    columns = [name for name in ("status", "severity") if name in results]
    persons = recordings_by_row(results[columns], expected.owners)
    differing = persons.index[persons.index.duplicated()]
    if len(differing):
        raise DataError(
            "recordings of the same person have different predictions",
            code="predictions-differ",
            file=path,
            expected="one prediction per person",
            found=format_quoted(dict.fromkeys(differing)),
            hint="predict with --pool-subjects, or fit with --events event",
        )
    return persons


# --------------------------------------------------------------------------------------------------- writing


def _zip(predictions: Mapping[str, pd.Series], scores: pd.Series) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for task, codes in predictions.items():
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(["id", f"{task}_pred", "phq9_pred"])
            writer.writerows(
                [data_id, codes.loc[data_id], f"{scores.loc[data_id]:.{_SCORE_DECIMALS}f}"] for data_id in scores.index
            )
            info = zipfile.ZipInfo(f"{task}.csv", _ZIP_DATE)
            info.external_attr = 0o644 << 16
            info.create_system = 3  # otherwise it would tell the operating system
            archive.writestr(info, text.getvalue())
    return buffer.getvalue()


def _write(out: Path, content: bytes, form: str, status: pd.Series, *, is_checked: bool) -> Submission:
    write_atomic(out, lambda file: file.write(content))
    counts = {str(label): int(n) for label, n in status.value_counts().sort_index().items()}
    return Submission(out, form, len(status), counts, hashlib.sha256(content).hexdigest(), is_checked)
