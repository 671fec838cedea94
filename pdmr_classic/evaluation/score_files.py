"""Score a results file against a label table: its classes, a column of scores, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.config import DataSettings, Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.evaluation._label_tables import check_file_order, find_common, find_unmatched, read_label_table
from pdmr_classic.evaluation._score_severities import score_severities
from pdmr_classic.evaluation._score_warnings import find_note_warnings, find_score_warnings, find_uncertain_warnings
from pdmr_classic.io.labels.classes import POSITIVE
from pdmr_classic.io.labels.labels import describe_missing_status, find_status_column
from pdmr_classic.io.results import UNCERTAIN, notes_path, read_notes, read_results
from pdmr_classic.io.selection import match_ids
from pdmr_classic.io.split_folders import is_synthetic
from pdmr_classic.metrics import confusion_matrix, score
from pdmr_classic.models.target_checks import check_labels, choose_positive_class
from pdmr_classic.text import format_count, format_list

_DECISION_KEYS = ("threshold", "n_subjects", "prevalence", "prevalence_interval")


def score_results(results: str | Path, labels: str | Path, *, settings: Settings | None = None) -> dict[str, Any]:
    r"""Score a results file against labels, matched by `data_id`.

    Parameters
    ----------
    results : path-like
    labels : path-like
        A label table, or the folder of a data set with labels.
    settings : Settings, optional
        With `data.target` status, the classes are scored; with a column, the severities; with both, both.

    Returns
    -------
    dict
        Of the classes, see `score_files`. Of the severities, in `severity`: `column`, `scale`, and the scores of
        `score_severity`; `coverage` (share of the intervals that contain the score) and `mean_width`, None without
        intervals. `warnings`, `findings`, `overlap` and `synthetic` as for classes.

    Raises
    ------
    DataError
        A file cannot be read, no ids match, the results have no severities, or a score is not valid.
    ConfigError
        There is no such column, or the scale does not fit.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results, labels = Path(folder) / "results.jsonl", Path(folder) / "labels.csv"
    ...     _ = results.write_text(
    ...         '{"data_id": "a", "severity": 4.5, "severity_interval": [0, 9]}\n'
    ...         '{"data_id": "b", "severity": 12.0, "severity_interval": [7, 17]}'
    ...     )
    ...     _ = labels.write_text("data_id,PHQ8_Score\na,3\nb,18\n")
    ...     scores = score_results(results, labels, settings=Settings().override({"data.target": "PHQ8_Score"}))
    >>> scores["severity"]["mae"], scores["severity"]["coverage"]
    (3.75, 0.5)
    """
    settings = settings or Settings()
    if not settings.data.learns_score:
        return score_files(results, labels, settings=settings.data)
    part = score_severities(Path(results), Path(labels), settings)
    if not settings.data.learns_status:
        return part
    classes = score_files(results, labels, settings=settings.data)
    seen = {finding.what for finding in classes["findings"]}
    findings = [*classes["findings"], *(finding for finding in part["findings"] if finding.what not in seen)]
    return {**classes, "severity": part["severity"], "findings": findings}


def score_files(
    results: str | Path,
    labels: str | Path,
    *,
    positive: str | None = None,
    settings: DataSettings | None = None,
) -> dict[str, Any]:
    """Score a results file against labels, matched by `data_id`.

    Parameters
    ----------
    results : path-like
        The notes of `predict` next to the results are read too.
    labels : path-like
        A label table, or the folder of a data set with labels.
    positive : str, optional
        The positive class of F1; default: that of `settings`, then that of the notes, then Depression, if it is one of
        the classes.
    settings : DataSettings, optional
        Columns and labels of the table, and `positive`.

    Returns
    -------
    dict
        The scores of `score`, with `confusion` (`classes`, and the `counts` of each true class by predicted class),
        `positive`, `synthetic` (whether the labels belong to a synthetic set), `decision`
        (how `predict` decided, from the notes), `n_uncertain` (number of recordings with the status Uncertain, which
        are left out; only if there are any), `overlap` (number of scored recordings that were in the training data),
        `warnings` (dicts: reasons not to take a score at its face value) and `findings`: labels without a result and
        results without a label, which are left out of the scores, how the label table was read, and where the positive
        class comes from.

    Raises
    ------
    DataError
        A file cannot be read, contains an unknown label, or no ids match.
    ConfigError
        `positive` is not given or unknown.
    """
    results, labels, settings = Path(results), Path(labels), settings or DataSettings()
    notes, findings = read_notes(results)
    matched = match_labels(results, labels, settings)
    table, truth, predictions, n_uncertain = matched.table, matched.truth, matched.predictions, matched.n_uncertain
    common = find_common(truth, predictions, results)
    classes, positive = sorted(truth.unique()), positive or settings.positive
    if len(classes) > 1:
        _check_predicted_classes(predictions["status"][common], classes, results)
        positive, origin = _choose_positive(classes, positive, notes.get("positive"), notes_path(results))
        findings += origin
    scored = predictions.loc[common]
    default = POSITIVE if POSITIVE in classes else None
    probability, remarks = _select_probability(scored, positive, notes.get("positive") or default, results)
    scores = score(truth[common], scored["status"], positive=positive, probability=probability)
    labels_or_predicted = sorted({*classes, *scored["status"]})
    counts = confusion_matrix(truth[common], scored["status"], labels_or_predicted)
    overlap = common.intersection([copy["data_id"] for copy in notes.get("overlap", ())])
    warnings = [
        *find_uncertain_warnings(n_uncertain, len(common)),
        *find_note_warnings(notes, overlap, truth[common], table.get("subject_id")),
        *find_score_warnings(scores, positive),
    ]
    return {
        "positive": positive,
        "synthetic": is_synthetic(labels.parent),
        **scores,
        "confusion": {"classes": labels_or_predicted, "counts": counts, "n_repeats": 1},
        **({"n_uncertain": n_uncertain} if n_uncertain else {}),
        "decision": {name: notes[name] for name in _DECISION_KEYS if name in notes},
        "overlap": len(overlap),
        "warnings": [warning.as_dict() for warning in warnings],
        "findings": [
            *matched.findings,
            *findings,
            *remarks,
            *find_unmatched(truth, predictions, labels, results),
        ],
    }


@dataclass(frozen=True, eq=False)
class MatchedResults:
    """A results file and its labels, both indexed by `data_id` as in the results.

    Attributes
    ----------
    predictions : DataFrame
        See `read_results`; without those that are Uncertain.
    truth : Series of str
        Label of each recording that has one; without those that are Uncertain.
    table : DataFrame
        All columns of the label table.
    n_uncertain : int
        Number of labelled recordings that are left out because they are Uncertain.
    findings : list of Finding
        How the label table was read.
    """

    predictions: pd.DataFrame
    truth: pd.Series
    table: pd.DataFrame
    n_uncertain: int
    findings: list[Finding]


def match_labels(results: Path, labels: Path, settings: DataSettings) -> MatchedResults:
    """Read results and labels, and match their ids; see `score_files`.

    Raises
    ------
    DataError
        A file cannot be read, or they seem to be swapped.
    """
    predictions = _require_status(read_results(results), results)
    table, findings = read_label_table(labels, settings)
    check_file_order(predictions, table, results, labels)
    matches, near_matches = match_ids([str(data_id) for data_id in table.index], list(predictions.index), labels)
    table = table.rename(index=matches)
    truth = _select_truth(table, labels, settings)
    predictions, truth, n_uncertain = _leave_out_uncertain(predictions, truth, results)
    return MatchedResults(predictions, truth, table, n_uncertain, [*findings, *near_matches])


def _require_status(predictions: pd.DataFrame, results: Path) -> pd.DataFrame:
    if "status" in predictions:
        return predictions
    raise DataError(
        "the results have scores, but no classes",
        code="no-status",
        file=results,
        expected='{"data_id": …, "status": …}',
        found=format_list(predictions.columns),
        hint="pass --target with the column of the scores",
    )


def _select_truth(table: pd.DataFrame, labels: Path, settings: DataSettings) -> pd.Series:
    """Return the labels of the labelled recordings."""
    if "status" not in table:
        raise DataError(
            "the label table has no column status",
            code="no-status",
            file=labels,
            expected="a column status",
            found=format_list(table.columns, 20),
            hint=describe_missing_status(list(table.columns)),
        )
    truth = table["status"][table["status"] != ""]
    check_labels(truth, settings.classes, find_status_column(table))
    return truth


def _leave_out_uncertain(
    predictions: pd.DataFrame, truth: pd.Series, results: Path
) -> tuple[pd.DataFrame, pd.Series, int]:
    """Return predictions and labels without those that `predict --abstain` left open, and how many have a label."""
    if UNCERTAIN in set(truth):  # a class of this data set
        return predictions, truth, 0
    uncertain = predictions.index[predictions["status"] == UNCERTAIN]
    labelled = uncertain.intersection(truth.index)
    if len(labelled) and len(labelled) == len(truth.index.intersection(predictions.index)):
        raise DataError(
            f"all recordings have the status {UNCERTAIN}",
            code="all-uncertain",
            file=results,
            expected="a class for some recordings",
            found=f"{UNCERTAIN} for {format_count(len(labelled), 'recording')}",
            hint="predict without --abstain",
        )
    return predictions.drop(uncertain), truth.drop(labelled), len(labelled)


def _check_predicted_classes(status: pd.Series, classes: Sequence[str], results: Path) -> None:
    try:
        check_labels(status, classes)
    except DataError as error:
        hint = "pass the column of these classes with --label-column, or map the labels, such as --map 1=Depression"
        raise DataError(replace(error.finding, file=results, hint=hint)) from None


def _choose_positive(
    classes: Sequence[str], requested: str | None, noted: str | None, notes: Path
) -> tuple[str | None, list[Finding]]:
    """Return the positive class, and findings about the one that the model had according to the notes."""
    if noted is None or len(classes) != 2:
        return choose_positive_class(classes, requested), []
    if noted not in classes:
        what = f"the model's positive class is {noted!r}, which is not among the labels"
        finding = Finding("other-positive", what, file=notes, expected=" or ".join(classes))
    elif requested not in (None, noted):
        finding = Finding(
            "other-positive", f"F1 is that of {requested!r}; the model's positive class is {noted!r}", notes
        )
    elif noted == POSITIVE:
        return noted, []
    else:
        return noted, [Finding("noted-positive", f"F1 is that of {noted!r}, the model's positive class", file=notes)]
    return choose_positive_class(classes, requested), [finding]


def _select_probability(
    scored: pd.DataFrame, positive: str | None, model_positive: str | None, results: Path
) -> tuple[pd.Series | None, list[Finding]]:
    """Return the probability of the positive class, which may be the complement of the one in the results."""
    if "probability" not in scored or positive is None:
        return None, []
    probability = scored["probability"]
    predicted_positive = scored["status"] == positive
    p, q = probability[predicted_positive], probability[~predicted_positive]
    # The predicted classes show whose probability it is, unless all are of one class.
    is_complement = p.max() < q.min() if len(p) and len(q) else model_positive not in (None, positive)
    if not is_complement:
        return probability, []
    what = f"the probabilities are those of the other class, so 1 - p is scored as the probability of {positive!r}"
    return 1 - probability, [Finding("complement", what, file=results)]
