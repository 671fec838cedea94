"""Accuracy of pdmr-classic and competing methods on the same raw files and the same outer grouped folds.

    python benchmarks/learning.py --sets badrobots-gaze youtubepd-wavlm watch-exercise synthetic
    python benchmarks/learning.py --sets … --autogluon /path/to/python --flaml /path/to/python --tsfel

AutoGluon and FLAML need separate environments (`pip install autogluon.tabular[lightgbm,xgboost] pyarrow`, `pip install
flaml[automl] pyarrow`). They get our feature table of each fold, its inner folds by subject, and `--seconds` per fold.
With `--tsfel` (extra `bench`), sets with video are also learned from TSFEL features, by the best competitor on our
features and by the three fast ones. F1 and AUC are averaged over folds; differences are paired, with 95% subject
bootstrap intervals. Real sets are read from the folder PDMR_REAL_DATA.

`--keep FOLDER` caches the predictions of competitors, and reuses them if table and folds are the same; pdmr-classic is
always fitted again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from competitors import Competitor, Predictions, Problem, make_competitors
from sklearn.metrics import f1_score, roc_auc_score

from pdmr_classic import DepressionModel, FeatureExtractor, GroupedFolds, Settings, load_dataset, make_synthetic
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.progress import CollectingReporter

POSITIVE = {"badrobots-gaze": "Reaction", "youtubepd-wavlm": "PD", "synthetic": "Depression"}
OWN = "pdmr-classic"
BOOTSTRAPS = 300
SEED = 5


@dataclass(eq=False)
class Task:
    """One data set: features, labels and subjects, the outer folds, and the predictions of each method."""

    name: str
    features: pd.DataFrame
    tsfel: pd.DataFrame | None
    status: pd.Series
    groups: pd.Series
    folds: list[tuple[np.ndarray, np.ndarray]]
    positive: str | None
    predictions: dict[str, list[Predictions]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def problem(self, table: pd.DataFrame, fold: int) -> Problem:
        train, test = self.folds[fold]
        return Problem(
            table.iloc[train], self.status.iloc[train], self.groups.iloc[train], table.iloc[test], self.positive
        )


def load(name: str, folder: Path, *, folds: int, repeats: int, seed: int, with_tsfel: bool) -> Task:
    if name == "synthetic":
        roots = [folder / "synthetic" / split for split in ("train", "test")]
        make_synthetic(folder / "synthetic", subjects=100, segments=3, seed=11)
    else:
        base = Path(os.environ["PDMR_REAL_DATA"]) / name
        roots = [base / split for split in ("train", "test") if (base / split).is_dir()]
    parts, tsfel_parts = [], []
    for root in roots:
        data = load_dataset(root).select_labelled()
        table = FeatureExtractor(reporter=CollectingReporter()).transform(data)
        labels = pd.DataFrame({"status": data.status, "subject": data.groups})
        new_ids = {data_id: f"{root.name}-{data_id}" for data_id in table.index}
        parts.append(pd.concat([table, labels], axis=1).rename(index=new_ids))
        if with_tsfel and any(recording.video for recording in data.recordings):
            videos = {new_ids[r.data_id]: r.video for r in data.recordings if r.video}
            audio = parts[-1][[column for column in table if column.startswith("audio__")]]
            tsfel_parts.append(tsfel_table(videos).join(audio, how="right"))
    joined = pd.concat(parts)
    features = joined.drop(columns=["status", "subject"])
    splitter = GroupedFolds(folds, n_repeats=repeats, random_state=seed)
    splits = list(splitter.split(features, joined["status"], joined["subject"]))
    tsfel = pd.concat(tsfel_parts).loc[joined.index] if tsfel_parts else None
    return Task(name, features, tsfel, joined["status"], joined["subject"], splits, POSITIVE.get(name))


def tsfel_table(videos: dict[str, Path]) -> pd.DataFrame:
    """Return the default TSFEL features of every channel; missing frames are interpolated."""
    import tsfel

    configuration = tsfel.get_features_by_domain()

    def row(stream: Stream) -> pd.DataFrame:
        frame = pd.DataFrame(stream.values, columns=list(stream.channels)).astype(float)
        frame[~stream.valid] = np.nan
        known = frame.interpolate(limit_direction="both").fillna(0.0)
        return tsfel.time_series_features_extractor(configuration, known, fs=round(stream.frame_rate_hz), verbose=0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [row(read_stream(path)) for path in videos.values()]
    return pd.concat(rows).set_axis(list(videos), axis=0).replace([np.inf, -np.inf], np.nan)


def select_behaviour(features: pd.DataFrame) -> pd.DataFrame:
    return features[[c for c in features if not c.startswith(("quality__", "material__"))]]


def fit_own(task: Task, fold: int, trials: int) -> Predictions:
    train, test = task.folds[fold]
    arguments = {"data.positive": task.positive, "learning.trials": trials}
    model = DepressionModel(Settings().override(arguments))
    model.fit(
        task.features.iloc[train],
        task.status.iloc[train],
        task.groups.iloc[train],
        jobs=2,
        reporter=CollectingReporter(),
    )
    predictions = model.predict_features(task.features.iloc[test])
    probability = predictions["probability"] if task.positive else pd.Series(np.nan, index=predictions.index)
    return predictions["status"].to_numpy(dtype=str), probability.to_numpy(dtype=float)


def f1(truth: np.ndarray, predictions: np.ndarray, positive: str | None) -> float:
    if positive is None:
        return float(f1_score(truth, predictions, average="macro"))
    return float(f1_score(truth == positive, predictions == positive))


def scores(task: Task, name: str, rows: list[np.ndarray] | None = None) -> tuple[float, float]:
    """Return F1 and AUC, averaged over folds; `rows` selects held-out rows of each fold (with repetition)."""
    fold_scores = []
    for k, (_, test) in enumerate(task.folds):
        pick = np.arange(len(test)) if rows is None else rows[k]
        truth = task.status.to_numpy(dtype=str)[test][pick]
        predictions, probability = (part[pick] for part in task.predictions[name][k])
        both = task.positive is not None and len(set(truth)) == 2
        auc = roc_auc_score(truth == task.positive, probability) if both else np.nan
        fold_scores.append((f1(truth, predictions, task.positive) if len(truth) else np.nan, auc))
    columns = np.array(fold_scores).T
    return tuple(float(column[~np.isnan(column)].mean()) if (~np.isnan(column)).any() else np.nan for column in columns)


def intervals(task: Task, competitor: str) -> list[tuple[float, float]]:
    """Return 95% subject bootstrap intervals of (competitor − pdmr-classic) in F1 and AUC."""  # noqa: RUF002
    rng = np.random.default_rng(0)
    subjects = task.groups.to_numpy(dtype=str)
    names = np.unique(subjects)
    places = [{s: np.flatnonzero(subjects[test] == s) for s in np.unique(subjects[test])} for _, test in task.folds]
    differences = []
    for _ in range(BOOTSTRAPS):
        drawn = rng.choice(names, len(names))
        rows = [np.concatenate([np.zeros(0, int), *(of[s] for s in drawn if s in of)]) for of in places]
        differences.append(np.subtract(scores(task, competitor, rows), scores(task, OWN, rows)))
    columns = np.array(differences).T
    return [(np.nan, np.nan) if np.isnan(c).all() else tuple(np.nanpercentile(c, (2.5, 97.5))) for c in columns]


class Comparison:
    """Runs the methods on every fold of a task, and caches the predictions of competitors."""

    def __init__(self, task: Task, keep: Path | None) -> None:
        self.task, self.keep = task, keep

    def run_own(self, trials: int) -> None:
        self._store(OWN, [self._time(lambda k=k: fit_own(self.task, k, trials)) for k in range(len(self.task.folds))])

    def run(self, name: str, competitor: Competitor, table: pd.DataFrame) -> None:
        self._store(name, [self._run_cached(name, competitor, table, k) for k in range(len(self.task.folds))])

    def _store(self, name: str, results: list[tuple[Predictions, float]]) -> None:
        self.task.predictions[name] = [predictions for predictions, _ in results]
        self.task.seconds[name] = [seconds for _, seconds in results]
        f1_, auc = scores(self.task, name)
        seconds = np.mean(self.task.seconds[name])
        print(f"  … {self.task.name}, {name}: F1 {f1_:.3f}, AUC {auc:.3f}, {seconds:.1f} s per fold", file=sys.stderr)

    @staticmethod
    def _time(learn: Any) -> tuple[Predictions, float]:
        started = time.perf_counter()
        predictions, probability = learn()
        return (np.asarray(predictions, dtype=str), np.asarray(probability, dtype=float)), time.perf_counter() - started

    def _run_cached(
        self, name: str, competitor: Competitor, table: pd.DataFrame, fold: int
    ) -> tuple[Predictions, float]:
        problem = self.task.problem(table, fold)
        if self.keep is None:
            return self._time(lambda: competitor(problem))
        key = hashlib.sha256(name.encode())
        for part in (problem.train, problem.status, problem.groups, problem.test):
            key.update(pd.util.hash_pandas_object(part).to_numpy().tobytes())
        path = self.keep / f"{self.task.name}-{name.replace(' ', '_')}-{fold}-{key.hexdigest()[:12]}.parquet"
        if not path.exists():
            predictions, seconds = self._time(lambda: competitor(problem))
            pd.DataFrame({"label": predictions[0], "probability": predictions[1], "seconds": seconds}).to_parquet(path)
        cached = pd.read_parquet(path)
        return (cached["label"].to_numpy(dtype=str), cached["probability"].to_numpy()), float(cached["seconds"].iloc[0])


def best_method(task: Task, names: list[str]) -> str:
    """Return the method with the largest F1 + AUC (F1 alone if there is no AUC)."""
    return max(names, key=lambda name: float(np.nansum(scores(task, name))))


def report(task: Task) -> None:
    subjects = task.groups.nunique()
    kind = "macro F1" if task.positive is None else f"F1 of {task.positive}"
    print(f"\n{task.name}: {len(task.status)} recordings, {subjects} subjects, {len(task.folds)} folds; {kind}")
    if task.positive is not None:
        share = (task.status == task.positive).mean()
        print(f"  F1 of always predicting it: {2 * share / (1 + share):.3f}")
    print(f"  {'':<30}{'F1':>7}{'AUC':>7}{'s':>7}   difference, 95%: F1                AUC")
    for name in task.predictions:
        f1_, auc = scores(task, name)
        line = f"  {name:<30}{f1_:7.3f}{auc:7.3f}{np.mean(task.seconds[name]):7.1f}"
        if name != OWN and OWN in task.predictions:
            (low, high), (alow, ahigh) = intervals(task, name)
            line += f"   {low:+.3f} to {high:+.3f}{'  *' if low > 0 else '   '}   "
            line += f"{alow:+.3f} to {ahigh:+.3f}{'  *' if alow > 0 else ''}"
        print(line, flush=True)


def report_means(tasks: list[Task]) -> None:
    """Print the mean over the sets of each method that was run on all of them."""
    print("\nmeans over the sets" + " " * 13 + "F1    AUC")
    for name in tasks[0].predictions:
        if all(name in task.predictions for task in tasks):
            columns = np.array([scores(task, name) for task in tasks]).T
            print(f"  {name:<30}{np.nanmean(columns[0]):7.3f}{np.nanmean(columns[1]):7.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the outer folds")
    parser.add_argument("--trials", type=int, default=Settings().learning.trials)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--autogluon", metavar="PYTHON")
    parser.add_argument("--flaml", metavar="PYTHON")
    parser.add_argument("--tsfel", action="store_true")
    parser.add_argument("--keep", metavar="FOLDER", type=Path)
    parser.add_argument("--competitors-only", action="store_true", help="only fill the cache of --keep")
    arguments = parser.parse_args()
    if set(arguments.sets) - {"synthetic"} and "PDMR_REAL_DATA" not in os.environ:
        parser.error("PDMR_REAL_DATA is not set: it must name the folder of the real data sets")
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    competitors = make_competitors(arguments.autogluon, arguments.flaml, arguments.seconds)
    tasks = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.sets:
            task = load(
                name,
                Path(folder),
                folds=arguments.folds,
                repeats=arguments.repeats,
                seed=arguments.seed,
                with_tsfel=arguments.tsfel,
            )
            comparison = Comparison(task, arguments.keep)
            if not arguments.competitors_only:
                comparison.run_own(arguments.trials)
            for competitor, learn in competitors.items():
                comparison.run(competitor, learn, select_behaviour(task.features))
            if task.tsfel is not None:
                fast = [
                    competitor for competitor in competitors if competitor not in ("AutoGluon best_quality", "FLAML")
                ]
                for competitor in dict.fromkeys([*fast, best_method(task, list(competitors))]):
                    comparison.run(f"TSFEL + {competitor}", competitors[competitor], task.tsfel)
            report(task)
            tasks.append(task)
    if len(tasks) > 1:
        report_means(tasks)


if __name__ == "__main__":
    main()
