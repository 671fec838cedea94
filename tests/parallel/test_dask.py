"""The same bytes from a Dask cluster, whatever happens to its workers and its scheduler; one message for a bad one."""

from __future__ import annotations

import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import distributed
import pytest
from dask.utils import key_split
from dask_processes import DaskProcesses
from program import invoke
from task_functions import die, fail, kill_once, name_process_after_both, refuse, scale

import pdmr_classic
from pdmr_classic.errors import ConfigError, DataError, Finding, PdmrError
from pdmr_classic.parallel import _dask_client, _handshake, _process_facts, dask_cluster
from pdmr_classic.parallel._handshake import _find_problem, _list_notes, check_workers
from pdmr_classic.parallel._remote_call import make_key
from pdmr_classic.parallel.backend import count_parallel, run_tasks
from pdmr_classic.parallel.dask_cluster import use_dask
from pdmr_classic.progress import CollectingReporter

# A scheduler and its workers take seconds to start.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("patience")]
PACKAGE = Path(pdmr_classic.__file__).parent


# ------------------------------------------------------------------------------------------------ commands


def test_every_command_gives_the_same_bytes_as_two_processes(
    cluster: DaskProcesses, tiny_set: Path, folder: Path
) -> None:
    options = {"local": ("--jobs", "2"), "dask": ("--backend", "dask", "--scheduler", cluster.file)}
    config = ("--config", "tiny.toml", "--no-cache")
    folds = ("--folds", "3", "--repeats", "1", "--no-stress")
    for name, where in options.items():
        for command in (
            ("extract", tiny_set / "train", "--out", f"{name}.parquet", "--no-cache"),
            ("fit", tiny_set, "--out", f"{name}.joblib", *config),
            ("predict", tiny_set, "--model", f"{name}.joblib", "--out", f"{name}.jsonl", "--proba", "--no-cache"),
            ("evaluate", tiny_set, "--out", f"{name}-evaluation.json", *folds, *config),
        ):
            result = invoke(*command, *where, cwd=folder)
            assert result.exit_code == 0, result.output
            assert ("2 workers at" in result.stderr) == (name == "dask")
    for end in (".parquet", ".jsonl", "-evaluation.json"):
        assert (folder / f"local{end}").read_bytes() == (folder / f"dask{end}").read_bytes()


def test_what_jobs_count_is_said(cluster: DaskProcesses, tiny_set: Path, folder: Path) -> None:
    where = ("--backend", "dask", "--scheduler", cluster.address, "--jobs", "1")
    result = invoke("extract", tiny_set / "test", "--json", *where, cwd=folder)
    assert result.exit_code == 0
    assert "note: the cluster reads the files" in result.stderr
    assert "--jobs is the number of processes here for all other work" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--backend", "spark"), r"--backend is not valid\n  expected: local or dask\n  found:    'spark'"),
        (("--backend", "dask"), "--backend dask needs the address of a scheduler"),
        (("--scheduler", "tcp://127.0.0.1:1"), "--scheduler has no effect without --backend dask"),
        (("--backend", "dask", "--scheduler", "here"), "no Dask scheduler at the address\n  where:    here"),
        (("--backend", "dask", "--scheduler", "no.json"), "the scheduler file cannot be read\n  where:    no.json"),
    ],
    ids=["backend", "no-scheduler", "no-backend", "no-address", "no-file"],
)
def test_wrong_options_are_one_message(options: tuple[str, ...], message: str, folder: Path) -> None:
    result = invoke("extract", folder, *options, cwd=folder)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search(message, result.stderr)


# ------------------------------------------------------------------------------------------------ tasks


def test_results_come_in_order_from_both_workers(cluster: DaskProcesses, tmp_path: Path) -> None:
    with use_dask(cluster.address):
        assert count_parallel(1) == 2
        kept: dict[int, tuple[int, int]] = {}
        arguments, shared = ((n,) for n in range(30)), (str(tmp_path),)
        results = list(run_tasks(name_process_after_both, arguments, n_jobs=1, shared=shared, keep=kept.__setitem__))
        assert list(run_tasks(scale, ((n,) for n in range(3)), n_jobs=1, shared=(10,))) == [0, 10, 20]
        assert list(run_tasks(scale, [], n_jobs=1, shared=(10,))) == []
    assert [number for number, _ in results] == list(range(30))
    assert kept == dict(enumerate(results))
    assert {pid for _, pid in results} == cluster.list_running()


def test_few_tasks_are_prepared_ahead_of_their_results(cluster: DaskProcesses) -> None:
    taken = []

    def arguments() -> Iterator[tuple[int]]:
        for number in range(200):
            taken.append(number)
            yield (number,)

    with use_dask(cluster.address):
        results = run_tasks(scale, arguments(), n_jobs=1, shared=(1,))
        assert next(results) == 0
        assert len(taken) <= 2 * (dask_cluster._TASKS_PER_WORKER + dask_cluster._RESULTS_PER_WORKER)
        assert list(results) == list(range(1, 200))


def test_errors_of_tasks_are_raised_here(cluster: DaskProcesses) -> None:
    with use_dask(cluster.address):
        with pytest.raises(DataError, match=r"no number three\n  where:    numbers.csv, row 3"):
            list(run_tasks(refuse, ((n,) for n in range(5)), n_jobs=1))
        with pytest.raises(KeyError, match="number 1"):
            list(run_tasks(fail, [(1,)], n_jobs=1))


def test_a_folder_that_workers_cannot_open_is_one_message(
    cluster: DaskProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "working_folder", lambda: "/no/such/folder")
    with (
        use_dask(cluster.address),
        pytest.raises(ConfigError, match=r"cannot open the current folder(.|\n)*/no/such/folder(.|\n)*share"),
    ):
        list(run_tasks(scale, [(1,)], n_jobs=1, shared=(1,)))


def test_code_that_workers_lack_is_one_message(
    cluster: DaskProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "only_here.py"
    file.write_text("def double(number):\n    return 2 * number\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_here  # type: ignore[import-not-found]

    file.unlink()
    with use_dask(cluster.address), pytest.raises(ConfigError, match=r"lacks code(.|\n)*only_here"):
        list(run_tasks(only_here.double, [(1,)], n_jobs=1))


def test_a_worker_of_another_version_that_joins_later_is_one_message(
    cluster: DaskProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {**_process_facts.describe_process(), "numpy": "1.0"}
    monkeypatch.setattr(dask_cluster, "describe_process", lambda: facts)
    with use_dask(cluster.address), pytest.raises(ConfigError, match=r"has joined(.|\n)*found:    numpy"):
        list(run_tasks(scale, [(1,)], n_jobs=1, shared=(1,)))


# ------------------------------------------------------------------------------------------------ failures


def test_the_task_of_a_killed_worker_is_run_again(cluster: DaskProcesses, tmp_path: Path) -> None:
    cluster.add_worker(pythonpath=Path(__file__).parent)  # in place of the one that the task kills
    with use_dask(cluster.address):
        results = list(run_tasks(kill_once, ((n,) for n in range(40)), n_jobs=1, shared=(str(tmp_path / "mark"),)))
    assert (tmp_path / "mark").exists()
    assert results == list(range(40))


def test_a_cluster_whose_workers_are_all_gone_is_one_message(
    other_cluster: DaskProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(dask_cluster, "_CHECK_S", 0.3)
    other_cluster.add_worker(pythonpath=Path(__file__).parent)
    with use_dask(other_cluster.address), pytest.raises(PdmrError, match=r"was lost(.|\n)*finished parts are kept"):
        list(run_tasks(die, [(1,)], n_jobs=1))


def test_workers_that_are_all_paused_are_one_message(
    other_cluster: DaskProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_cluster.add_worker(memory_limit="20MB")
    other_cluster.wait_for_workers()
    other_cluster.wait_until_paused()
    for module, timeout_s in ((_dask_client, 3.0), (dask_cluster, 1.0)):
        monkeypatch.setattr(module, "TIMEOUT_S", timeout_s)
    monkeypatch.setattr(dask_cluster, "_CHECK_S", 0.3)
    reporter = CollectingReporter()
    with (
        use_dask(other_cluster.address, reporter=reporter),
        pytest.raises(PdmrError, match=r"are paused(.|\n)*--memory-limit"),
    ):
        list(run_tasks(divmod, [(1, 2)], n_jobs=1))
    assert "silent-worker" in [finding.code for finding in reporter.findings]


def test_a_paused_worker_counts_while_it_runs_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[dict[str, int]] = [{"executing": 1, "memory": 3}, {"memory": 3}, {}]
    workers = {f"w{n}": {"metrics": {"task_counts": count}} for n, count in enumerate(counts)}
    answers = {"ncores_running": {}, "identity": {"workers": {**workers, "new": {}}}}
    monkeypatch.setattr(_dask_client.DaskClient, "_ask", lambda _, question, **__: answers[question])
    assert _dask_client.DaskClient("tcp://x:1", CollectingReporter()).count_usable() == 1


def test_a_restarted_scheduler_loses_nothing(tmp_path: Path) -> None:
    first = DaskProcesses(tmp_path)
    try:
        first.add_worker(pythonpath=Path(__file__).parent)
        with use_dask(str(first.file)):
            results = run_tasks(scale, ((n,) for n in range(60)), n_jobs=1, shared=(2,))
            received = [next(results) for _ in range(5)]
            first.stop()
            second = DaskProcesses(tmp_path)
            try:
                second.add_worker(pythonpath=Path(__file__).parent)
                received += results
            finally:
                second.stop()
    finally:
        first.stop()
    assert received == list(range(0, 120, 2))


def test_a_connection_that_closes_between_tasks_is_opened_again(cluster: DaskProcesses) -> None:
    connection = _dask_client.DaskClient(cluster.address, CollectingReporter())
    connection.open()
    try:
        backend = dask_cluster.DaskBackend(connection)
        for n_before in (0, 3):
            results = backend.run(scale, ((n,) for n in range(40)), shared=(2,), keep=None)
            received = [next(results) for _ in range(n_before)]
            connection.client.close()
            assert [*received, *results] == list(range(0, 80, 2))
    finally:
        connection.close()


def test_workers_of_another_version_or_without_the_package_are_named(
    other_cluster: DaskProcesses, tmp_path: Path
) -> None:
    older = tmp_path / "older" / "pdmr_classic"
    shutil.copytree(PACKAGE, older, ignore=shutil.ignore_patterns("__pycache__"))
    (older / "_version.py").write_text('"""Version."""\n\n__version__ = "0.0.9"\n')
    without = tmp_path / "without"
    without.mkdir()
    (without / "pdmr_classic.py").write_text("raise ModuleNotFoundError(name='pdmr_classic')\n")
    for pythonpath in (older.parent, without):
        other_cluster.add_worker(pythonpath=pythonpath)
    other_cluster.wait_for_workers()
    message = "2 of 2 workers of the cluster cannot be used"
    with pytest.raises(ConfigError, match=message) as info, use_dask(other_cluster.address):
        pass
    found = info.value.finding.found or ""
    assert re.search(r"tcp://127.0.0.1:\d+: pdmr-classic is not installed", found)
    assert re.search(r"tcp://127.0.0.1:\d+: pdmr-classic 0\.0\.9, code of pdmr-classic \w+", found)


def test_a_cluster_without_workers_is_one_message(
    other_cluster: DaskProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_dask_client, "TIMEOUT_S", 0.5)
    with pytest.raises(ConfigError, match="the cluster has no workers"), use_dask(other_cluster.address):
        pass


def test_no_scheduler_at_an_address_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dask_client.DaskClient.open, "__defaults__", (0.5,))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    message = f"no Dask scheduler at the address\n  where:    {address}"
    with pytest.raises(ConfigError, match=message), use_dask(address):
        pass


# ------------------------------------------------------------------------------------------------ answers


def test_each_problem_of_a_worker_is_named() -> None:
    own = {"pdmr-classic": "1", "CPU": "a"}
    assert _find_problem(own, {"pdmr-classic": "1", "CPU": "b"}) is None
    assert _find_problem(own, {"pdmr-classic": "2"}) == "pdmr-classic 2"
    assert _find_problem(own, {}) == "pdmr-classic missing"
    missing = {name: ModuleNotFoundError(f"no {name}", name=name) for name in ("pdmr_classic.parallel", "scipy")}
    assert _find_problem(own, missing["pdmr_classic.parallel"]) == "an older version of pdmr-classic"
    assert "cannot be imported: ModuleNotFoundError: no scipy" in (_find_problem(own, missing["scipy"]) or "")


def test_tasks_and_questions_have_keys_of_their_own() -> None:
    assert [key_split(make_key(kind)) for kind in ("task", "question")] == ["pdmr-task", "pdmr-question"]
    assert make_key("task") != make_key("task")


def test_what_is_unusual_about_workers_is_noted() -> None:
    own, answers = {"CPU": "a"}, {"w1": {"CPU": "a"}, "w2": {"CPU": "b"}}
    findings: list[Finding] = _list_notes(own, answers, {"w1": 1, "w2": 4, "w3": 1})
    assert [finding.code for finding in findings] == ["silent-worker", "other-cpu", "threads"]
    assert _list_notes(own, {"w1": {"CPU": "a"}}, {"w1": 1}) == []


def test_workers_that_are_all_busy_are_noted_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_handshake, "_ask", lambda *_: {})
    reporter = CollectingReporter()
    assert check_workers(None, {"w1": 1, "w2": 1}, 0.0, reporter) == 0
    (finding,) = reporter.findings
    assert finding.what == "2 workers of the cluster did not answer: busy, or paused because memory is short"


def test_the_file_of_a_restarted_scheduler_is_read_until_it_has_the_new_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text('{"address": "tcp://127.0.0.1:1"}')
    tried: list[str] = []

    def connect(url: str, **_: object) -> str:
        tried.append(url)
        if url.endswith(":2"):
            return "client"
        if len(tried) == 2:
            file.write_text('{"address": "tcp://127.0.0.1:2"}')
        raise OSError("refused")

    monkeypatch.setattr(distributed, "Client", connect)
    monkeypatch.setattr(_dask_client, "check_workers", lambda *_: 1)
    monkeypatch.setattr(_dask_client.DaskClient, "_wait_for_workers", lambda *_: {"w1": 1})
    connection = _dask_client.DaskClient(str(file), CollectingReporter())
    connection.reopen()
    assert connection.client == "client"
    assert [url[-2:] for url in tried] == [":1", ":1", ":2"]


def test_a_missing_extra_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"needs distributed(.|\n)*pdmr-classic\[dask\]"), use_dask("tcp://x:1"):
        pass
