"""Time and peak memory of `fit` on a large random table, with the default learners or `--learners`.

    python benchmarks/learning_scale.py 10000 500 --trials 2

Memory is the proportional set size of the process and all its workers (Linux), so that shared pages count once; it
includes the table and the interpreters. Tables are random numbers with a weak signal in 20 columns, half of them of
the video and half of the audio, and four recordings per subject; reading and extraction are not included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd

N_INFORMATIVE, ROWS_PER_SUBJECT, CHUNK = 10, 4, 1000
INTERVAL_S = 0.1


def make_table(n: int, n_columns: int, dtype: str) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    rng = np.random.default_rng(0)
    subject = np.arange(n) // ROWS_PER_SUBJECT
    depressed = rng.integers(0, 2, subject[-1] + 1)[subject]
    n_video = n_columns // 2
    X = np.empty((n, n_columns), dtype=dtype)
    for start in range(0, n, CHUNK):
        rows = slice(start, start + CHUNK)
        X[rows] = rng.standard_normal(X[rows].shape, dtype=np.float32)
        for first in (0, n_video):
            X[rows, first : first + N_INFORMATIVE] += 0.3 * depressed[rows, None]
    names = [f"video__c{k}__mean" for k in range(n_video)]
    names += [f"audio__vector__{k:04d}" for k in range(n_columns - n_video)]
    index = [f"{row:06d}" for row in range(n)]
    status = pd.Series(np.where(depressed == 1, "Depression", "Normal"), index)
    return pd.DataFrame(X, index, names, copy=False), status, pd.Series(subject.astype(str), index)


def fit(arguments: argparse.Namespace) -> None:
    from pdmr_classic import DepressionModel, Settings
    from pdmr_classic.progress import CollectingReporter

    table = make_table(arguments.recordings, arguments.columns, arguments.dtype)
    print("table", flush=True)
    overrides = {"learning.trials": arguments.trials, "learning.repeats": arguments.repeats}
    overrides |= {"learning.importance": not arguments.no_importance}
    overrides |= {"learning.learners": arguments.learners} if arguments.learners else {}
    settings = Settings().override(overrides)
    started = time.monotonic()
    model = DepressionModel(settings).fit(*table, jobs=arguments.jobs, reporter=CollectingReporter())
    auc = model.metadata_["inner_scores"]["auc"]
    print(f"{time.monotonic() - started:.0f} s, inner AUC {auc:.3f}", flush=True)
    os._exit(0)  # without waiting for idle workers


def memory_bytes(pid: int) -> int:
    """Return the proportional set size of a process and its descendants; 0 of those that have ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        own = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    except (OSError, StopIteration):
        return 0
    return own + sum(memory_bytes(child) for child in children)


def _children(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        return []


def measure(arguments: argparse.Namespace) -> None:
    process = subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--child"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    before = peak = memory_bytes(process.pid)
    while process.poll() is None:
        peak = max(peak, memory_bytes(process.pid))
        time.sleep(INTERVAL_S)
    size = arguments.recordings * arguments.columns * 8
    mib = 2**20
    result = process.stdout.read().strip()
    print(
        f"{arguments.recordings} x {arguments.columns} ({arguments.dtype}), {arguments.trials} trials, "
        f"{arguments.jobs} jobs: {result}; {before / mib:.0f} MiB before, peak {peak / mib:.0f} MiB = "
        f"{peak / size:.2f} x the table of {size / mib:.0f} MiB in double precision"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=int)
    parser.add_argument("columns", type=int)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--learners", nargs="+")
    parser.add_argument("--no-importance", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    fit(arguments) if arguments.child else measure(arguments)


if __name__ == "__main__":
    main()
