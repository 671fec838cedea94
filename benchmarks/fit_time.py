"""Time of `fit` with the default settings on random tables: both modalities, three views, with importance.

    python benchmarks/fit_time.py --recordings 200 1000 --columns 2000 --jobs 2

Tables are random numbers with a weak signal in 60 columns and two recordings per subject; reading and extraction are
not included. Limits: 45 s for 200 recordings and 150 s for 1,000, on two idle cores.
"""

from __future__ import annotations

import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.progress import CollectingReporter

N_AUDIO, N_INFORMATIVE = 768, 60


def make_table(n_recordings: int, n_columns: int) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    rng = np.random.default_rng(0)
    n_subjects = n_recordings // 2
    subject = np.repeat(np.arange(n_subjects), 2)
    depressed = rng.integers(0, 2, n_subjects)[subject]
    X = rng.normal(size=(2 * n_subjects, n_columns)) + 0.7 * rng.normal(size=(n_subjects, n_columns))[subject]
    X[:, :N_INFORMATIVE] += 0.35 * depressed[:, None]
    n_video = n_columns - N_AUDIO
    names = [f"video__c{k}__mean" for k in range(n_video)] + [f"audio__vector__{k:03d}" for k in range(N_AUDIO)]
    features = pd.DataFrame(X, columns=names, index=[f"{row:04d}" for row in range(len(X))])
    status = pd.Series(np.where(depressed == 1, "Depression", "Normal"), features.index)
    return features, status, pd.Series(subject.astype(str), features.index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--columns", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.columns < N_AUDIO + N_INFORMATIVE:
        parser.error(f"--columns must be {N_AUDIO + N_INFORMATIVE} or more: {N_AUDIO} columns are the audio vector")
    for n_recordings in arguments.recordings:
        features, status, groups = make_table(n_recordings, arguments.columns)
        started = time.monotonic()
        DepressionModel(Settings()).fit(features, status, groups, jobs=arguments.jobs, reporter=CollectingReporter())
        seconds = time.monotonic() - started
        print(
            f"{len(features)} recordings x {arguments.columns} columns, {arguments.jobs} jobs: {seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
