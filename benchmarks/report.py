"""How long a report takes, and how large it is: the whole command, from the start of Python to the written page.

    python benchmarks/report.py --rounds 5

An evaluation of a synthetic set (60 recordings, 3 folds, 2 repeats, linear learner), and the same with its predictions
repeated under other names, as if there were 6,000 recordings. The commands take turns; each is compared with `--help`
of the same round. CPU time is that of all threads, and varies less than time on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

PROGRAM = (sys.executable, "-m", "pdmr_classic")
SETTINGS = "[learning]\nlearners = ['linear']\ntrials = 1\nrepeats = 1\nfolds = 3\n"
COPIES = 100


def run(folder: Path, *args: str) -> tuple[float, float]:
    """Run a command; return its time and CPU time in s."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*PROGRAM, *args], cwd=folder, check=True, capture_output=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make_evaluation(folder: Path) -> None:
    """Write an evaluation, and one with many more recordings."""
    (folder / "quick.toml").write_text(SETTINGS)
    run(folder, "synth", "data", "--subjects", "45", "--segments", "2")
    options = ("--config", "quick.toml", "--folds", "3", "--repeats", "2", "--by", "gender", "--out", "small.json")
    run(folder, "evaluate", "data", *options)
    evaluation = json.loads((folder / "small.json").read_text())
    (folder / "large.json").write_text(json.dumps(enlarge(evaluation)))


def enlarge(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return the evaluation with each prediction repeated for other recordings of other subjects."""
    rows = evaluation["predictions"]
    n_subjects = 1 + max(row["subject"] for row in rows)
    predictions = [
        {**row, "recording": f"{row['recording']}{copy}", "subject": row["subject"] + copy * n_subjects}
        for copy in range(COPIES)
        for row in rows
    ]
    systems = {
        name: {key: values * COPIES for key, values in part.items()} for name, part in evaluation["systems"].items()
    }
    counts = {name: evaluation[name] * COPIES for name in ("n_recordings", "n_subjects")}
    return {**evaluation, **counts, "predictions": predictions, "systems": systems}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(argv).rounds
    commands = {
        "--help": ("--help",),
        "dict, 60 recordings": ("report", "small.json", "--json"),
        "page, 60 recordings": ("report", "small.json", "--out", "small.html"),
        "page, 6,000 recordings": ("report", "large.json", "--out", "large.html"),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_evaluation(folder)
        measured = [{label: run(folder, *command) for label, command in commands.items()} for _ in range(rounds)]
        times = {label: np.array([part[label] for part in measured]) for label in commands}
        print("| command | fastest, s | CPU, s | CPU : --help | range |\n|---|---|---|---|---|")
        for label, values in times.items():
            ratios = values[:, 1] / times["--help"][:, 1]
            print(
                f"| {label} | {values[:, 0].min():.2f} | {values[:, 1].min():.2f} | {np.median(ratios):.1f} "
                f"| {ratios.min():.1f} to {ratios.max():.1f} |"
            )
        for size in ("small", "large"):
            kilobytes = {end: (folder / f"{size}.{end}").stat().st_size / 1000 for end in ("json", "html")}
            print(f"{size}: evaluation {kilobytes['json']:,.0f} kB, page {kilobytes['html']:,.0f} kB")


if __name__ == "__main__":
    main()
