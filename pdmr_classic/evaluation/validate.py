"""`validate`: how a frozen model performs on another labelled data set, and whether recalibration would help."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic._version import __version__
from pdmr_classic.environment import describe_environment
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.evaluation._case_mix import compare_case_mix
from pdmr_classic.evaluation._recalibrate import recalibrate
from pdmr_classic.evaluation._sample_size import WIDTHS, required_sizes
from pdmr_classic.evaluation._validation_scores import score_validation
from pdmr_classic.evaluation.calibration_scores import fit_intercept, log_odds
from pdmr_classic.evaluation.predictions import Predictions, probability_matrix
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.labels.condition_values import match_conditions
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import LogReporter, Reporter, shows_progress
from pdmr_classic.text import format_list

SCHEMA = "pdmr-classic/validation/1"
_FEW_SUBJECTS = 10
INTERVAL_NOTE = (
    "Confidence intervals: 95% expanded percentiles of a bootstrap of subjects. They describe this model on people "
    "like these; the model is fixed."
)
_ASSUMPTIONS = (
    "independent people with one recording each; O:E and slope 1, and the prevalence, AUC and distribution of scores "
    "found here, after recalibration of the intercept (Riley et al. 2021)"
)


@shows_progress
def validate(
    model: DepressionModel,
    data: Dataset,
    *,
    widths: Mapping[str, float] | None = None,
    train: Dataset | None = None,
    allow_overlap: bool = False,
    allow_mismatch: bool = False,
    skip_bad: bool = False,
    jobs: int = 1,
    cache: str | Path | None = None,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Validate a frozen model on labelled recordings of other people.

    Parameters
    ----------
    model : DepressionModel
    data : Dataset
        With labels of the classes of the model; recordings without a label are left out.
    widths : mapping of str to float, optional
        Target widths of the 95% intervals of `observed_expected`, `calibration_slope` and `auc` for the sample size
        (default: 0.2, 0.2 and 0.1).
    train, allow_overlap, allow_mismatch, skip_bad, jobs, cache, reporter
        As for `DepressionModel.predict`.
    seed : int
        Of the bootstrap and the folds.

    Returns
    -------
    dict
        JSON-serialisable, `schema` "pdmr-classic/validation/1", without names of recordings or subjects: `scores`
        (`value`, `low`, `high` of the 95% interval; if there is none, `reason`), `calibration_error`,
        `calibration_by_class` (several classes), `decision_curve`, `case_mix`, `recalibration`, `sample_size`,
        `warnings`.

    Raises
    ------
    DataError
        There are no labels, or others than the classes of the model, or `DepressionModel.predict` refuses the
        recordings.

    References
    ----------
    Van Calster et al. 2016; Riley et al. 2021 (sample size); Vickers and Elkin 2006 (net benefit).

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import Settings, fit, load_dataset, make_synthetic
    >>> quick = {"learning.learners": ["linear"], "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     synthetic = make_synthetic(f"{folder}/set", subjects=12, segments=1, seconds=(2, 3))
    ...     model = fit(load_dataset(synthetic.out, split="train"), settings=Settings().override(quick))
    ...     validation = validate(model, load_dataset(synthetic.out, split="test"))
    >>> validation["n_recordings"], sorted(validation["scores"]["brier"])
    (4, ['high', 'low', 'value'])
    """
    reporter = reporter or LogReporter()
    widths = _check_widths(widths)
    if not model.learns_status:
        raise ConfigError(
            "validate needs a model that learned classes, and this one learned a score",
            expected="a model of --target status or --target both",
            hint="to score predicted scores: predict, then score RESULTS LABELS --target COLUMN",
        )
    if model.severity_ is not None:
        what = "only the class is validated, not the score that the model predicts, too"
        hint = "to score it: predict, then score RESULTS LABELS --target COLUMN"
        reporter.note(Finding("class-only", what, hint=hint))
    labelled = data.select_labelled()
    status, groups = labelled.status, labelled.groups
    if status is None or groups is None:
        raise DataError("there are no labels", code="no-labels", hint="pass --labels FILE")
    if labelled.groups_source == "infer":
        raise ConfigError("validate does not infer subjects", hint="pass --groups with a column or a table")
    _check_classes(status, model)
    extraction = model.extract(labelled, jobs=jobs, cache=cache, reporter=reporter)
    answers = model.predict(
        labelled,
        train=train,
        allow_overlap=allow_overlap,
        allow_mismatch=allow_mismatch,
        skip_bad=skip_bad,
        conditions=_find_conditions(labelled, model, reporter),
        jobs=jobs,
        cache=cache,
        extraction=extraction,
        reporter=reporter,
    )
    predictions = _make_predictions(answers, status, groups, model)
    result = {
        "schema": SCHEMA,
        "version": __version__,
        "environment": describe_environment(),
        "synthetic": data.is_synthetic,
        "positive": model.positive_,
        "threshold": model.threshold_,
        "n_recordings": len(predictions),
        "n_subjects": len(np.unique(predictions.subject)),
        "classes": {label: int((predictions.truth == k).sum()) for k, label in enumerate(predictions.classes)},
        "training_classes": dict(model.metadata_["classes"]),
        "n_skipped": len(answers.attrs.get("skipped", ())),
        "mismatch": answers.attrs.get("mismatch", []),
        "n_overlap": len({copy["data_id"] for copy in answers.attrs.get("overlap", ())}),
        **score_validation(predictions, model.threshold_, seed),
        "case_mix": compare_case_mix(model, extraction, answers.index, len(np.unique(predictions.subject))),
        "interval_note": INTERVAL_NOTE,
    }
    result |= _plan(predictions, model, widths, result["scores"]["auc"]["value"], seed)
    warnings = _find_warnings(predictions, model, result["case_mix"])
    if labelled.groups_warning:
        warnings.insert(0, Finding(labelled.groups_warning.code, labelled.groups_warning.what))
    return result | {"warnings": [finding.as_dict() for finding in warnings]}


def _check_widths(widths: Mapping[str, float] | None) -> dict[str, float]:
    widths = {**WIDTHS, **(widths or {})}
    for name, width in widths.items():
        if name not in WIDTHS or not 0 < width < np.inf:
            raise ConfigError(
                "a target width is not valid",
                expected=f"a positive width of {', '.join(WIDTHS)}",
                found=f"{name}: {width}",
            )
    return widths


def _find_conditions(labelled: Dataset, model: DepressionModel, reporter: Reporter) -> pd.Series | None:
    """Return the conditions for a model with experts, if the label table has them."""
    column = model.settings.learning.experts
    if column is None or labelled.labels is None:
        return None
    conditions, findings = match_conditions(labelled.labels, column)
    for finding in findings:
        reporter.note(finding)
    return conditions


def _check_classes(status: pd.Series, model: DepressionModel) -> None:
    unknown = sorted({str(label) for label in status} - set(model.classes_))
    if unknown:
        raise DataError(
            "the labels are not the classes of the model",
            code="other-classes",
            column="status",
            expected=" or ".join(model.classes_),
            found=format_list(map(repr, unknown)),
            hint=f"name them as in training with --map, such as --map {unknown[0]}={model.classes_[0]}; or pass "
            "another --label-column",
        )


def _make_predictions(
    answers: pd.DataFrame, status: pd.Series, groups: pd.Series, model: DepressionModel
) -> Predictions:
    """Return the predictions as one repeat of one fold."""
    classes = np.array(model.classes_)
    zeros = np.zeros(len(answers), dtype=np.intp)
    subjects = pd.factorize(groups.loc[answers.index])[0]
    return Predictions(
        recording=answers.index.to_numpy(dtype=object),
        subject=subjects,
        repeat=zeros,
        fold=zeros,
        truth=np.searchsorted(classes, status.loc[answers.index].to_numpy(dtype=str)),
        predicted=np.searchsorted(classes, answers["status"].to_numpy(dtype=str)),
        probability=probability_matrix(answers, model.classes_, model.positive_),
        classes=tuple(model.classes_),
        positive=model.positive_,
    )


def _plan(
    predictions: Predictions, model: DepressionModel, widths: Mapping[str, float], auc: float | None, seed: int
) -> dict[str, Any]:
    """Return recalibration and sample size, or why there is none."""
    k = predictions.positive_index
    if k is None or model.threshold_ is None:
        reason = "only for two classes"
    elif auc is None:
        reason = "the labels lack a class"
    else:
        p, y = predictions.probability[:, k], (predictions.truth == k).astype(np.intp)
        z = log_odds(p)
        moved = z + fit_intercept(z, y.astype(float), np.ones((len(z), 1)))[0]
        # Equal probabilities have no slope.
        reached = {name: width for name, width in widths.items() if name != "calibration_slope" or np.ptp(z) > 0}
        sizes = required_sizes(moved, float(y.mean()), auc, reached)
        return {
            "recalibration": recalibrate(p, y, predictions.subject, model.threshold_, model.decision_.metric, seed),
            "sample_size": {"targets": sizes, "assumptions": _ASSUMPTIONS},
        }
    return {"recalibration": {"methods": {}, "reason": reason}, "sample_size": {"targets": {}, "reason": reason}}


def _find_warnings(predictions: Predictions, model: DepressionModel, case_mix: Mapping[str, Any]) -> list[Finding]:
    warnings = []
    present = {label: predictions.subject[predictions.truth == k] for k, label in enumerate(predictions.classes)}
    counts = {label: len(np.unique(subjects)) for label, subjects in present.items()}
    if lacking := [label for label, n in counts.items() if not n]:
        what = f"no recording is labelled {' or '.join(lacking)}: scores that compare classes are undefined"
        warnings.append(Finding("one-class" if len(counts) - len(lacking) == 1 else "missing-class", what))
    if min(n for n in counts.values() if n) < _FEW_SUBJECTS:
        found = ", ".join(f"{label}: {n}" for label, n in counts.items())
        what = f"a class has fewer than {_FEW_SUBJECTS} subjects: the intervals mean little"
        warnings.append(Finding("few-subjects", what, found=found))
    for view, n in case_mix["views"].items():
        if n < len(predictions):
            what = f"{len(predictions) - n} of {len(predictions)} recordings have no {view}, unlike in training"
            warnings.append(Finding("missing-view", what))
    return warnings
