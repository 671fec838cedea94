"""`pdmr-classic demo`: run the whole pipeline on synthetic data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import handle_errors
from pdmr_classic.cli._options import Debug, Jobs
from pdmr_classic.cli.check import check
from pdmr_classic.cli.fit import fit
from pdmr_classic.cli.predict import predict
from pdmr_classic.cli.score import score
from pdmr_classic.cli.synth import synth

# Enough trials to show tuning at work, few enough for a minute on a laptop.
TRIALS = 4


@handle_errors
def demo(
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder for the data, the model and results.jsonl (default: demo).", show_default=False
        ),
    ] = Path("demo"),
    jobs: Jobs = None,
    debug: Debug = False,
) -> None:
    """Run the whole pipeline on synthetic data: synth, check, fit, predict, score.

    Example: pdmr-classic demo --out demo
    """
    data, model, results = out / "data", out / "models" / "demo.joblib", out / "results.jsonl"
    if (data / "SYNTHETIC.md").is_file():
        _run_step(f"{data} exists already")
    else:
        _run_step(f"synth {data}", lambda: synth(data, debug=debug))
    _run_step(f"check {data}", lambda: check(data, jobs=jobs, debug=debug))
    _run_step(
        f"fit {data} --trials {TRIALS} --out {model}",
        lambda: fit(data, trials=TRIALS, out=model, jobs=jobs, debug=debug),
    )
    _run_step(
        f"predict {data} --model {model} --out {results} --proba",
        lambda: predict(data, model=model, out=results, proba=True, jobs=jobs, debug=debug),
    )
    _run_step(
        f"score {results} {data / 'test' / 'labels.csv'}",
        lambda: score(results, data / "test" / "labels.csv", debug=debug),
    )


def _run_step(command: str, run: Callable[[], None] | None = None) -> None:
    from rich.console import Console

    style = "bold" if run else None
    text = f"\n$ pdmr-classic {command}" if run else f"\n{command}"
    Console(highlight=False, markup=False, emoji=False).print(text, style=style, soft_wrap=True)
    if run is not None:
        run()
