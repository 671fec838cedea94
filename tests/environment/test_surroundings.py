"""The whole path ends alike wherever it runs: homes, locales, terminals, folders and streams of all kinds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from surroundings import PROGRAM, TARGET, WholePath, process

OURS = os.environ.get("PYTHONPATH", "")


pytestmark = pytest.mark.slow  # some seconds each


def with_startup(folder: Path, code: str) -> dict[str, str | None]:
    """Return the environment in which Python first runs some code, in worker processes too."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), OURS)))}


def test_a_home_in_which_nothing_can_be_made(whole_path: WholePath, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = {"HOME": str(tmp_path / "file"), "XDG_CACHE_HOME": None}
    whole_path(home)


def test_no_home_at_all(whole_path: WholePath, tmp_path: Path) -> None:
    # As in a container whose user id has no name: without HOME, Python asks the password database.
    nobody = with_startup(
        tmp_path / "site", "import pwd\n\ndef nobody(uid):\n    raise KeyError(uid)\n\npwd.getpwuid = nobody\n"
    )
    whole_path({"HOME": None, "XDG_CACHE_HOME": None, **nobody})


def comma_locale(tmp_path: Path) -> dict[str, str | None]:
    """Return the environment of a locale that writes 1,5: an installed one, or one made for the purpose."""
    installed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()
    for name in installed:
        if name.lower() in ("de_de.utf8", "fr_fr.utf8", "es_es.utf8", "it_it.utf8"):
            return {"LC_ALL": name}
    folder = tmp_path / "locales"
    folder.mkdir()
    made = shutil.which("localedef") and subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"], capture_output=True, check=False
    )
    if not made or not (folder / "de_DE.UTF-8").exists():
        pytest.skip("no locale with a decimal comma is installed, and none can be made")
    return {"LC_ALL": "de_DE.UTF-8", "LOCPATH": str(folder)}


def test_a_locale_with_a_decimal_comma(whole_path: WholePath, tmp_path: Path) -> None:
    # Python itself keeps the point; a program that has called setlocale hands the comma to every C library.
    comma = 'import locale\nlocale.setlocale(locale.LC_ALL, "")\nassert locale.str(1.5) == "1,5"\n'
    whole_path({"LANG": None, **comma_locale(tmp_path), **with_startup(tmp_path / "site", comma)})


@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LANG": None, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii streams", "ascii everywhere"],
)
def test_an_encoding_without_our_letters(whole_path: WholePath, environ: dict[str, str | None]) -> None:
    printed = whole_path(environ).stdout
    assert printed.isascii()
    assert rb"Ges\u00fcnder" in printed


def test_no_folder_for_temporary_files(whole_path: WholePath, tmp_path: Path) -> None:
    whole_path({"TMPDIR": str(tmp_path / "none"), "JOBLIB_TEMP_FOLDER": str(tmp_path / "nor this")})


def test_a_working_folder_that_is_read_only(whole_path: WholePath, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o555)
    whole_path({}, cwd=Path("/proc/self") if os.geteuid() == 0 else tmp_path / "mine")


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-", ">/dev/null 2>/dev/full"])
def test_streams_that_are_closed_or_lost(whole_path: WholePath, closed: str) -> None:
    if "full" in closed and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    whole_path({}, prefix=["sh", "-c", f'exec "$@" {closed}', "sh"])


def test_a_reader_of_all_output_that_goes_away_ends_no_work(whole_path: WholePath) -> None:
    whole_path({}, prefix=["sh", "-c", '{ "$@"; code=$?; } 2>&1 | head -n 1 >&2; exit $code', "sh"])


# ------------------------------------------------------------------------------------------ shared memory

SMALL_SHM = """
mount -t tmpfs -o size=64k tmpfs /dev/shm
{fill}
exec "$@"
"""


def in_own_mounts() -> bool:
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /dev/shm"]
    return (
        shutil.which("unshare") is not None and not subprocess.run(probe, capture_output=True, check=False).returncode
    )


@pytest.mark.parametrize("fill", ["", "cat /dev/zero > /dev/shm/full 2> /dev/null"], ids=["tiny", "full"])
def test_shared_memory_without_room(whole_path: WholePath, fill: str) -> None:
    if not in_own_mounts():
        pytest.skip("only root may mount a small /dev/shm in a namespace of its own")
    # Without room for a semaphore there are no worker processes: joblib says so, and works in this one.
    done = whole_path({}, prefix=["unshare", "-m", "sh", "-c", SMALL_SHM.format(fill=fill), "sh"], may_warn=bool(fill))
    assert (b"serial mode" in done.stderr) == bool(fill)


def test_temporary_files_without_room_are_told(data: Path, tmp_path: Path) -> None:
    if not in_own_mounts():
        pytest.skip("only root may mount a small folder in a namespace of its own")
    wide = shutil.copytree(data, tmp_path / "wide")
    for file in wide.rglob("audio/*.csv"):  # a megabyte in all: joblib hands that to its workers in files
        file.write_text(",".join([file.read_text().strip()] * 1000) + "\n")
    (tmp_path / "tiny").mkdir()
    small = 'mount -t tmpfs -o size=64k tmpfs "$JOBLIB_TEMP_FOLDER" && exec "$@"'
    fit = (PROGRAM, "fit", wide, "--config", wide / "quick.toml", "--jobs", "2", "--out", tmp_path / "model.joblib")
    environ = {"JOBLIB_TEMP_FOLDER": str(tmp_path / "tiny"), "HOME": str(tmp_path)}
    run = process(["unshare", "-m", "sh", "-c", small, "sh", *fit], environ)
    assert run.returncode == TARGET
    assert b"error: there is no space left for the temporary files" in run.stderr
    assert b"JOBLIB_TEMP_FOLDER" in run.stderr
    assert b"Traceback" not in run.stderr
    assert not (tmp_path / "model.joblib").exists()


def test_python_finds_the_code_under_test() -> None:
    import pdmr_classic

    run = subprocess.run(
        [sys.executable, "-c", "import pdmr_classic; print(pdmr_classic.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == pdmr_classic.__file__
