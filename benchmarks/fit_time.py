"""How long a `fit` with the defaults takes: made-up tables, both modalities, three views, importance included.

    python benchmarks/fit_time.py --recordings 200 1000 --columns 2000 --jobs 2

Numbers are drawn at random with a weak signal in 60 columns, two recordings of each subject; reading and extraction are
no part of it. To stay under: 60 s for 200 recordings and 300 s for 1,000, on two cores.
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

N_AUDIO, N_TELLING = 768, 60


def made_up(n_recordings: int, n_columns: int) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    rng = np.random.default_rng(0)
    n_subjects = n_recordings // 2
    who = np.repeat(np.arange(n_subjects), 2)
    depressed = rng.integers(0, 2, n_subjects)[who]
    X = rng.normal(size=(2 * n_subjects, n_columns)) + 0.7 * rng.normal(size=(n_subjects, n_columns))[who]
    X[:, :N_TELLING] += 0.35 * depressed[:, None]
    n_video = n_columns - N_AUDIO
    names = [f"video__c{k}__mean" for k in range(n_video)] + [f"audio__vector__{k:03d}" for k in range(N_AUDIO)]
    features = pd.DataFrame(X, columns=names, index=[f"{row:04d}" for row in range(len(X))])
    status = pd.Series(np.where(depressed == 1, "Depression", "Normal"), features.index)
    return features, status, pd.Series(who.astype(str), features.index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--columns", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    if asked.columns < N_AUDIO + N_TELLING:
        parser.error(f"--columns must be {N_AUDIO + N_TELLING} or more: {N_AUDIO} of them are the audio vector")
    for n_recordings in asked.recordings:
        features, status, groups = made_up(n_recordings, asked.columns)
        started = time.monotonic()
        DepressionModel(Settings()).fit(features, status, groups, jobs=asked.jobs, reporter=CollectingReporter())
        seconds = time.monotonic() - started
        print(f"{len(features)} recordings x {asked.columns} columns, {asked.jobs} jobs: {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
