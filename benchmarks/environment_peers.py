"""Peers of learning.py in other environments; competitors.py runs this file with their Python.

    PYTHON -P benchmarks/environment_peers.py METHOD FOLDER --seconds 60 --jobs 1

reads FOLDER/problem.npz (training rows, their classes, subjects and inner folds by subject, and held-out rows) and
writes FOLDER/predictions.npz.

    realmlp, catboost, ebm      pip install pytabkit catboost interpret
    quant, multirocket-hydra    pip install aeon torch
    autogluon                   pip install "autogluon.tabular[lightgbm,catboost,xgboost,fastai]>=1.6.3"
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
Result = tuple[Array, Array, bool]
"""Scores [m, K], predicted classes [m], and whether the scores are probabilities."""

N_EBM_BAGS, N_EBM_SPLITS = 14, 7  # the default number of bags; a seventh is held out, by default 15%
MAX_EBM_COLUMNS = 300


@dataclass(frozen=True, eq=False)
class Problem:
    X: Array
    y: Array
    groups: Array
    fold: Array
    X_test: Array
    names: Array
    folder: Path
    seconds: int
    jobs: int

    def impute(self) -> tuple[Array, Array]:
        """Return training and held-out rows with missing values replaced by the median of the training rows."""
        from sklearn.impute import SimpleImputer

        imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(self.X)
        return imputer.transform(self.X), imputer.transform(self.X_test)


def from_probability(probability: Array) -> Result:
    probability = np.asarray(probability, dtype=float)
    return probability / probability.sum(axis=1, keepdims=True), probability.argmax(axis=1), True


def realmlp(problem: Problem) -> Result:
    """Average over one network for each inner fold, which is its validation set; it does not accept missing values."""
    from pytabkit import RealMLP_TD_Classifier

    X, X_test = problem.impute()
    probabilities = []
    for k in range(problem.fold.max() + 1):
        model = RealMLP_TD_Classifier(device="cpu", random_state=k, n_threads=problem.jobs, verbosity=0)
        model.fit(X.astype(np.float32), problem.y, val_idxs=np.flatnonzero(problem.fold == k))
        probabilities.append(model.predict_proba(X_test.astype(np.float32)))
    return from_probability(np.mean(probabilities, axis=0))


def catboost(problem: Problem) -> Result:
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(random_seed=0, thread_count=problem.jobs, verbose=False, allow_writing_files=False)
    return from_probability(model.fit(problem.X, problem.y).predict_proba(problem.X_test))


def make_bags(y: Array, groups: Array) -> Array:
    """Return 1 for training rows and -1 for validation rows, shape [n, bags]; bags divide subjects, not rows."""
    from sklearn.model_selection import StratifiedGroupKFold

    n_splits = min(N_EBM_SPLITS, *(len(np.unique(groups[y == k])) for k in np.unique(y)))
    bags: list[Array] = []
    for seed in range(N_EBM_BAGS):
        for train, _ in StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed).split(y, y, groups):
            if len(np.unique(y[train])) == len(np.unique(y)):
                bags.append(np.where(np.isin(np.arange(len(y)), train), 1, -1))
    return np.array(bags[:N_EBM_BAGS], dtype=np.int8).T


def ebm(problem: Problem) -> Result:
    """Default, but without interactions on wide tables: its search for pairs would take hours."""
    from interpret.glassbox import ExplainableBoostingClassifier

    bags = make_bags(problem.y, problem.groups)
    options = {"interactions": 0} if problem.X.shape[1] > MAX_EBM_COLUMNS else {}
    model = ExplainableBoostingClassifier(outer_bags=bags.shape[1], n_jobs=problem.jobs, random_state=0, **options)
    return from_probability(model.fit(problem.X, problem.y, bags=bags).predict_proba(problem.X_test))


def fit_autogluon(problem: Problem, metric: str, **options: Any) -> Any:
    """All its folds and holdouts are made by subject.

    Checked with version 1.6.3: with `validation_structure`, dynamic stacking splits by subject as well; it ignored the
    older argument `groups`.
    """
    import pandas as pd
    from autogluon.features.generators import AutoMLPipelineFeatureGenerator
    from autogluon.tabular import TabularPredictor

    columns = [f"f{k}" for k in range(problem.X.shape[1])]
    train = pd.DataFrame(problem.X, columns=columns).assign(subject=problem.groups.astype(str), label=problem.y)
    is_score = problem.y.dtype.kind == "f"
    predictor = TabularPredictor(
        "label",
        problem_type="regression" if is_score else None,
        eval_metric=metric,
        path=str(problem.folder / f"autogluon-{len(options)}"),
        verbosity=0,
    )
    return predictor.fit(
        train,
        presets="best_quality",
        time_limit=problem.seconds,
        num_cpus=problem.jobs,
        validation_structure={"group_on": "subject"},
        # Without this, the subject would also be a feature.
        feature_generator=AutoMLPipelineFeatureGenerator(features_in=columns),
        **options,
    )


def make_autogluon_test(problem: Problem) -> Any:
    import pandas as pd

    return pd.DataFrame(problem.X_test, columns=[f"f{k}" for k in range(problem.X.shape[1])]).assign(subject="")


def autogluon(problem: Problem) -> Result:
    """The threshold for two classes is chosen for F1, as ours is."""
    predictor, test = fit_autogluon(problem, "log_loss"), make_autogluon_test(problem)
    n_classes = problem.y.max() + 1
    if n_classes == 2:
        predictor.set_decision_threshold(predictor.calibrate_decision_threshold(metric="f1", verbose=False))
    probability = predictor.predict_proba(test)[list(range(n_classes))].to_numpy(dtype=float)
    return probability, predictor.predict(test).to_numpy(dtype=int), True


def autogluon_regression(problem: Problem) -> Result:
    """Scores instead of classes; the metric is its default.

    On wide tables, no model may be ready in the quarter of the time that dynamic stacking gets, and the fit fails.
    """
    try:
        predictor = fit_autogluon(problem, "root_mean_squared_error")
    except AssertionError:
        predictor = fit_autogluon(problem, "root_mean_squared_error", dynamic_stacking=False)
    predicted = predictor.predict(make_autogluon_test(problem)).to_numpy(dtype=float)
    return predicted[:, None], predicted, False


def split_series(problem: Problem) -> tuple[Array, Array, Array, Array]:
    """Return series [n, channels, time] and other features [n, F] of training rows, then of held-out rows.

    Channels are standardised, because their units differ. A recording without video gets the mean series of the
    training rows.
    """
    is_series = np.array([name.startswith("series__") for name in problem.names])
    n_channels = len({name.split("__")[1] for name in problem.names[is_series]})
    mean = np.nanmean(problem.X[:, is_series], axis=0)
    parts = []
    for X in (problem.X, problem.X_test):
        series = np.where(np.isnan(X[:, is_series]), mean, X[:, is_series])
        parts += [series.reshape(len(X), n_channels, -1), X[:, ~is_series]]
    centre, spread = (parts[0].mean(axis=(0, 2), keepdims=True), parts[0].std(axis=(0, 2), keepdims=True))
    for k in (0, 2):
        parts[k] = (parts[k] - centre) / np.where(spread > 0, spread, 1.0)
    return tuple(parts)


def quant(problem: Problem) -> Result:
    """QUANT's features with its extra trees; the audio vector, if any, is added to the features."""
    from aeon.transformations.collection.interval_based import QUANTTransformer
    from sklearn.ensemble import ExtraTreesClassifier

    series, other, test_series, test_other = split_series(problem)
    transformer = QUANTTransformer().fit(series, problem.y)
    A = np.hstack([np.asarray(transformer.transform(series)), other])
    B = np.hstack([np.asarray(transformer.transform(test_series)), test_other])
    model = ExtraTreesClassifier(200, max_features=0.1, criterion="entropy", random_state=0, n_jobs=problem.jobs)
    return from_probability(model.fit(A, problem.y).predict_proba(B))


def scale_sparse(A: Array, B: Array) -> tuple[Array, Array]:
    """Scale counts of Hydra as its authors do: square roots, zeros stay zero, rare features get a larger spread."""
    A, B = np.sqrt(np.maximum(A, 0)), np.sqrt(np.maximum(B, 0))
    spread = A.std(axis=0, ddof=1) + (A == 0).mean(axis=0) ** 4 + 1e-8
    return tuple((C - A.mean(axis=0)) * (C != 0) / spread for C in (A, B))


def multirocket_hydra(problem: Problem) -> Result:
    """The steps of aeon's classifier, which returns no scores; its ridge penalty is chosen on folds by subject.

    The audio vector, if any, is added to the features.
    """
    from aeon.transformations.collection.convolution_based import HydraTransformer, MultiRocket
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.model_selection import LeaveOneGroupOut
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    series, other, test_series, test_other = split_series(problem)
    hydra = HydraTransformer(output_type="numpy", n_jobs=problem.jobs, random_state=0).fit(series)
    blocks = [scale_sparse(hydra.transform(series), hydra.transform(test_series))]
    rocket = MultiRocket(n_jobs=problem.jobs, random_state=0).fit(series)
    dense = [(rocket.transform(series), rocket.transform(test_series))]
    dense += [(other, test_other)] if other.shape[1] else []
    for train, test in dense:
        scaler = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()).fit(train)
        blocks.append((scaler.transform(train), scaler.transform(test)))
    A, B = (np.hstack(parts) for parts in zip(*blocks, strict=True))
    folds = list(LeaveOneGroupOut().split(A, problem.y, problem.fold))
    model = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10), cv=folds).fit(A, problem.y)
    margin = model.decision_function(B)
    scores = np.column_stack([-margin, margin]) if margin.ndim == 1 else margin
    return scores, model.predict(B), False


METHODS = {
    "realmlp": realmlp,
    "catboost": catboost,
    "ebm": ebm,
    "autogluon": autogluon,
    "autogluon-regression": autogluon_regression,
    "quant": quant,
    "multirocket-hydra": multirocket_hydra,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=list(METHODS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    with np.load(arguments.folder / "problem.npz") as file:
        problem = Problem(**file, folder=arguments.folder, seconds=arguments.seconds, jobs=arguments.jobs)
    scores, predicted, is_probability = METHODS[arguments.method](problem)
    np.savez(arguments.folder / "predictions.npz", scores=scores, predicted=predicted, is_probability=is_probability)


if __name__ == "__main__":
    main()
