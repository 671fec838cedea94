"""`evaluate`: an honest estimate of how good a model is on people that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pdmr_classic.config import Settings
from pdmr_classic.evaluation.evaluate_features import evaluate_features, override_evaluation
from pdmr_classic.evaluation.stress import extract_altered
from pdmr_classic.evaluation.subgroups import check_subgroup_columns
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models.training import prepare_training_set
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.storage.atomic import write_text_atomic
from pdmr_classic.text import to_json


def evaluate(
    data: Dataset,
    *,
    settings: Settings | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    by: Sequence[str] | None = None,
    stress: bool | None = None,
    jobs: int = 1,
    cache: str | Path | None = None,
    keep: str | Path | None = None,
    groups_out: Path | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Estimate how good a model is on people that it has not seen.

    In each outer fold a model is tuned, trained, calibrated and given its threshold on the training subjects alone,
    and predicts the others.

    Parameters
    ----------
    data : Dataset
        With labels; recordings without one are left out. Each distinct value of a column `split` is a held-out fold.
    settings : Settings, optional
        The named arguments override its section `evaluation`.
    folds, repeats : int, optional
        Of the outer folds; fewer folds where the rarest class has fewer subjects.
    by : sequence of str, optional
        Columns of the labels, for scores by subgroup.
    stress : bool, optional
        Predict held-out recordings also with a modality, frames or half of the frame rate taken away, or with noise.
    jobs : int
        Processes. The result does not depend on it.
    cache : path-like, optional
        Folder of the feature cache.
    keep : path-like, optional
        File that keeps finished outer folds, so that what was ended goes on; remove it when the result is safe.
    groups_out : Path, optional
        Where subjects that are proposed (`load_dataset(…, groups="infer")`) are written, for a person to correct.

    Returns
    -------
    dict
        Ready for JSON, `schema` "pdmr-classic/evaluation/2": `scores` of the model, `baselines`, `stress`, `by`,
        `optimism` (inner less outer scores), `permutation_p_fixed_predictions`, `warnings`, and the out-of-fold
        `predictions`, in which subjects are numbers and recordings pseudonyms: see `predictions.pseudonyms`.

    Raises
    ------
    DataError
        A file cannot be read, or the labels, subjects or splits do not serve.
    ConfigError
        A setting is wrong, or `keep` holds folds of other data or settings.

    References
    ----------
    Varma and Simon 2006 (nested cross-validation).

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import load_dataset, make_synthetic
    >>> quick = {"learning.learners": ["linear"], "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2}
    >>> settings = Settings().override(quick)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = make_synthetic(f"{folder}/set", subjects=12, segments=1, seconds=(2, 3))
    ...     data = load_dataset(made.out, split="train")
    ...     evaluation = evaluate(data, settings=settings, folds=2, repeats=1, stress=False)
    >>> evaluation["positive"], evaluation["n_subjects"], sorted(evaluation["scores"]["auc"])
    ('Depression', 8, ['high', 'low', 'mean', 'sd'])
    """
    reporter = reporter or LogReporter()
    settings = override_evaluation(settings, folds=folds, repeats=repeats, by=by, stress=stress)
    asked = settings.evaluation
    labelled = data.labelled()
    assert labelled.labels is not None
    assert labelled.groups is not None
    check_subgroup_columns(labelled.labels, asked.by, labelled.groups)
    training = prepare_training_set(
        labelled, settings, jobs=jobs, cache=cache, groups_out=groups_out, reporter=reporter
    )
    altered = {}
    if asked.stress:
        altered = extract_altered(labelled, training.features, settings, jobs=jobs, reporter=reporter)
    found = evaluate_features(
        training.features,
        training.target.status,
        training.target.groups,
        labels=training.labels,
        altered=altered,
        settings=settings,
        jobs=jobs,
        keep=keep,
        reporter=reporter,
    )
    found["synthetic"] = data.is_synthetic
    # Where people recur unknown, or are only guessed, the estimate is not honest, whatever else is done.
    doubts = [replace(finding, file=None).as_dict() for finding in training.doubts]
    found["warnings"] = [*doubts, *found["warnings"]]
    return found


def write_evaluation(found: Mapping[str, Any], path: str | Path) -> Path:
    """Write an evaluation as JSON, whole or not at all.

    Raises
    ------
    TargetError
    """
    return write_text_atomic(path, to_json(found, indent=1) + "\n")
