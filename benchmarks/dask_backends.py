"""Throughput of extraction per worker: one and two workers of Dask on loopback, beside as many processes of joblib.

Run: python benchmarks/dask_backends.py [--recordings 200] [--repeats 3]

Each repeat reads the same synthetic recordings with every backend, without a cache, after a first round that starts all
processes. Prints the best time of each backend, so that other work on the machine counts little. `vs joblib` is the
throughput beside that of as many processes; `efficiency` is the throughput per worker beside that of one worker.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from distributed import LocalCluster

from pdmr_classic import FeatureExtractor, load_dataset, make_synthetic
from pdmr_classic.features import extractor
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.parallel.dask_cluster import use_dask
from pdmr_classic.progress import CollectingReporter

Place = Callable[[], AbstractContextManager[None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    extractor._BYTES_PER_WORKER = 1  # the set is small, and would be read by one process
    with tempfile.TemporaryDirectory() as folder, start_cluster(1) as one, start_cluster(2) as two:
        made = make_synthetic(f"{folder}/set", subjects=options.recordings, segments=1, seconds=(20, 30))
        dataset = load_dataset(made.out, split="train")
        places: dict[tuple[str, int], Place] = {
            ("joblib", 1): nullcontext,
            ("joblib", 2): nullcontext,
            ("dask", 1): lambda: use_dask(one.scheduler_address, reporter=CollectingReporter()),
            ("dask", 2): lambda: use_dask(two.scheduler_address, reporter=CollectingReporter()),
        }
        rounds = [{key: time_extraction(dataset, key[1], place) for key, place in places.items()}]
        for _ in range(options.repeats):
            rounds.append({key: time_extraction(dataset, key[1], place) for key, place in places.items()})
    print_rates({key: min(times[key] for times in rounds[1:]) for key in places}, len(dataset.recordings))


def start_cluster(n_workers: int) -> LocalCluster:
    return LocalCluster(n_workers=n_workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0")


def time_extraction(dataset: Dataset, n_workers: int, place: Place) -> float:
    """Return the seconds of an extraction, without the connection to a cluster."""
    with place():
        started = time.perf_counter()
        FeatureExtractor(jobs=n_workers, reporter=CollectingReporter()).extract(dataset).require_features()
        return time.perf_counter() - started


def print_rates(seconds: dict[tuple[str, int], float], n_recordings: int) -> None:
    print(f"{n_recordings} recordings")
    print("backend  workers  recordings/s per worker  vs joblib  efficiency")
    for (backend, n_workers), taken in seconds.items():
        rate = n_recordings / taken / n_workers
        ratio = seconds["joblib", n_workers] / taken
        efficiency = seconds[backend, 1] / taken / n_workers
        print(f"{backend:<8} {n_workers:>7}  {rate:>23.1f}  {ratio:>9.2f}  {efficiency:>10.2f}")


if __name__ == "__main__":
    main()
