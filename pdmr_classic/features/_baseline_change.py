"""Change from each subject's own baseline, as further modalities beside the level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features.names import change_name, is_model_input, level_name, modality_columns
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.labels.sessions import NO_BASELINE, Baseline, find_baseline
from pdmr_classic.text import format_count

# Age and gender do not change between sessions.
_UNCHANGING = frozenset({"covariates"})
_SIGNIFICANCE = 0.05
_CODE = "baseline"


def add_baseline_change(
    features: pd.DataFrame, dataset: Dataset, settings: Settings, trained_names: Sequence[str] | None = None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the features with a modality `M_change` for each modality M, and what to tell.

    With `learning.suppress_identity` and a label column `baseline`, `session` or `visit`, or with `data.baseline`;
    otherwise, the features are unchanged. Nothing is fitted, and only recordings of the same subject are used: the
    change of a subject who was never seen is the same as in training. With `evaluate --leave session`, changes of
    training recordings contain the features, not the labels, of a held-out baseline of the same person.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        Of all recordings of the data set, in their order.
    dataset : Dataset
        Its label table tells baselines, its groups tell subjects.
    settings : Settings
    trained_names : sequence of str, optional
        Features of the model that these recordings are extracted for. If it has changes, but the label table does not
        tell baselines, they are missing, with a note.

    Returns
    -------
    features : DataFrame
        With columns such as `video_change__AU12_r__mean`: the feature minus its mean over the subject's baseline
        recordings, after those of the levels. NaN for baseline recordings themselves (0 would mark them), for subjects
        without a baseline, and where the feature or its baseline is NaN.
    findings : list of Finding

    Raises
    ------
    ConfigError
        `data.baseline` is not a column of the label table.
    DataError
        A mark of a baseline cannot be read.
    """
    if not wants_changes(settings, trained_names):
        return features, []
    baseline, reason = _read_baseline(dataset, settings.data.baseline, may_lack=trained_names is not None)
    groups = dataset.groups
    if baseline is None or groups is None:
        return features, [_off(reason)] if reason else []
    has_subject = (groups != "").to_numpy()
    baseline = replace(
        baseline, is_baseline=baseline.is_baseline & has_subject, is_known=baseline.is_known & has_subject
    )
    has_change = _find_change_rows(baseline, groups)
    if not has_change.any():
        return features, [_off(f"by column {baseline.column!r}, no subject has a baseline and another recording")]
    findings = _describe(baseline, groups, has_change)
    if dataset.status is not None:
        findings += _compare_labels(dataset.status, groups, baseline.is_baseline, has_change)
    return _insert(features, compute_change(features, groups, baseline.is_baseline, has_change)), findings


def wants_changes(settings: Settings, trained_names: Sequence[str] | None = None) -> bool:
    """Return whether changes from a baseline are computed if the label table marks baselines."""
    column = settings.data.baseline
    if column == NO_BASELINE or not (column or settings.learning.suppress_identity):
        return False
    return trained_names is None or any(level_name(name) != name for name in trained_names)


def _read_baseline(dataset: Dataset, column: str | None, *, may_lack: bool) -> tuple[Baseline | None, str]:
    """Return which recordings are baselines, or None and the reason, empty if there is nothing to tell."""
    labels = dataset.labels
    if labels is None:
        return None, "there is no label table"
    if may_lack and column is not None and column not in labels:
        return None, f"the label table has no column {column!r}"
    has_subjects = dataset.groups is not None and not dataset.lacks_subject_ids
    subjects = dataset.groups if dataset.groups is not None else pd.Series(labels.index, index=labels.index)
    baseline = find_baseline(labels, subjects, column)
    if baseline is None:
        return None, "the label table has no column baseline or session" if may_lack else ""
    return (baseline, "") if has_subjects else (None, "there are no subject ids")


def compute_change(features: pd.DataFrame, groups: pd.Series, is_baseline: Mask, has_change: Mask) -> pd.DataFrame:
    """Return the change from baseline of each feature that learners use, NaN in rows without `has_change`.

    Examples
    --------
    >>> table = pd.DataFrame({"video__a__mean": [1.0, 3.0, 7.0], "quality__a__mean": [0.0, 0.0, 1.0]})
    >>> is_baseline = np.array([True, True, False])
    >>> compute_change(table, pd.Series(["S1"] * 3), is_baseline, ~is_baseline)["video_change__a__mean"].tolist()
    [nan, nan, 5.0]
    """
    columns = modality_columns(map(str, features.columns))
    chosen = [place for name, places in columns.items() if name not in _UNCHANGING for place in places]
    values = features.iloc[:, chosen].to_numpy(dtype=np.float64)
    subjects = groups.to_numpy(dtype=object)
    level = pd.DataFrame(values[is_baseline]).groupby(subjects[is_baseline]).mean()
    change = values - level.reindex(subjects).to_numpy()
    change[~has_change] = np.nan
    names = [change_name(str(features.columns[place])) for place in chosen]
    return pd.DataFrame(change, index=features.index, columns=names)


def _find_change_rows(baseline: Baseline, groups: pd.Series) -> Mask:
    """Return which recordings have a change: they are no baseline, and their subject has one."""
    subjects = groups.to_numpy(dtype=object)
    has_baseline = np.isin(subjects.astype(str), subjects[baseline.is_baseline].astype(str))
    return np.asarray(has_baseline & baseline.is_known & ~baseline.is_baseline)


def _insert(features: pd.DataFrame, change: pd.DataFrame) -> pd.DataFrame:
    """Return features and changes, before the columns that learners do not use."""
    is_input = np.array([is_model_input(str(name)) for name in features.columns], dtype=bool)
    return pd.concat([features.loc[:, is_input], change, features.loc[:, ~is_input]], axis=1)


def _off(reason: str) -> Finding:
    return Finding("no-baseline", f"the change from baseline is not computed: {reason}")


def _describe(baseline: Baseline, groups: pd.Series, has_change: Mask) -> list[Finding]:
    """Return what to tell: the origin of the baselines, and the recordings without a change."""
    source = "the first session of each subject in" if baseline.from_sessions else "marked in"
    what = (
        f"change from baseline, {source} column {baseline.column!r}: {_count(has_change, groups)} have it; "
        f"the {_count(baseline.is_baseline, groups)} at baseline have none"
    )
    unknown = ~has_change & ~baseline.is_baseline & ~baseline.is_known
    without = ~has_change & ~baseline.is_baseline & baseline.is_known
    later = baseline.starts_later & baseline.is_baseline
    notes = {
        f"{_count(without, groups)} without a baseline recording have no change from baseline": without,
        f"{_count(unknown, groups)} have no change from baseline: session or subject unknown": unknown,
        f"{_count(later, groups)} at baseline are of a later session than the first one of the set": later,
    }
    return [Finding(_CODE, what), *(Finding("no-baseline", note) for note, rows in notes.items() if rows.any())]


def _count(rows: Mask, groups: pd.Series) -> str:
    n_subjects = groups[rows].nunique()
    return f"{format_count(int(rows.sum()), 'recording')} of {format_count(n_subjects, 'subject')}"


def _compare_labels(status: pd.Series, groups: pd.Series, is_baseline: Mask, has_change: Mask) -> list[Finding]:
    """Return a warning if the labels at baseline differ from the later ones: then being a baseline tells the label."""
    classes = sorted(set(status) - {""})
    is_labelled = (status != "").to_numpy()
    at_baseline, later = (
        pd.DataFrame({label: (status[rows] == label).to_numpy() for label in classes}, dtype=float)
        for rows in (is_baseline & is_labelled, has_change & is_labelled)
    )
    before = at_baseline.groupby(groups[is_baseline & is_labelled].to_numpy(dtype=object)).mean()
    after = later.groupby(groups[has_change & is_labelled].to_numpy(dtype=object)).mean()
    common = before.index.intersection(after.index)
    difference = (before.loc[common] - after.loc[common]).to_numpy()
    p_values = [_sign_test(column) * len(classes) for column in difference.T]
    if not p_values or min(p_values) > _SIGNIFICANCE:
        return []
    label = classes[int(np.argmin(p_values))]
    what = (
        f"the labels at baseline differ from those of the other recordings: {label} in {at_baseline[label].mean():.0%} "
        f"and {later[label].mean():.0%}; whether a recording is a baseline then tells its label"
    )
    return [Finding("baseline-labels", what, hint="compare with the recording conditions in evaluate")]


def _sign_test(differences: Floats) -> float:
    """Return the p-value of the sign test on the subjects' differences; 1 if all are 0."""
    n_higher, n_lower = int((differences > 0).sum()), int((differences < 0).sum())
    return float(binomtest(n_higher, n_higher + n_lower).pvalue) if n_higher + n_lower else 1.0
