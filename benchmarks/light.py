"""Lite models and ONNX files: F1 beside the full stack, size, and time per recording.

    PDMR_REAL_DATA=../shared/data python benchmarks/light.py sizes
    PDMR_REAL_DATA=../shared/data python benchmarks/light.py f1 --trials 1

`sizes` fits the full and the lite model on all recordings of each set, and measures files and CPU times on one core:
joblib and manifest; one row in Python (features to probability and label); ONNX Runtime for the whole set and for one
row. It also checks every recording of the set: labels and probabilities of ONNX Runtime and of Python.

`seed` compares with the first working version of this project (git checkout 31c9ba3 in CHECKOUT), on a synthetic set of
80 training recordings, with two trials: size of the model file, and time per row of the stack.

    python benchmarks/light.py seed --checkout CHECKOUT

`f1` compares both models on the same repeated outer folds (three repeats of five, grouped by subject): mean difference
of F1 (several classes: macro F1), with the standard error over the repeats of the folds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
from recordings import SETS, LabelledTable, read_table
from sklearn.metrics import f1_score

from pdmr_classic import DepressionModel, Settings, make_synthetic
from pdmr_classic.models.export.onnx_file import export_onnx, run_onnx
from pdmr_classic.models.feature_ranges import summarise_ranges
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.splits import GroupedFolds

POSITIVE = {"badrobots-gaze": "Reaction", "youtubepd-wavlm": "PD", "synthetic": "Depression", "watch-exercise": None}
N_FOLDS, REPEATS = 5, 3


def make_settings(name: str, trials: int, *, lite: bool) -> Settings:
    changes = {"data.positive": POSITIVE[name], "learning.trials": trials, "learning.importance": False}
    return Settings().override(changes | {"learning.lite": lite})


def fit_model(table: LabelledTable, settings: Settings, rows: Any = slice(None)) -> DepressionModel:
    model = DepressionModel(settings)
    parts = (table.features.iloc[rows], table.status.iloc[rows], table.groups.iloc[rows])
    return model.fit(*parts, reporter=CollectingReporter())


def milliseconds(call: Callable[[], Any], *, n: int = 200, seconds: float = 3.0) -> float:
    """Return the median CPU time of a call: other work on the machine counts little."""
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < n and time.perf_counter() - started < seconds:
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return float(np.median(times)) * 1000


def time_python(model: DepressionModel, features: Any) -> float:
    """Return the time from one row of features to its probability and label."""
    if model.lite_ is None:
        return milliseconds(lambda: model.predict_features(features.iloc[:1], reporter=CollectingReporter()))
    stack, row, threshold = model.lite_, features.to_numpy()[:1].copy(), model.threshold_
    k = None if model.positive_ is None else model.classes_.index(model.positive_)

    def predict() -> str:
        probability = stack.predict_proba(row)[0]
        if k is None or threshold is None:
            return model.classes_[int(probability.argmax())]
        return model.classes_[k if probability[k] >= threshold else 1 - k]

    return milliseconds(predict)


def time_onnx(content: bytes, rows: np.ndarray) -> float:
    """Return the time per row on one core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    rows = np.ascontiguousarray(rows)
    return milliseconds(lambda: session.run(None, {"features": rows})) / len(rows)


def compare_predictions(model: DepressionModel, content: bytes, features: Any) -> tuple[float, int]:
    """Return the largest difference of probabilities, and the number of labels that differ, over all recordings."""
    expected = (model.lite_ or model.stacker_).predict_proba(features)
    status = model.predict_features(features, reporter=CollectingReporter())["status"].to_numpy(dtype=object)
    labels, probability = run_onnx(content, features.to_numpy())
    usable = np.isfinite(expected).all(axis=1)
    return float(np.abs(expected - probability)[usable].max()), int((labels != status)[usable].sum())


def print_sizes(name: str, trials: int) -> None:
    table = read_table(name)
    for lite in (False, True):
        model = fit_model(table, make_settings(name, trials, lite=lite))
        model.metadata_["feature_ranges"] = summarise_ranges(table.features)
        with tempfile.TemporaryDirectory() as folder:
            path = model.save(Path(folder) / "model.joblib")
            model = DepressionModel.load(path)
            exported = export_onnx(model, Path(folder) / "model.onnx")
            content = exported.path.read_bytes()
            kilobytes = [file.stat().st_size / 1000 for file in (path, path.with_suffix(".json"), exported.path)]
        difference, n_labels = compare_predictions(model, content, table.features)
        rows = table.features.to_numpy()
        times = [time_python(model, table.features), time_onnx(content, rows), time_onnx(content, rows[:1])]
        sizes = " | ".join(f"{size:,.0f}" for size in kilobytes)
        print(
            f"| {name} | {len(rows)} x {rows.shape[1]} | {'lite' if lite else 'full'} | {sizes} | "
            + " | ".join(f"{value:.3f}" for value in times)
            + f" | {difference:.0e} | {n_labels} |",
            flush=True,
        )


def f1(name: str, truth: np.ndarray, predicted: np.ndarray) -> float:
    if POSITIVE[name] is None:
        return float(f1_score(truth, predicted, average="macro"))
    return float(f1_score(truth, predicted, pos_label=POSITIVE[name]))


def print_f1(name: str, trials: int) -> None:
    table = read_table(name)
    truth = table.status.to_numpy(dtype=str)
    scores = np.zeros((2, REPEATS, N_FOLDS))
    for repeat in range(REPEATS):
        folds = GroupedFolds(N_FOLDS, random_state=100 + repeat).split(truth, truth, table.groups.to_numpy())
        for fold, (train, test) in enumerate(folds):
            for k, lite in enumerate((False, True)):
                model = fit_model(table, make_settings(name, trials, lite=lite), train)
                predicted = model.predict_features(table.features.iloc[test], reporter=CollectingReporter())["status"]
                scores[k, repeat, fold] = f1(name, truth[test], predicted.to_numpy(dtype=str))
    difference = scores[1] - scores[0]
    error = difference.mean(axis=1).std(ddof=1) / np.sqrt(REPEATS)
    print(
        f"| {name} | {scores[0].mean():.3f} | {scores[1].mean():.3f} | {difference.mean():+.3f} | {error:.3f} | "
        f"{difference.std(ddof=1):.3f} |",
        flush=True,
    )


_FIT = "import sys; from pdmr_classic.cli.app import app; sys.argv = ['fit', 'fit', *sys.argv[1:]]; app()"
_TIME = """
import sys, time
import joblib, numpy as np, pandas as pd
model = joblib.load(sys.argv[1])
names = model.feature_names_
rows = pd.DataFrame(np.random.default_rng(0).normal(size=(200, len(names))), columns=names)
stack = getattr(model, "lite_", None) or model.stacker_
def measure(table):
    times = []
    for _ in range(50):
        begin = time.process_time()
        stack.predict_proba(table)
        times.append(time.process_time() - begin)
    return 1000 * float(np.median(times)) / len(table)
print(f"{len(names)} | {measure(rows.iloc[:1]):.3f} | {measure(rows):.3f}")
"""


def print_seed(checkout: Path) -> None:
    """Print size and times of the first version, and of this one, on the same set."""
    print("| version | joblib kB | features | Python ms, 1 row | Python ms, per row of 200 |\n|---|---|---|---|---|")
    here = Path(__file__).parents[1]
    versions = {"first": (checkout, []), "full": (here, []), "lite": (here, ["--lite"])}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_synthetic(folder / "set", subjects=60, segments=2, seed=11, seconds=(8, 12))
        for version, (package, options) in versions.items():
            environment = os.environ | {"PYTHONPATH": str(package), "XDG_CACHE_HOME": name, "XDG_STATE_HOME": name}
            model = folder / f"{version}.joblib"

            def run(*command: str, environment: dict[str, str] = environment) -> str:
                command = (sys.executable, "-W", "ignore", "-c", *command)
                return subprocess.run(
                    command, env=environment, cwd=name, check=True, capture_output=True, text=True
                ).stdout

            run(_FIT, str(folder / "set"), "--trials", "2", "--jobs", "1", "--out", str(model), *options)
            print(f"| {version} | {model.stat().st_size / 1000:,.0f} | {run(_TIME, str(model)).strip()} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sizes", "f1", "seed"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--trials", type=int, default=1, help="Optuna trials of the full stack (1: not tuned)")
    parser.add_argument("--checkout", type=Path, help="a checkout of the first version, for `seed`")
    arguments = parser.parse_args()
    if arguments.what == "seed":
        print_seed(arguments.checkout.resolve())
        return
    if arguments.what == "sizes":
        print(
            "| set | table | model | joblib kB | manifest kB | ONNX kB | Python ms, 1 row | ONNX ms, per row | ", end=""
        )
        print(
            "ONNX ms, 1 row | largest difference | labels that differ |\n|---|---|---|---|---|---|---|---|---|---|---|"
        )
    else:
        print("| set | F1 full | F1 lite | difference | its standard error | its sd over folds |")
        print("|---|---|---|---|---|---|")
    for name in arguments.sets:
        (print_sizes if arguments.what == "sizes" else print_f1)(name, arguments.trials)


if __name__ == "__main__":
    main()
