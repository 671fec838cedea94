"""Commands on a Dask cluster that loses a worker or its scheduler, or that are interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dask_processes import DaskProcesses
from distributed import Client
from program import PROGRAM, TINY, invoke

from pdmr_classic.evaluation.fold_storage import FoldStorage

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("patience")]
HERE = Path(__file__).parent
FOLDS = ("--folds", "3", "--repeats", "2", "--no-stress", "--config", "tiny.toml", "--no-cache")
WAIT = '''
import time
from pathlib import Path
from pdmr_classic import register_family

@register_family("wait", source="vector")
def wait(vector, settings):
    """Wait for a file."""
    while not Path({go!r}).exists():
        time.sleep(0.05)
    return {{("all", "one"): 1.0}}
'''


@pytest.fixture(scope="module")
def local_evaluation(tiny_set: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("local")
    (folder / "tiny.toml").write_text(TINY)
    result = invoke("evaluate", tiny_set, "--out", "evaluation.json", "--jobs", "2", *FOLDS, cwd=folder)
    assert result.exit_code == 0, result.output
    return (folder / "evaluation.json").read_bytes()


def evaluate_on(
    scheduler: Path, tiny_set: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, after_first_fold: Callable[[], None]
) -> bytes:
    """Return the evaluation by a cluster; break something as soon as the first of six outer folds has arrived."""
    called: list[int] = []
    add = FoldStorage.add

    def disturb(storage: FoldStorage, number: int, result: dict[str, Any]) -> None:
        add(storage, number, result)
        if not called:
            after_first_fold()
        called.append(number)

    monkeypatch.setattr(FoldStorage, "add", disturb)
    where = ("--backend", "dask", "--scheduler", scheduler)
    result = invoke("evaluate", tiny_set, "--out", "evaluation.json", *where, *FOLDS, cwd=folder)
    assert result.exit_code == 0, result.output
    assert sorted(called) == list(range(6))
    return (folder / "evaluation.json").read_bytes()


def test_an_evaluation_has_the_same_bytes_if_a_worker_is_killed_midway(
    cluster: DaskProcesses, tiny_set: Path, folder: Path, local_evaluation: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add_worker(pythonpath=HERE)  # in place of the one that is killed
    cluster.wait_for_workers()
    before = cluster.list_running()
    with Client(cluster.address, timeout=120, set_as_default=False) as client:
        pids = client.run(os.getpid)

        def kill_busy_worker() -> None:
            for pid in pids.values():  # no worker finishes its task now
                os.kill(pid, signal.SIGSTOP)
            tasks = {worker: len(keys) for worker, keys in client.processing().items()}
            assert max(tasks.values()) > 0, "outer folds are run"
            os.kill(pids[max(tasks, key=tasks.__getitem__)], signal.SIGKILL)
            for pid in pids.values():
                os.kill(pid, signal.SIGCONT)

        assert evaluate_on(cluster.file, tiny_set, folder, monkeypatch, kill_busy_worker) == local_evaluation
    assert len(before - cluster.list_running()) == 1


def test_an_evaluation_has_the_same_bytes_if_the_scheduler_is_restarted_midway(
    tiny_set: Path, folder: Path, tmp_path: Path, local_evaluation: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    clusters = [DaskProcesses(tmp_path)]

    def restart() -> None:
        clusters[0].stop()
        clusters.append(DaskProcesses(tmp_path))
        clusters[1].add_worker()

    try:
        clusters[0].add_worker()
        assert evaluate_on(clusters[0].file, tiny_set, folder, monkeypatch, restart) == local_evaluation
    finally:
        for processes in clusters:
            processes.stop()


@pytest.fixture
def _enable_sigint() -> Iterator[None]:
    """Let child processes receive SIGINT, even if the tests were started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_enable_sigint")
def test_an_interrupted_extraction_leaves_no_task_at_the_cluster_and_its_rows_in_the_cache(
    cluster: DaskProcesses, tiny_set: Path, folder: Path
) -> None:
    go = folder / "go"
    (folder / "waiting.py").write_text(WAIT.format(go=str(go)))
    (folder / "tiny.toml").write_text(TINY.replace('"audio_vector"]', '"audio_vector", "wait"]'))
    command = [PROGRAM, "extract", tiny_set / "train", "--out", "f.parquet", "--plugin", "waiting"]
    command += ["--config", "tiny.toml", "--backend", "dask", "--scheduler", cluster.address]
    environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "80"}
    arguments = list(map(str, command))
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, cwd=folder, env=environ, text=True, stderr=pipe, start_new_session=True) as run:
        try:
            assert run.stderr is not None
            lines = []
            for line in run.stderr:
                lines.append(line)
                if re.match("reading [1-9]", line):
                    break
            run.send_signal(signal.SIGINT)
            _, rest = run.communicate(timeout=120)
            assert run.returncode == 130, "".join([*lines, rest])
            assert "interrupted; run the same command again" in rest
            assert not (folder / "f.parquet").exists()
            wait_for_no_tasks(cluster.address)
        finally:
            run.kill()
            go.touch()
    again = subprocess.run(arguments, cwd=folder, env=environ, text=True, capture_output=True, check=True)
    assert re.search(r"; [1-9]\d* more are cached", again.stderr)
    assert (folder / "f.parquet").exists()


def wait_for_no_tasks(address: str) -> None:
    """Wait until workers have no task to run, and no result to keep; a thread cannot be stopped."""
    deadline = time.monotonic() + 60
    with Client(address, timeout=120, set_as_default=False) as client:
        while any(client.processing().values()) or any(client.has_what().values()):
            assert time.monotonic() < deadline, client.processing()
            time.sleep(0.1)
