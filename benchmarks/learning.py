"""The whole default `fit` against peers, on the collection of tasks that tasks.py writes.

    python benchmarks/learning.py --tasks TASKS --out OUT
    python benchmarks/learning.py --tasks TASKS --out OUT --methods realmlp catboost ebm --python OTHER_PYTHON
    python benchmarks/learning.py --tasks TASKS --out OUT --report

All methods get the same outer grouped folds and the same feature table; those named svm-plain, tsfel-…, quant and
multirocket-hydra describe the raw recordings in another way, and run only on tasks with video. Each result of a task,
seed, fold and method is one file in OUT and is not computed again, so several processes can fill OUT side by side, and
expensive peers can be run on fewer folds. `--report` compares every peer with pdmr-classic on the folds that both have.

Methods in other environments (environment_peers.py tells what to install) need `--python`. With PYTHONPATH, another
version of the package can be measured under another `--name`. Methods are chosen on design tasks; exam tasks are run
once, at the end.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from competitors import IN_ENVIRONMENT, OWN, Method, Predictions, Problem, make_methods
from learning_report import print_report
from learning_scores import Result, TaskResults
from recordings import WITH_VIDEO, describe_plainly, describe_with_tsfel, read_streams, resample_streams
from tasks import read_tasks

from pdmr_classic import GroupedFolds

N_FOLDS = 5
SEEDS = (5, 6, 7)
Array = np.ndarray


@contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Yield whether this process is the one to make a file: it does not exist, and no other process is making it."""
    lock_path = path.with_name(f".{path.name}.lock")
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield not path.exists()
        finally:
            lock_path.unlink(missing_ok=True)


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file completely or not at all."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    write(temporary)
    temporary.replace(path)


DESCRIPTIONS = {"plain": describe_plainly, "tsfel": describe_with_tsfel, "series": resample_streams}


@dataclass(frozen=True, eq=False)
class Task:
    """A task of the collection, with the folder of all results."""

    name: str
    frame: pd.DataFrame
    out: Path

    @cached_property
    def features(self) -> pd.DataFrame:
        return self.frame.drop(columns=["status", "subject"])

    @cached_property
    def classes(self) -> list[str]:
        return sorted(self.frame["status"].astype(str).unique())

    @cached_property
    def y(self) -> Array:
        return np.unique(self.frame["status"].to_numpy(dtype=str), return_inverse=True)[1]

    @cached_property
    def groups(self) -> Array:
        return self.frame["subject"].to_numpy(dtype=str)

    def folds(self, seed: int) -> list[tuple[Array, Array]]:
        return list(GroupedFolds(N_FOLDS, random_state=seed).split(self.y, self.y, self.groups))

    def has_table(self, kind: str) -> bool:
        return kind == "task" or self.name in WITH_VIDEO

    def read_table(self, kind: str) -> pd.DataFrame:
        """Return the feature table, or another description of the recordings, with the audio features if any."""
        if kind == "task":
            return self.features
        path = self.out / f"table-{kind}-{self.name}.parquet"
        if not path.exists():
            table = DESCRIPTIONS[kind](read_streams(self.name))
            table = table.add_prefix("series__" if kind == "series" else "video__").astype(np.float32)
            replace_file(path, table.to_parquet)
        audio = self.features[[column for column in self.features if column.startswith("audio__")]]
        table = pd.read_parquet(path)
        unknown = table.index.difference(audio.index)
        if len(unknown):
            raise SystemExit(f"{self.name}: {len(unknown)} recordings are not in the table of the task")
        return audio.join(table, how="left")

    def make_problem(self, table: pd.DataFrame, train: Array, test: Array) -> Problem:
        return Problem(table.iloc[train], self.y[train], self.groups[train], table.iloc[test], self.classes)

    def result_path(self, seed: int, fold: int, method: str) -> Path:
        return self.out / f"{self.name}-{seed}-{fold}-{method}.npz"


def save_result(path: Path, predictions: Predictions, y: Array, rows: Array, seconds: float) -> None:
    if not np.isfinite(predictions.scores).all() or len(predictions.scores) != len(rows):
        raise RuntimeError(f"the scores of {path.stem} are incomplete")
    arrays = {
        "scores": predictions.scores,
        "predicted": predictions.predicted,
        "is_probability": predictions.is_probability,
        "y": y,
        "rows": rows,
        "seconds": seconds,
    }

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)

    replace_file(path, write)


def run(task: Task, seed: int, fold: int, name: str, method: Method, jobs: int) -> None:
    """Learn and predict one fold, and save the predictions; do nothing if they exist."""
    path = task.result_path(seed, fold, name)
    if path.exists() or not task.has_table(method.table):
        return
    with claim(path) as is_mine:
        if not is_mine:
            return
        train, test = task.folds(seed)[fold]
        problem = task.make_problem(task.read_table(method.table), train, test)
        started = time.perf_counter()
        predictions = method.learn(problem, jobs)
        seconds = time.perf_counter() - started
        save_result(path, predictions, task.y[test], test, seconds)
        print(f"{task.name}, seed {seed}, fold {fold}, {name}: {seconds:.1f} s", flush=True)


def read_results(task: Task, seeds: list[int], folds: list[int], methods: list[str] | None) -> TaskResults:
    """Return the saved results of a task."""
    results: dict[str, dict[tuple[int, int], Result]] = {}
    for path in sorted(task.out.glob(f"{task.name}-*.npz")):
        match = re.fullmatch(rf"{re.escape(task.name)}-(\d+)-(\d+)-([a-z].*)", path.stem)
        if match is None:
            continue
        seed, fold, method = int(match[1]), int(match[2]), match[3]
        if seed not in seeds or fold not in folds or (methods and method not in (*methods, OWN)):
            continue
        with np.load(path) as file:
            result = Result(**file)
        if not np.array_equal(result.y, task.y[result.rows]):
            raise SystemExit(f"{path} was made from another table of the task; remove it")
        results.setdefault(method, {})[seed, fold] = result
    return TaskResults(task.name, task.classes, task.y, task.groups, results)


def main() -> None:
    known = list(make_methods("python", 0))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, required=True, help="folder that tasks.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--part", choices=("design", "exam"), default="design")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="seeds of the outer folds")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(N_FOLDS)), choices=range(N_FOLDS))
    parser.add_argument("--methods", nargs="+", choices=known, help="default: all that need no other environment")
    parser.add_argument("--only", nargs="+", metavar="TASK", help="only these tasks")
    parser.add_argument("--python", help="Python of the environment with the libraries of --methods")
    parser.add_argument("--seconds", type=int, default=60, help="time limit of AutoGluon in each fold")
    parser.add_argument("--jobs", type=int, default=1, help="processes or threads of each method")
    parser.add_argument("--name", default=OWN, help=f"name for the results of {OWN}")
    parser.add_argument("--report", action="store_true", help="print tables of the results, and run nothing")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tasks = read_tasks(arguments.tasks, arguments.part)
    unknown = set(arguments.only or []) - set(tasks)
    if unknown:
        parser.error(f"--only must name tasks of the part {arguments.part}, got {', '.join(sorted(unknown))}")
    selected = [Task(name, frame, arguments.out) for name, frame in tasks.items() if name in (arguments.only or tasks)]
    if arguments.report:
        results = [read_results(task, arguments.seeds, arguments.folds, arguments.methods) for task in selected]
        print_report(results, OWN)
        return
    methods = make_methods(arguments.python, arguments.seconds)
    chosen = arguments.methods or [name for name in methods if name not in IN_ENVIRONMENT]
    if set(chosen) - set(methods):
        parser.error(f"--python is needed for {', '.join(sorted(set(chosen) - set(methods)))}")
    warnings.simplefilter("ignore")
    n_failures = 0
    for seed, fold, task, method in product(arguments.seeds, arguments.folds, selected, chosen):
        try:
            name = arguments.name if method == OWN else method
            run(task, seed, fold, name, methods[method], arguments.jobs)
        except Exception as error:  # one peer that fails must not stop the others
            n_failures += 1
            print(f"{task.name}, seed {seed}, fold {fold}, {method} failed: {error}", file=sys.stderr, flush=True)
    if n_failures:
        raise SystemExit(f"{n_failures} results are missing")


if __name__ == "__main__":
    main()
