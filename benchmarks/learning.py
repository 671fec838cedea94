"""How well is learned: pdmr-classic against others, on the same raw files and the same outer grouped folds.

    python benchmarks/learning.py --sets badrobots-gaze youtubepd-wavlm watch-exercise synthetic
    python benchmarks/learning.py --sets … --autogluon /path/to/python --flaml /path/to/python --tsfel

AutoGluon and FLAML live in environments of their own (`pip install autogluon.tabular[lightgbm,xgboost] pyarrow`, `pip
install flaml[automl] pyarrow`) and get our feature table of each fold, its inner folds by subject, and `--seconds` a
fold. With `--tsfel` (in the extra `bench`) the sets with video are learned from TSFEL's features as well, by the rival
that was the best on ours and by the three cheap ones. F1 and AUC are averaged over folds; differences are paired, their
95% interval is from drawing subjects anew. Real sets are found where PDMR_REAL_DATA says.

`--keep FOLDER` keeps what each rival said, and takes it from there where table and folds are the same; ours is always
learned anew.
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
from rivals import Problem, Rival, Said, rivals
from sklearn.metrics import f1_score, roc_auc_score

from pdmr_classic import DepressionModel, FeatureExtractor, GroupedFolds, Settings, load_dataset, make_synthetic
from pdmr_classic.io.openface import read_stream
from pdmr_classic.io.stream import Stream
from pdmr_classic.progress import CollectingReporter

POSITIVE = {"badrobots-gaze": "Reaction", "youtubepd-wavlm": "PD", "synthetic": "Depression"}
OURS = "pdmr-classic"
BOOTSTRAPS = 300
SEED = 5


@dataclass(eq=False)
class Task:
    """One set: its tables of features, labels and subjects, the outer folds, and what each contender said of them."""

    name: str
    features: pd.DataFrame
    tsfel: pd.DataFrame | None
    status: pd.Series
    groups: pd.Series
    folds: list[tuple[np.ndarray, np.ndarray]]
    positive: str | None
    said: dict[str, list[Said]] = field(default_factory=dict)
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
    parts, others = [], []
    for root in roots:
        data = load_dataset(root).labelled()
        table = FeatureExtractor(reporter=CollectingReporter()).transform(data)
        about = pd.DataFrame({"status": data.status, "subject": data.groups})
        named = {data_id: f"{root.name}-{data_id}" for data_id in table.index}
        parts.append(pd.concat([table, about], axis=1).rename(index=named))
        if with_tsfel and any(recording.video for recording in data.recordings):
            videos = {named[r.data_id]: r.video for r in data.recordings if r.video}
            audio = parts[-1][[column for column in table if column.startswith("audio__")]]
            others.append(tsfel_table(videos).join(audio, how="right"))
    whole = pd.concat(parts)
    features = whole.drop(columns=["status", "subject"])
    splitter = GroupedFolds(folds, n_repeats=repeats, random_state=seed)
    splits = list(splitter.split(features, whole["status"], whole["subject"]))
    other = pd.concat(others).loc[whole.index] if others else None
    return Task(name, features, other, whole["status"], whole["subject"], splits, POSITIVE.get(name))


def tsfel_table(videos: dict[str, Path]) -> pd.DataFrame:
    """TSFEL's default features of every channel; what is unknown in a frame is interpolated for it."""
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


def behaviour(features: pd.DataFrame) -> pd.DataFrame:
    return features[[c for c in features if not c.startswith(("quality__", "material__"))]]


def ours(task: Task, fold: int, trials: int) -> Said:
    train, test = task.folds[fold]
    asked = {"data.positive": task.positive, "learning.trials": trials}
    model = DepressionModel(Settings().override(asked))
    model.fit(
        task.features.iloc[train],
        task.status.iloc[train],
        task.groups.iloc[train],
        jobs=2,
        reporter=CollectingReporter(),
    )
    said = model.predict_features(task.features.iloc[test])
    probability = said["probability"] if task.positive else pd.Series(np.nan, index=said.index)
    return said["status"].to_numpy(dtype=str), probability.to_numpy(dtype=float)


def f1(truth: np.ndarray, said: np.ndarray, positive: str | None) -> float:
    if positive is None:
        return float(f1_score(truth, said, average="macro"))
    return float(f1_score(truth == positive, said == positive))


def scores(task: Task, name: str, rows: list[np.ndarray] | None = None) -> tuple[float, float]:
    """Return F1 and AUC, averaged over folds; `rows` picks held-out rows of each fold (with repetition)."""
    found = []
    for k, (_, test) in enumerate(task.folds):
        pick = np.arange(len(test)) if rows is None else rows[k]
        truth = task.status.to_numpy(dtype=str)[test][pick]
        said, probability = (part[pick] for part in task.said[name][k])
        both = task.positive is not None and len(set(truth)) == 2
        auc = roc_auc_score(truth == task.positive, probability) if both else np.nan
        found.append((f1(truth, said, task.positive) if len(truth) else np.nan, auc))
    columns = np.array(found).T
    return tuple(float(column[~np.isnan(column)].mean()) if (~np.isnan(column)).any() else np.nan for column in columns)


def intervals(task: Task, rival: str) -> list[tuple[float, float]]:
    """Return 95% intervals of (rival less ours) in F1 and AUC, from drawing subjects anew."""
    rng = np.random.default_rng(0)
    subjects = task.groups.to_numpy(dtype=str)
    names = np.unique(subjects)
    places = [{s: np.flatnonzero(subjects[test] == s) for s in np.unique(subjects[test])} for _, test in task.folds]
    differences = []
    for _ in range(BOOTSTRAPS):
        drawn = rng.choice(names, len(names))
        rows = [np.concatenate([np.zeros(0, int), *(of[s] for s in drawn if s in of)]) for of in places]
        differences.append(np.subtract(scores(task, rival, rows), scores(task, OURS, rows)))
    columns = np.array(differences).T
    return [(np.nan, np.nan) if np.isnan(c).all() else tuple(np.nanpercentile(c, (2.5, 97.5))) for c in columns]


class Ring:
    """Where the contenders meet: runs each on every fold, and keeps what the rivals said."""

    def __init__(self, task: Task, keep: Path | None) -> None:
        self.task, self.keep = task, keep

    def run_ours(self, trials: int) -> None:
        self._record(OURS, [self._timed(lambda k=k: ours(self.task, k, trials)) for k in range(len(self.task.folds))])

    def run(self, name: str, rival: Rival, table: pd.DataFrame) -> None:
        self._record(name, [self._once(name, rival, table, k) for k in range(len(self.task.folds))])

    def _record(self, name: str, found: list[tuple[Said, float]]) -> None:
        self.task.said[name] = [said for said, _ in found]
        self.task.seconds[name] = [seconds for _, seconds in found]
        f1_, auc = scores(self.task, name)
        seconds = np.mean(self.task.seconds[name])
        print(f"  … {self.task.name}, {name}: F1 {f1_:.3f}, AUC {auc:.3f}, {seconds:.1f} s a fold", file=sys.stderr)

    @staticmethod
    def _timed(learn: Any) -> tuple[Said, float]:
        started = time.perf_counter()
        said, probability = learn()
        return (np.asarray(said, dtype=str), np.asarray(probability, dtype=float)), time.perf_counter() - started

    def _once(self, name: str, rival: Rival, table: pd.DataFrame, fold: int) -> tuple[Said, float]:
        problem = self.task.problem(table, fold)
        if self.keep is None:
            return self._timed(lambda: rival(problem))
        key = hashlib.sha256(name.encode())
        for part in (problem.train, problem.status, problem.groups, problem.test):
            key.update(pd.util.hash_pandas_object(part).to_numpy().tobytes())
        path = self.keep / f"{self.task.name}-{name.replace(' ', '_')}-{fold}-{key.hexdigest()[:12]}.parquet"
        if not path.exists():
            said, seconds = self._timed(lambda: rival(problem))
            pd.DataFrame({"label": said[0], "probability": said[1], "seconds": seconds}).to_parquet(path)
        kept = pd.read_parquet(path)
        return (kept["label"].to_numpy(dtype=str), kept["probability"].to_numpy()), float(kept["seconds"].iloc[0])


def best_of(task: Task, names: list[str]) -> str:
    """The rival of the largest F1 + AUC (where there is one)."""
    return max(names, key=lambda name: float(np.nansum(scores(task, name))))


def report(task: Task) -> None:
    subjects = task.groups.nunique()
    kind = "macro F1" if task.positive is None else f"F1 of {task.positive}"
    print(f"\n{task.name}: {len(task.status)} recordings, {subjects} subjects, {len(task.folds)} folds; {kind}")
    if task.positive is not None:
        share = (task.status == task.positive).mean()
        print(f"  F1 of calling all positive: {2 * share / (1 + share):.3f}")
    print(f"  {'':<30}{'F1':>7}{'AUC':>7}{'s':>7}   less ours, 95%: F1                AUC")
    for name in task.said:
        one, auc = scores(task, name)
        line = f"  {name:<30}{one:7.3f}{auc:7.3f}{np.mean(task.seconds[name]):7.1f}"
        if name != OURS and OURS in task.said:
            (low, high), (alow, ahigh) = intervals(task, name)
            line += f"   {low:+.3f} to {high:+.3f}{'  *' if low > 0 else '   '}   "
            line += f"{alow:+.3f} to {ahigh:+.3f}{'  *' if alow > 0 else ''}"
        print(line, flush=True)


def report_means(tasks: list[Task]) -> None:
    """The mean over the sets of each contender that met all of them."""
    print("\nmeans over the sets" + " " * 13 + "F1    AUC")
    for name in tasks[0].said:
        if all(name in task.said for task in tasks):
            columns = np.array([scores(task, name) for task in tasks]).T
            print(f"  {name:<30}{np.nanmean(columns[0]):7.3f}{np.nanmean(columns[1]):7.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seed", type=int, default=SEED, help="of the outer folds")
    parser.add_argument("--trials", type=int, default=Settings().learning.trials)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--autogluon", metavar="PYTHON")
    parser.add_argument("--flaml", metavar="PYTHON")
    parser.add_argument("--tsfel", action="store_true")
    parser.add_argument("--keep", metavar="FOLDER", type=Path)
    parser.add_argument("--rivals-only", action="store_true", help="fill --keep")
    asked = parser.parse_args()
    if set(asked.sets) - {"synthetic"} and "PDMR_REAL_DATA" not in os.environ:
        parser.error("PDMR_REAL_DATA is not set: it names the folder of the real sets")
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
    others = rivals(asked.autogluon, asked.flaml, asked.seconds)
    tasks = []
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.sets:
            task = load(
                name,
                Path(folder),
                folds=asked.folds,
                repeats=asked.repeats,
                seed=asked.seed,
                with_tsfel=asked.tsfel,
            )
            ring = Ring(task, asked.keep)
            if not asked.rivals_only:
                ring.run_ours(asked.trials)
            for rival, learn in others.items():
                ring.run(rival, learn, behaviour(task.features))
            if task.tsfel is not None:
                cheap = [rival for rival in others if rival not in ("AutoGluon best_quality", "FLAML")]
                for rival in dict.fromkeys([*cheap, best_of(task, list(others))]):
                    ring.run(f"TSFEL + {rival}", others[rival], task.tsfel)
            report(task)
            tasks.append(task)
    if len(tasks) > 1:
        report_means(tasks)


if __name__ == "__main__":
    main()
