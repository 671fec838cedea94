"""Files that are read by a Dask cluster whose workers are killed, or whose data are in an object store."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from dask_processes import DaskProcesses
from object_store import run_store, upload
from task_functions import EndlessJob, FatalJob

from pdmr_classic import FeatureExtractor, load_dataset
from pdmr_classic.errors import PdmrError
from pdmr_classic.features import _run_jobs
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.cache import FeatureCache
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.parallel import dask_cluster
from pdmr_classic.parallel.dask_cluster import use_dask
from pdmr_classic.progress import CollectingReporter

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("patience")]
HERE = Path(__file__).parent


def list_values(job: Job) -> dict[str, Any]:
    return {field.name: getattr(job, field.name) for field in fields(job)}


def kill_reader(marker: Path) -> int:
    """Wait until a process has written its id into a file, kill it, and return the id."""
    deadline = time.monotonic() + 120
    while not (marker.exists() and marker.read_text().endswith("\n")):
        assert time.monotonic() < deadline, "nobody reads the file"
        time.sleep(0.02)
    pid = int(marker.read_text())
    os.kill(pid, signal.SIGKILL)
    return pid


def test_the_files_of_a_killed_worker_are_read_by_another(
    cluster: DaskProcesses, tiny_set: Path, tmp_path: Path
) -> None:
    cluster.add_worker(pythonpath=HERE)  # in place of the one that is killed
    cluster.wait_for_workers()
    folder = load_dataset(tiny_set, split="train").folder
    jobs = FeatureExtractor().list_jobs(load_dataset(tiny_set, split="train"))
    fatal = FatalJob(**list_values(jobs[9]), marker=tmp_path / "pid")
    before = cluster.list_running()
    with ThreadPoolExecutor(1) as pool, use_dask(cluster.address):
        killed = pool.submit(kill_reader, fatal.marker)
        rows = FeatureExtractor().read_part([*jobs[:9], fatal, *jobs[10:]], folder)
    assert before - {killed.result()} == cluster.list_running()
    local = FeatureExtractor(jobs=2).read_part(jobs, folder)
    assert [row.names for row in rows if isinstance(row, FileRow)] == [row.names for row in local]
    assert [row.values.tobytes() for row in rows] == [row.values.tobytes() for row in local]


def test_rows_behind_a_slow_file_are_in_the_cache_when_the_cluster_is_lost(
    other_cluster: DaskProcesses, tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(dask_cluster, "_CHECK_S", 0.3)
    monkeypatch.setattr(_run_jobs, "_FILES_PER_TASK", 1)
    for _ in range(2):
        other_cluster.add_worker(pythonpath=HERE)
    other_cluster.wait_for_workers()
    arrived: list[Path] = []
    add = FeatureCache.add

    def kill_after_eight(cache: FeatureCache, rows: Any) -> None:
        rows = list(rows)
        arrived.extend(path for path, _ in rows)
        add(cache, rows)
        if len(arrived) >= 8:
            for worker in other_cluster.workers:
                worker.kill()

    monkeypatch.setattr(FeatureCache, "add", kill_after_eight)
    dataset = load_dataset(tiny_set, split="train")
    first, *others = FeatureExtractor().list_jobs(dataset)[:14]
    reporter = CollectingReporter()
    extractor = FeatureExtractor(cache=tmp_path / "cache", reporter=reporter)
    with use_dask(other_cluster.address), pytest.raises(PdmrError, match="was lost"):
        extractor.read_part([EndlessJob(**list_values(first)), *others], dataset.folder)
    assert reporter.steps == [("reading", 0, 14)]
    assert first.path not in arrived
    n_cached = len(arrived)
    again = CollectingReporter()
    FeatureExtractor(cache=tmp_path / "cache", reporter=again).read_part([first, *others], dataset.folder)
    assert again.steps[0] == ("reading", n_cached, 14)


def test_workers_read_files_behind_urls(other_cluster: DaskProcesses, tiny_set: Path) -> None:
    with run_store() as store:
        url = upload(store, tiny_set, "cluster")
        for _ in range(2):
            other_cluster.add_worker()  # with the environment of this block
        other_cluster.wait_for_workers()
        with use_dask(other_cluster.address):
            remote = FeatureExtractor().transform(load_dataset(url, split="train"))
    local = FeatureExtractor(jobs=2).transform(load_dataset(tiny_set, split="train"))
    assert list(remote) == list(local)
    assert remote.to_numpy().tobytes() == local.to_numpy().tobytes()
