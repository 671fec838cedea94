"""What a worker of a cluster does: check that it is of the same version, then call a function.

The scheduler may lack this package, and a worker may have another version of it. So a task consists of names and bytes
only, and is the built-in function `eval` of one of the two expressions below.
"""

from __future__ import annotations

import pickle
import threading
import uuid
from typing import Any

from pdmr_classic.errors import ConfigError, PdmrError
from pdmr_classic.parallel._process_facts import describe_process, list_differences
from pdmr_classic.plugins import extend_search_folders
from pdmr_classic.workers import change_working_folder, reuse_freed_memory

DESCRIBE = "__import__('pdmr_classic.parallel._process_facts', fromlist=['_']).describe_process()"
CALL = "__import__('pdmr_classic.parallel._remote_call', fromlist=['_']).call(task, shared, facts, folder, path)"
# The limit of threads and the working folder belong to the process, so its threads take turns.
_one_task_at_a_time = threading.Lock()


def make_key(kind: str) -> str:
    """Return a new key for Dask, which shows, and estimates the time of, tasks whose keys start with the same words."""
    return f"pdmr-{kind}-{uuid.uuid4()}"


def pack(value: Any) -> bytes:
    """Return a value as bytes; functions of notebooks and scripts are sent by value."""
    import cloudpickle

    return bytes(cloudpickle.dumps(value))


def unpack_outcome(outcome: bytes) -> Any:
    """Return the result of a call.

    Raises
    ------
    PdmrError
        As raised by the function.
    """
    is_result, value = pickle.loads(outcome)  # noqa: S301  from a worker that this process sends code to
    if not is_result:
        raise value
    return value


def call(task: bytes, shared: bytes, facts: dict[str, str], folder: str, path: tuple[str, ...]) -> bytes:
    """Call a function in this process, and return its result, or its expected failure, as bytes.

    Parameters
    ----------
    task : bytes
        Function and its last arguments; see `pack`.
    shared : bytes
        Its first arguments.
    facts : dict of str
        Versions that this process must have; see `describe_process`.
    folder : str
        Working folder for relative paths; empty: any.
    path : tuple of str
        Folders in which the other process looks for modules.
    """
    with _one_task_at_a_time:
        try:
            outcome = True, _call(task, shared, facts, folder, path)
        except PdmrError as error:
            outcome = False, error
        except Exception as error:
            if type(error).__module__ == "builtins":
                raise
            # The scheduler may be unable to import the class.
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        return pack(outcome)


def _call(task: bytes, shared: bytes, facts: dict[str, str], folder: str, path: tuple[str, ...]) -> Any:
    if differences := list_differences(facts, describe_process()):
        raise ConfigError(
            "a worker that has joined the cluster is of another version",
            code="other-worker",
            expected="the same versions as here",
            found=", ".join(differences),
            hint="stop that worker, and run the same command again; finished parts are kept",
        )
    reuse_freed_memory()
    _enter(folder)
    extend_search_folders(path)
    function, arguments = _unpack(task)
    return function(*_unpack(shared), *arguments)


def _enter(folder: str) -> None:
    try:
        change_working_folder(folder)
    except OSError as error:
        raise ConfigError(
            "a worker of the cluster cannot open the current folder",
            code="no-shared-folder",
            file=folder,
            expected="a file system that all workers share, under the same paths",
            found=error.strerror or str(error),
            hint="run the command in a shared folder",
        ) from None


def _unpack(data: bytes) -> Any:
    try:
        return pickle.loads(data)  # noqa: S301  from the process that this worker works for
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            "a worker of the cluster lacks code that the task needs",
            code="no-shared-code",
            expected="the modules of --plugin and --estimator installed on every worker, or in a shared folder",
            found=str(error),
            hint="install them on every worker",
        ) from None
