"""What the README shows is what the program prints, and what it says to type works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROGRAM = str(Path(sys.executable).parent / "pdmr-classic")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def without_figures(text: str) -> str:
    """Leave out what differs between machines: scores, counts and blanks at line ends."""
    lines = [re.sub(r"\d+(\.\d+)?", "#", line).rstrip() for line in text.splitlines()]
    return "\n".join(re.sub(r'"(Depression|Normal)"', '"…"', line) for line in lines if line)


def run(*command: str, cwd: Path) -> str:
    environment = os.environ | {"COLUMNS": "80"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("readme")
    return folder, run(PROGRAM, "demo", "--jobs", "2", cwd=folder)


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(demo: tuple[Path, str]) -> None:
    folder, printed = demo
    shown = blocks("console")[1]
    *_, score, results = re.split(r"^\$ (?:pdmr-classic|head).*\n", shown, flags=re.MULTILINE)
    assert without_figures(score) in without_figures(printed)
    first_lines = "\n".join((folder / "demo/results.jsonl").read_text(encoding="utf-8").splitlines()[:2])
    assert without_figures(results) == without_figures(first_lines)


@pytest.mark.slow
def test_the_demo_runs_the_commands_of_the_readme(demo: tuple[Path, str]) -> None:
    for command in re.findall(r"^\$ (pdmr-classic .*)$", blocks("console")[1], flags=re.MULTILINE):
        assert f"$ {command}" in demo[1]


@pytest.mark.slow
def test_the_python_example_runs(demo: tuple[Path, str]) -> None:
    (example,) = blocks("python")
    run(sys.executable, "-c", example, cwd=demo[0])
    assert (demo[0] / "models/mine.joblib").is_file()


def test_the_readme_names_every_verb_and_no_other() -> None:
    from pdmr_classic.cli.app import app

    verbs = [command.callback.__name__ for command in app.registered_commands if command.callback is not None]
    assert re.findall(r"^\| `(\w+)", README, flags=re.MULTILINE) == verbs


def test_the_readme_is_no_longer_than_a_newcomer_reads() -> None:
    assert len(README.splitlines()) <= 150
