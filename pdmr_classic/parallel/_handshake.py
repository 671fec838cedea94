"""Ask every worker of a Dask cluster for its versions before it gets work."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pdmr_classic.errors import ConfigError, Finding
from pdmr_classic.parallel._process_facts import CPU, PACKAGE, describe_process, list_differences
from pdmr_classic.parallel._remote_call import DESCRIBE, make_key
from pdmr_classic.progress import Reporter
from pdmr_classic.text import format_count

# Before any other work that the cluster may have.
_PRIORITY = 1_000_000
_MAX_SHOWN = 5


def check_workers(client: Any, workers: Mapping[str, int], deadline: float, reporter: Reporter) -> int:
    """Check that the workers have the package, with the code and the versions of this process.

    Workers that do not answer in time are reported, because they may be busy; each task checks the versions again.

    Parameters
    ----------
    client : distributed.Client
    workers : mapping of str to int
        Number of threads by address.
    deadline : float
        Time by `time.monotonic`.
    reporter : Reporter

    Returns
    -------
    int
        Number of workers that have answered.

    Raises
    ------
    ConfigError
        A worker cannot be used.
    """
    answers = _ask(client, workers, deadline)
    own = describe_process()
    problems = {worker: problem for worker, answer in answers.items() if (problem := _find_problem(own, answer))}
    if problems:
        raise ConfigError(
            f"{len(problems)} of {format_count(len(workers), 'worker')} of the cluster cannot be used",
            code="other-worker",
            expected=f"{PACKAGE} {own[PACKAGE]} with the same code, Python and libraries as here",
            found=_list_by_worker(problems),
            hint="install the same versions on every worker, and restart the workers",
        )
    for finding in _list_notes(own, answers, workers):
        reporter.note(finding)
    return len(answers)


def _ask(client: Any, workers: Mapping[str, int], deadline: float) -> dict[str, Any]:
    """Return the facts, or the exception, of each worker that has answered."""
    from distributed import wait

    futures = {
        worker: client.submit(
            eval, DESCRIBE, key=make_key("question"), workers=[worker], allow_other_workers=False, priority=_PRIORITY
        )
        for worker in workers
    }
    with client.as_current(), suppress(TimeoutError):  # those that have not answered are reported
        wait(list(futures.values()), timeout=max(deadline - time.monotonic(), 1))
    answers = {}
    for worker, future in futures.items():
        if future.status == "finished":
            answers[worker] = future.result(timeout=10)
        elif future.status == "error":
            answers[worker] = future.exception(timeout=10)
    return answers


def _find_problem(own: dict[str, str], answer: Any) -> str | None:
    """Return why a worker cannot be used, or None."""
    if isinstance(answer, ModuleNotFoundError) and answer.name == "pdmr_classic":
        return f"{PACKAGE} is not installed"
    if isinstance(answer, ModuleNotFoundError) and str(answer.name).startswith("pdmr_classic."):
        return f"an older version of {PACKAGE}"
    if isinstance(answer, BaseException):
        return f"{PACKAGE} cannot be imported: {type(answer).__name__}: {answer}"
    return ", ".join(list_differences(own, answer)) or None


def _list_by_worker(problems: Mapping[str, str]) -> str:
    shown = [f"{worker}: {problem}" for worker, problem in list(problems.items())[:_MAX_SHOWN]]
    more = [f"and {len(problems) - len(shown)} more"] if len(problems) > len(shown) else []
    return "; ".join([*shown, *more])


def _list_notes(own: dict[str, str], answers: dict[str, Any], workers: Mapping[str, int]) -> list[Finding]:
    """Return what is worth knowing about workers that can be used."""
    findings = []
    if n_silent := len(workers) - len(answers):
        what = (
            f"{format_count(n_silent, 'worker')} of the cluster did not answer: busy, or paused because memory is short"
        )
        findings.append(Finding("silent-worker", what, hint="versions are checked again with the first task"))
    if any(answer.get(CPU) != own[CPU] for answer in answers.values()):
        what = "workers have another CPU than this machine: the last digits of results may differ"
        findings.append(Finding("other-cpu", what))
    if n_threaded := sum(n > 1 for n in workers.values()):
        what = f"{format_count(n_threaded, 'worker')} of the cluster have several threads, of which one is used"
        findings.append(Finding("threads", what, hint="start processes instead: dask worker --nworkers N --nthreads 1"))
    return findings
