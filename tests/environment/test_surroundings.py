"""The whole workflow gives the same results with unusual homes, locales, folders, streams and shared memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from surroundings import PROGRAM, TARGET, RunWorkflow, run_process

PYTHONPATH = os.environ.get("PYTHONPATH", "")


pytestmark = pytest.mark.slow  # several seconds each


def add_startup_code(folder: Path, code: str) -> dict[str, str | None]:
    """Return an environment in which Python runs some code at startup, also in worker processes."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), PYTHONPATH)))}


def test_works_with_an_unwritable_home(run_workflow: RunWorkflow, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = {"HOME": str(tmp_path / "file"), "XDG_CACHE_HOME": None}
    run_workflow(home)


def test_works_without_a_home(run_workflow: RunWorkflow, tmp_path: Path) -> None:
    # As in a container whose user id has no name: without HOME, Python reads the password database.
    startup = add_startup_code(
        tmp_path / "site", "import pwd\n\ndef fail(uid):\n    raise KeyError(uid)\n\npwd.getpwuid = fail\n"
    )
    run_workflow({"HOME": None, "XDG_CACHE_HOME": None, **startup}, jobs=2)


def find_comma_locale(tmp_path: Path) -> dict[str, str | None]:
    """Return the environment of a locale with a decimal comma, which is compiled if none is installed."""
    installed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()
    for name in installed:
        if name.lower() in ("de_de.utf8", "fr_fr.utf8", "es_es.utf8", "it_it.utf8"):
            return {"LC_ALL": name}
    folder = tmp_path / "locales"
    folder.mkdir()
    compiled = shutil.which("localedef") and subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"], capture_output=True, check=False
    )
    if not compiled or not (folder / "de_DE.UTF-8").exists():
        pytest.skip("no locale with a decimal comma is installed, and none can be compiled")
    return {"LC_ALL": "de_DE.UTF-8", "LOCPATH": str(folder)}


def test_works_with_a_decimal_comma(run_workflow: RunWorkflow, tmp_path: Path) -> None:
    # Python itself always prints a point, but after setlocale, C libraries use the comma.
    comma = 'import locale\nlocale.setlocale(locale.LC_ALL, "")\nassert locale.str(1.5) == "1,5"\n'
    run_workflow({"LANG": None, **find_comma_locale(tmp_path), **add_startup_code(tmp_path / "site", comma)})


@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LANG": None, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii streams", "ascii everywhere"],
)
def test_works_with_ascii_output(run_workflow: RunWorkflow, environ: dict[str, str | None]) -> None:
    printed = run_workflow(environ).stdout
    assert printed.isascii()
    assert rb"Ges\u00fcnder" in printed


def test_works_without_a_temporary_folder(run_workflow: RunWorkflow, tmp_path: Path) -> None:
    run_workflow({"TMPDIR": str(tmp_path / "none"), "JOBLIB_TEMP_FOLDER": str(tmp_path / "none either")}, jobs=2)


def test_works_in_a_read_only_working_folder(run_workflow: RunWorkflow, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o555)
    run_workflow({}, cwd=Path("/proc/self") if os.geteuid() == 0 else tmp_path / "mine")


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-", ">/dev/null 2>/dev/full"])
def test_works_with_closed_or_full_streams(run_workflow: RunWorkflow, closed: str) -> None:
    if "full" in closed and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    # Workers inherit the streams; those that are full are no different from those that are closed.
    run_workflow({}, jobs=1 if "full" in closed else 2, prefix=["sh", "-c", f'exec "$@" {closed}', "sh"])


def test_works_if_the_reader_of_its_output_stops(run_workflow: RunWorkflow) -> None:
    run_workflow({}, prefix=["sh", "-c", '{ "$@"; code=$?; } 2>&1 | head -n 1 >&2; exit $code', "sh"])


# ------------------------------------------------------------------------------------------ shared memory

SMALL_SHM = """
mount -t tmpfs -o size=64k tmpfs /dev/shm
{fill}
exec "$@"
"""


def can_mount_privately() -> bool:
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /dev/shm"]
    return (
        shutil.which("unshare") is not None and not subprocess.run(probe, capture_output=True, check=False).returncode
    )


@pytest.mark.parametrize("fill", ["", "cat /dev/zero > /dev/shm/full 2> /dev/null"], ids=["tiny", "full"])
def test_works_with_little_or_no_shared_memory(run_workflow: RunWorkflow, fill: str) -> None:
    if not can_mount_privately():
        pytest.skip("only root may mount a small /dev/shm in a namespace of its own")
    # Without space for a semaphore, joblib warns and works in this process, without workers.
    prefix = ["unshare", "-m", "sh", "-c", SMALL_SHM.format(fill=fill), "sh"]
    result = run_workflow({}, jobs=2, prefix=prefix, may_warn=bool(fill))
    assert (b"serial mode" in result.stderr) == bool(fill)


def test_missing_space_for_temporary_files_is_reported(data: Path, tmp_path: Path) -> None:
    if not can_mount_privately():
        pytest.skip("only root may mount a small folder in a namespace of its own")
    wide = shutil.copytree(data, tmp_path / "wide")
    for file in wide.rglob("audio/*.csv"):  # 1 MB in total: joblib passes arrays of that size to its workers in files
        file.write_text(",".join([file.read_text().strip()] * 1000) + "\n")
    (tmp_path / "tiny").mkdir()
    small = 'mount -t tmpfs -o size=64k tmpfs "$JOBLIB_TEMP_FOLDER" && exec "$@"'
    fit = (PROGRAM, "fit", wide, "--config", wide / "quick.toml", "--jobs", "2", "--out", tmp_path / "model.joblib")
    environ = {"JOBLIB_TEMP_FOLDER": str(tmp_path / "tiny"), "HOME": str(tmp_path)}
    run = run_process(["unshare", "-m", "sh", "-c", small, "sh", *fit], environ)
    assert run.returncode == TARGET
    assert b"error: there is no space left for the temporary files" in run.stderr
    assert b"JOBLIB_TEMP_FOLDER" in run.stderr
    assert b"Traceback" not in run.stderr
    assert not (tmp_path / "model.joblib").exists()


def test_child_processes_import_the_code_under_test() -> None:
    import pdmr_classic

    run = subprocess.run(
        [sys.executable, "-c", "import pdmr_classic; print(pdmr_classic.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == pdmr_classic.__file__
