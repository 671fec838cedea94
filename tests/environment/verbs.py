"""Run check, extract, fit and predict one after another in this process, as users do: `python verbs.py DATA OUT JOBS`.

One process, because importing the libraries takes longer than the work on a small set.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pdmr_classic.cli.app import main


def run(*args: str | Path) -> None:
    sys.argv = ["pdmr-classic", *map(str, args)]
    try:
        main()
    except SystemExit as end:
        if end.code:
            print(f"{args[0]} ended with {end.code}", file=sys.stderr)
            sys.exit(end.code)


if __name__ == "__main__":
    data, out, jobs = Path(sys.argv[1]), Path(sys.argv[2]), ("--jobs", sys.argv[3])
    config = ("--config", data / "quick.toml", *jobs)
    run("check", data, *jobs)
    run("extract", data, "--split", "train", *config, "--out", out / "features.parquet")
    run("fit", data, *config, "--out", out / "model.joblib")
    run("predict", data, "--model", out / "model.joblib", *jobs, "--proba", "--out", out / "results.jsonl")
