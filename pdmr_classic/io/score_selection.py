"""Select the recordings that a score can be learned from: all that `fit` and `check` decide about scores."""

from __future__ import annotations

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.labels.classes import POSITIVE
from pdmr_classic.io.labels.scales import Scale, choose_scale, parse_scale
from pdmr_classic.io.labels.scores import check_scores, find_score_column, read_scores
from pdmr_classic.text import format_count, format_list, format_quoted


def select_scores(data: Dataset, settings: Settings) -> tuple[Dataset, pd.Series, Scale, list[Finding]]:
    """Return the recordings to learn from, their scores, the scale, and what to tell.

    Parameters
    ----------
    data : Dataset
        With labels.
    settings : Settings
        With `--target COLUMN`, recordings with a score are selected; with `--target both`, those with a score, a status
        or both.

    Returns
    -------
    Dataset
    Series of float
        Index `data_id` of the selected recordings; NaN for those without a score, which only `--target both` selects.
    Scale
    list of Finding
        How scores and scale were read; recordings that lack a label, or whose status contradicts their score.

    Raises
    ------
    DataError
        There are no labels; a score is not a number or outside the scale; with `--target both`, no recording has a
        status.
    ConfigError
        The column does not exist, or the scale or its cut-offs are not valid.

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import load_dataset, make_synthetic
    >>> settings = Settings().override({"data.target": "severity", "severity.scale": "phq8"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     synthetic = make_synthetic(f"{folder}/set", subjects=8, segments=2, seconds=(2, 3))
    ...     data = load_dataset(synthetic.out, split="train", settings=settings.data)
    >>> labelled, scores, scale, findings = select_scores(data, settings)
    >>> len(labelled), scores.dtype, scale.name, findings
    (10, dtype('float64'), 'phq8', [])
    """
    labels = data.labels
    if labels is None:
        raise DataError(
            "there are no labels",
            code="no-labels",
            file=data.folder,
            expected="a table with data_id and a column of scores, such as labels.csv, in the folder or next to it",
            found="no file",
            hint="add the file, or pass --labels FILE",
        )
    column = find_score_column(labels, settings.data)
    requested = settings.severity.scale
    scores, findings = read_scores(labels, column, None if requested is None else parse_scale(requested).low)
    scale, scale_findings = choose_scale(settings, column, scores)
    findings += [*scale_findings, *check_scores(scores, scale, column)]
    is_selected = scores.notna()
    if settings.data.learns_status:
        status = _require_status(data)
        findings += [*_tell_partial_labels(status, scores), *_find_contradictions(status, scores, scale, settings)]
        is_selected |= status != ""
    labelled = data.subset(is_selected)
    return labelled, scores[labelled.data_ids], scale, findings


def _require_status(data: Dataset) -> pd.Series:
    if not data.settings.learns_status:
        raise DataError(
            "the data set was loaded without its classes",
            code="no-labels",
            file=data.folder,
            expected="a data set loaded with the same target",
            found=f"target {data.settings.target!r}",
            hint="load it with the same settings: load_dataset(DATA, settings=settings.data)",
        )
    data.select_labelled()  # raises if there is none
    return pd.Series(data.status, dtype=object)


def _tell_partial_labels(status: pd.Series, scores: pd.Series) -> list[Finding]:
    has_status, has_score = status != "", scores.notna()
    kinds = (
        (has_score & ~has_status, "has only a score, which is used", "have only a score, which is used"),
        (has_status & ~has_score, "has only a status, which is used", "have only a status, which is used"),
        (~has_status & ~has_score, "has neither and is left out", "have neither and are left out"),
    )
    return [
        Finding(
            "partial-labels",
            format_count(int(mask.sum()), f"recording {one}", f"recordings {many}"),
            expected="status and score",
            found=format_quoted(mask.index[mask]),
        )
        for mask, one, many in kinds
        if mask.any()
    ]


def _find_contradictions(status: pd.Series, scores: pd.Series, scale: Scale, settings: Settings) -> list[Finding]:
    """Tell which recordings have a status that is not that of the clinical cut-off."""
    positive = settings.data.positive or POSITIVE
    classes = set(status) - {""}
    if scale.clinical_cutoff is None or positive not in classes or len(classes) > 2:
        return []
    is_clinical = pd.Series(scale.is_clinical(scores), index=scores.index)
    differs = (status != "") & scores.notna() & ((status == positive) != is_clinical)
    if not differs.any():
        return []
    what = format_count(int(differs.sum()), "recording has a status", "recordings have a status")
    pairs = zip(status[differs], scores[differs], scores.index[differs], strict=True)
    return [
        Finding(
            "contradiction",
            f"{what} that contradicts the score; both are used as they are",
            expected=f"{positive} from {scale.clinical_cutoff:g} on (clinical cut-off of {scale.name})",
            found=format_list(f"{label!r} with {score:g} for {data_id!r}" for label, score, data_id in pairs),
            hint="check them, and the cut-off: [severity] clinical_cutoff in a settings file",
        )
    ]
