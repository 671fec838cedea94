"""Predicted scores against the obvious rivals, on the same outer grouped folds and the same feature table.

    PDMR_REAL_DATA=../shared/data python benchmarks/severity.py --out OUT [--python OTHER_PYTHON]
    PDMR_REAL_DATA=../shared/data python benchmarks/severity.py --out OUT --report

Sets: `synthetic-SEED`, the scores of the training split of `make-synthetic` with 90 subjects and two recordings each;
and `watch-exercise`, where the score is the logarithm of the root-mean-square rotation (three channels of the
gyroscope) and the features are those of the three channels of the accelerometer: a real intensity, and not a function
of the input.

Rivals get the columns that base learners of the package may use. Those named "matched" are rescaled to the moments of
the training scores, as the package does, on their predictions in inner folds by subject. `--python` is that of an
environment with AutoGluon (see environment_peers.py). Each result of a set, seed, fold and method is one file in OUT
and is not computed again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from unittest.mock import patch

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from competitors import OWN, Problem, run_in_environment
from lightgbm import LGBMRegressor
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from pdmr_classic import GroupedFolds, Settings, load_dataset, make_synthetic
from pdmr_classic.evaluation.severity._differences import compare_scores
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.evaluation.severity.scores import summarise_severity
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.names import is_model_input
from pdmr_classic.io.labels.scales import SCALES, Scale, choose_scale
from pdmr_classic.models.severity._blend import Blend
from pdmr_classic.models.severity.model import SeverityModel
from pdmr_classic.models.severity.stacker import score_bins
from pdmr_classic.models.severity.target import check_severity
from pdmr_classic.progress import CollectingReporter

Array = np.ndarray
N_FOLDS = 5
SHRINKAGES = (0.0, 0.25, 0.5, 0.75, 1.0)
PENALTIES = np.logspace(0, 5, 11)
VARIANTS = ("shrinkage", "view", "learner")
SVR_GRID = {
    "regressor__svr__C": [0.1, 0.3, 1, 3, 10, 30],
    "regressor__svr__gamma": [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, "scale"],
}


# --------------------------------------------------------------------------------------------------- sets


@dataclass(frozen=True, eq=False)
class ScoreSet:
    """Features, scores and subjects of n recordings, and the scale of the scores."""

    name: str
    features: pd.DataFrame
    score: pd.Series
    groups: pd.Series
    scale: Scale

    def folds(self, seed: int) -> list[tuple[Array, Array]]:
        """Return outer folds by subject, stratified by bins of similar scores."""
        groups = self.groups.to_numpy(dtype=str)
        bins = score_bins(self.score.to_numpy(dtype=float), groups, N_FOLDS)
        return list(GroupedFolds(N_FOLDS, random_state=seed).split(bins, bins, groups))


def write_watch(folder: Path) -> None:
    """Write watch-exercise with the accelerometer as input and the intensity of rotation as score."""
    source = Path(os.environ["PDMR_REAL_DATA"]) / "watch-exercise" / "train"
    (folder / "video").mkdir(parents=True)
    intensity = {}
    for path in sorted((source / "video").glob("*.csv")):
        frames = pd.read_csv(path, header=None)
        frames.iloc[:, :3].to_csv(folder / "video" / path.name, header=False, index=False)
        intensity[path.stem] = float(np.log(np.sqrt((frames.iloc[:, 3:] ** 2).sum(axis=1).mean())))
    labels = pd.read_csv(source / "labels.csv", dtype=str)
    labels.assign(intensity=labels["data_id"].map(intensity)).to_csv(folder / "labels.csv", index=False)


def extract_set(name: str) -> pd.DataFrame:
    """Return the features with the columns `score` and `subject`."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / name
        if name.startswith("synthetic-"):
            make_synthetic(folder, subjects=90, segments=2, seed=int(name.removeprefix("synthetic-")))
            data, column = load_dataset(folder, split="train"), "severity"
        else:
            write_watch(folder)
            data, column = load_dataset(folder), "intensity"
        features = FeatureExtractor(Settings(), jobs=1, cache=None).extract(data).require_features()
        labels = data.labels.loc[features.index]
        return features.assign(score=labels[column].astype(float), subject=labels["subject_id"].astype(str))


def read_set(name: str, out: Path) -> ScoreSet:
    path = out / f"{name}.parquet"
    if not path.exists():
        extract_set(name).to_parquet(path)
    table = pd.read_parquet(path)
    scale = SCALES["phq8"] if name.startswith("synthetic-") else choose_scale(Settings(), "score", table["score"])[0]
    return ScoreSet(name, table.drop(columns=["score", "subject"]), table["score"], table["subject"], scale)


# ------------------------------------------------------------------------------------------------ methods


@dataclass(frozen=True, eq=False)
class ScoreProblem(Problem):
    """One outer fold whose `y` [n] are scores."""

    scale: Scale

    def inner_folds(self) -> list[tuple[Array, Array]]:
        bins = score_bins(self.y, self.groups, N_FOLDS)
        return list(GroupedFolds(N_FOLDS, random_state=0).split(bins, bins, self.groups))

    def select_inputs(self) -> ScoreProblem:
        """Return the problem with the columns that base learners may use and that are not empty."""
        names = [name for name in self.train if is_model_input(name) and self.train[name].notna().any()]
        return ScoreProblem(self.train[names], self.y, self.groups, self.test[names], self.classes, self.scale)


Learn = Callable[[ScoreProblem], dict[str, Array]]
"""Returns predictions of the held-out rows of one or several variants, by name."""


def learn_own(settings: Settings, problem: ScoreProblem) -> dict[str, Array]:
    """Fit once; also predict with other shrinkages, and with each view and each member without the others."""
    score, groups = pd.Series(problem.y, problem.train.index), pd.Series(problem.groups, problem.train.index)
    # Four fifths of ten subjects are fewer than the package accepts.
    with patch("pdmr_classic.models.severity.target.MIN_SUBJECTS", 8):
        target = check_severity(score, groups, problem.scale, settings)
    model = SeverityModel(settings).fit(problem.train, target, reporter=CollectingReporter())
    predicted = {OWN: model.predict_scores(problem.test)}
    names = [member.name for member in model.stacker_.members_]
    for shrinkage in SHRINKAGES:
        stacker = copy(model.stacker_)
        stacker.shrinkage = shrinkage
        predicted[f"shrinkage {shrinkage:g}"] = stacker.select_members(names).predict_scores(problem.test)
    for view in model.stacker_.views_:
        on_view = [name for name in names if name.startswith(f"{view}/")]
        predicted[f"view {view}"] = model.stacker_.select_members(on_view).predict_scores(problem.test)
    for learner in sorted({name.split("/")[1] for name in names}):
        own = [name for name in names if name.endswith(f"/{learner}")]
        predicted[f"learner {learner}"] = model.stacker_.select_members(own).predict_scores(problem.test)
    return predicted


def scale_columns(model: object) -> object:
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), model)


def scale_target(model: object) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(scale_columns(model), transformer=StandardScaler())


MODELS = {
    "ridge": scale_columns(RidgeCV(PENALTIES)),
    "SVR": scale_target(SVR()),
    "LightGBM": LGBMRegressor(n_jobs=1, verbose=-1, random_state=0),
}


def learn_model(name: str, problem: ScoreProblem) -> dict[str, Array]:
    """Fit a default model, and match its predictions to the moments of the training scores."""
    train, test = (table.to_numpy(dtype=float) for table in (problem.train, problem.test))
    oof = np.zeros(len(problem.y))
    for rows, held_out in problem.inner_folds():
        oof[held_out] = clone(MODELS[name]).fit(train[rows], problem.y[rows]).predict(train[held_out])
    predicted = clone(MODELS[name]).fit(train, problem.y).predict(test)
    blend = Blend([name], [1.0], Settings().severity.shrinkage)
    blend.fit(oof[:, None], problem.y, np.ones(len(oof)), problem.groups)
    return {name: predicted, f"{name}, matched": blend.predict(predicted[:, None])}


def learn_tuned_svr(problem: ScoreProblem) -> dict[str, Array]:
    search = GridSearchCV(scale_target(SVR()), SVR_GRID, cv=problem.inner_folds(), scoring="neg_mean_absolute_error")
    search.fit(problem.train.to_numpy(dtype=float), problem.y)
    return {"SVR, tuned": search.predict(problem.test.to_numpy(dtype=float))}


def learn_mean(problem: ScoreProblem) -> dict[str, Array]:
    return {"mean": np.full(len(problem.test), problem.y.mean())}


def learn_autogluon(python: str, seconds: int, problem: ScoreProblem) -> dict[str, Array]:
    predictions = run_in_environment("autogluon-regression", python, seconds, problem, 1)
    return {"AutoGluon": predictions.predicted}


def make_methods(settings: Settings, python: str | None, seconds: int) -> dict[str, Learn]:
    methods: dict[str, Learn] = {"mean": learn_mean, "svr-tuned": learn_tuned_svr}
    methods |= {name.lower(): partial(learn_model, name) for name in MODELS}
    methods[OWN] = partial(learn_own, settings)
    if python:
        methods["autogluon"] = partial(learn_autogluon, python, seconds)
    return methods


# -------------------------------------------------------------------------------------------- run, report


def run(data: ScoreSet, seed: int, fold: int, name: str, learn: Learn, out: Path) -> None:
    """Learn and predict one fold, and save the predictions; do nothing if they exist."""
    path = out / f"{data.name}-{seed}-{fold}-{name}.npz"
    if path.exists():
        return
    train, test = data.folds(seed)[fold]
    table, groups = data.features, data.groups.to_numpy(dtype=str)
    y = data.score.to_numpy(dtype=float)[train]
    problem = ScoreProblem(table.iloc[train], y, groups[train], table.iloc[test], [], data.scale)
    started, cpu_started = time.perf_counter(), sum(os.times()[:4])
    predicted = learn(problem if name == OWN else problem.select_inputs())
    seconds, cpu_seconds = time.perf_counter() - started, sum(os.times()[:4]) - cpu_started
    clipped = {variant: data.scale.clip(values) for variant, values in predicted.items()}
    np.savez(path, rows=test, **{f"predicted {variant}": values for variant, values in clipped.items()})
    print(f"{data.name}, seed {seed}, fold {fold}, {name}: {seconds:.1f} s, CPU {cpu_seconds:.1f} s", flush=True)


def read_predictions(data: ScoreSet, seeds: list[int], out: Path) -> dict[str, SeverityPredictions]:
    """Return the predictions of each variant, with the seeds as repeats."""
    parts: dict[str, list[tuple[int, int, Array, Array]]] = {}
    for seed, fold in product(seeds, range(N_FOLDS)):
        for path in sorted(out.glob(f"{data.name}-{seed}-{fold}-*.npz")):
            with np.load(path) as file:
                for key in file.files:
                    if key.startswith("predicted "):
                        name = key.removeprefix("predicted ")
                        parts.setdefault(name, []).append((seed, fold, file["rows"], file[key]))
    return {name: join(data, results) for name, results in parts.items()}


def join(data: ScoreSet, results: list[tuple[int, int, Array, Array]]) -> SeverityPredictions:
    rows = np.concatenate([rows for _, _, rows, _ in results])
    predicted = np.concatenate([predicted for *_, predicted in results])
    known = np.isfinite(predicted)  # a view may be missing
    unknown = np.full(known.sum(), np.nan)
    repeat, fold = (np.concatenate([np.full(len(part[2]), part[k]) for part in results]) for k in (0, 1))
    subject = np.unique(data.groups, return_inverse=True)[1]
    return SeverityPredictions(
        recording=data.features.index.to_numpy(dtype=object)[rows[known]],
        subject=subject[rows[known]],
        repeat=repeat[known],
        fold=fold[known],
        truth=data.score.to_numpy(dtype=float)[rows[known]],
        predicted=predicted[known],
        low=unknown,
        high=unknown,
        scale=data.scale,
    )


def format_interval(low: float | None, high: float | None, sign: str = "") -> str:
    return "" if low is None or high is None else f" ({low:{sign}.3f} to {high:{sign}.3f})"


def table_rows(systems: dict[str, SeverityPredictions]) -> Iterator[str]:
    """Yield a row per method: scores, and differences to the package on the rows that both predict."""
    for name in sorted(systems, key=lambda name: (name != OWN, name.startswith(VARIANTS))):
        system = systems[name]
        scores = summarise_severity(system)["scores"]
        cells = [name, str(len(system))]
        for score in ("ccc", "mae"):
            mean = scores[score]["mean"]
            cells.append("" if mean is None else f"{mean:.3f}")
            difference = compare_scores(system, systems[OWN], score)
            limits = format_interval(difference["low"], difference["high"], "+")
            value = difference["difference"]
            cells.append("" if name == OWN or value is None else f"{value:+.3f}{limits}")
        cells.append(f"{scores['rmse']['mean']:.3f}")
        yield "| " + " | ".join(cells) + " |"


def report(data: ScoreSet, seeds: list[int], out: Path) -> None:
    systems = read_predictions(data, seeds, out)
    n_subjects = data.groups.nunique()
    print(f"\n{data.name}: {len(data.score)} recordings, {n_subjects} subjects, SD {data.score.std():.2f}\n")
    print("| method | predictions | CCC | difference | MAE | difference | RMSE |\n|---|---|---|---|---|---|---|")
    for row in table_rows(systems):
        print(row)
    scores = summarise_severity(systems[OWN])["scores"]
    for name in ("ccc", "mae"):
        by_repeat = [summarise_severity(systems[OWN].subset(rows))["scores"] for rows in systems[OWN].repeat_rows()]
        repeats = ", ".join(f"{part[name]['mean']:.3f}" for part in by_repeat)
        print(f"{OWN} {name}{format_interval(scores[name]['low'], scores[name]['high'])}, repeats: {repeats}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of tables and results")
    parser.add_argument("--sets", nargs="+", default=["synthetic-2", "watch-exercise"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6], help="seeds of the outer folds")
    parser.add_argument("--methods", nargs="+", help="default: all")
    parser.add_argument("--trials", type=int, default=Settings().learning.trials)
    parser.add_argument("--python", help="Python of an environment with AutoGluon")
    parser.add_argument("--seconds", type=int, default=60, help="time limit of AutoGluon in each fold")
    parser.add_argument("--report", action="store_true", help="print tables of the results, and run nothing")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    # The level, which only intervals use, is what eight subjects support.
    settings = Settings().override({"learning.trials": arguments.trials, "severity.level": 0.8})
    methods = make_methods(settings, arguments.python, arguments.seconds)
    sets = [read_set(name, arguments.out) for name in arguments.sets]
    if arguments.report:
        for data in sets:
            report(data, arguments.seeds, arguments.out)
        return
    n_failures = 0
    for seed, data, fold, name in product(arguments.seeds, sets, range(N_FOLDS), arguments.methods or methods):
        try:
            run(data, seed, fold, name, methods[name], arguments.out)
        except Exception as error:  # one rival that fails must not stop the others
            n_failures += 1
            print(f"{data.name}, seed {seed}, fold {fold}, {name} failed: {error}", file=sys.stderr, flush=True)
    if n_failures:
        raise SystemExit(f"{n_failures} results are missing")


if __name__ == "__main__":
    main()
