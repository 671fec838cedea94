"""Throughput of extraction per worker: one and two workers of Dask on loopback, beside as many processes of joblib.

Run: python benchmarks/dask_backends.py [--recordings 600] [--repeats 3]

Each repeat reads the same synthetic recordings with every backend, without a cache, after a first extraction that
starts all processes. A cluster is a scheduler and workers in processes of their own, which run only while measured.
Prints the best time of each backend, so that other work on the machine counts little, and the least processor time per
recording, of all processes. `vs joblib` is the throughput beside that of as many processes; `efficiency` is the
throughput per worker beside that of one worker. Joblib's one worker is this process itself.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from distributed import Client

from pdmr_classic import FeatureExtractor, load_dataset, make_synthetic
from pdmr_classic.features import extractor
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.parallel.dask_cluster import use_dask
from pdmr_classic.progress import CollectingReporter

JOBLIB, DASK = "joblib", "dask"
N_WORKERS = (1, 2)
_LOOPBACK = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    extractor._BYTES_PER_WORKER = 1  # the set is small, and would be read by one process
    places = [(backend, n_workers) for backend in (JOBLIB, DASK) for n_workers in N_WORKERS]
    with tempfile.TemporaryDirectory() as folder:
        made = make_synthetic(f"{folder}/set", subjects=options.recordings, segments=1, seconds=(10, 15))
        dataset = load_dataset(made.out, split="train")
        rounds = [{place: measure(dataset, *place) for place in places} for _ in range(options.repeats)]
    seconds, cpu_seconds = (
        {place: min(times[place][column] for times in rounds) for place in places} for column in (0, 1)
    )
    print_rates(seconds, cpu_seconds, len(dataset.recordings))


def measure(dataset: Dataset, backend: str, n_workers: int) -> tuple[float, float]:
    """Return the seconds of an extraction, and its processor time, without the connection to a cluster."""
    if backend == JOBLIB:
        extract(dataset, n_workers)
        return time_extraction(dataset, n_workers, [psutil.Process()])
    with (
        tempfile.TemporaryDirectory() as folder,
        run_cluster(Path(folder), n_workers) as (address, processes),
        use_dask(address, reporter=CollectingReporter()),
    ):
        extract(dataset, n_workers)
        return time_extraction(dataset, n_workers, [psutil.Process(), *processes])


@contextmanager
def run_cluster(folder: Path, n_workers: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Start a scheduler and workers as in the documentation; yield the address, and the processes without children."""
    file = folder / "scheduler.json"
    at_file = ("--scheduler-file", str(file))
    threads = ("--nthreads", "1", "--nworkers", str(n_workers), "--local-directory", str(folder))
    commands = [("scheduler", *at_file, "--port", "0"), ("worker", *at_file, *threads)]
    with (folder / "log.txt").open("wb") as log:
        started = [
            subprocess.Popen([sys.executable, "-m", "dask", *command, *_LOOPBACK], cwd=folder, stdout=log, stderr=log)
            for command in commands
        ]
        try:
            with Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
                client.wait_for_workers(n_workers, timeout=60)
                address = client.scheduler.address
            yield address, [psutil.Process(process.pid) for process in started]
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(60)


def extract(dataset: Dataset, n_workers: int) -> None:
    FeatureExtractor(jobs=n_workers, reporter=CollectingReporter()).extract(dataset).require_features()


def time_extraction(dataset: Dataset, n_workers: int, processes: list[psutil.Process]) -> tuple[float, float]:
    """Return the seconds of an extraction, and the processor time of these processes and their children."""
    cpu_before, started = count_cpu_seconds(processes), time.perf_counter()
    extract(dataset, n_workers)
    return time.perf_counter() - started, count_cpu_seconds(processes) - cpu_before


def count_cpu_seconds(processes: list[psutil.Process]) -> float:
    everyone = {process for parent in processes for process in (parent, *parent.children(recursive=True))}
    return sum(sum(process.cpu_times()[:2]) for process in everyone)


def print_rates(
    seconds: dict[tuple[str, int], float], cpu_seconds: dict[tuple[str, int], float], n_recordings: int
) -> None:
    print(f"{n_recordings} recordings")
    print("backend  workers  recordings/s per worker  vs joblib  efficiency  processor ms per recording")
    for (backend, n_workers), taken in seconds.items():
        rate = n_recordings / taken / n_workers
        ratio = seconds[JOBLIB, n_workers] / taken
        efficiency = seconds[backend, 1] / taken / n_workers
        cpu_ms = 1000 * cpu_seconds[backend, n_workers] / n_recordings
        print(f"{backend:<8} {n_workers:>7}  {rate:>23.1f}  {ratio:>9.2f}  {efficiency:>10.2f}  {cpu_ms:>26.1f}")


if __name__ == "__main__":
    main()
