"""`pdmr-classic synth`: write a synthetic data set."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import AsJson, Debug


@handle_errors
def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to: a new or an empty one.")],
    subjects: Annotated[
        int,
        typer.Option(metavar="N", help="Total number of subjects in train and test (default: 60).", show_default=False),
    ] = 60,
    segments: Annotated[
        int, typer.Option(metavar="N", help="Recordings per subject (default: 3).", show_default=False)
    ] = 3,
    seed: Annotated[int, typer.Option(metavar="N", help="Random seed (default: 0).", show_default=False)] = 0,
    missing: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Fraction of recordings without video or without audio (default: 0.05).",
            show_default=False,
        ),
    ] = 0.05,
    masked: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Fraction of recordings in which the face is hidden part of the time (default: 0.2).",
            show_default=False,
        ),
    ] = 0.2,
    depressed: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Fraction of depressed subjects (default: 0.5); 0.3 gives skewed scores with few severe ones.",
            show_default=False,
        ),
    ] = 0.5,
    condition: Annotated[
        bool,
        typer.Option(
            "--condition",
            metavar="",
            help="Add a column `interviewer` (human or robot), which changes how behaviour depends on severity.",
        ),
    ] = False,
    truth: Annotated[
        bool,
        typer.Option("--truth", metavar="", help="Also write the simulated behaviour (ground truth) to OUT/truth/."),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write a synthetic data set in the format of PDMR.

    Example: pdmr-classic synth DATA --subjects 60 --segments 3
    """
    from pdmr_classic.synthetic.dataset import make_synthetic

    with ConsoleReporter(quiet=as_json) as reporter:
        dataset = make_synthetic(
            out,
            subjects=subjects,
            segments=segments,
            seed=seed,
            missing=missing,
            masked=masked,
            depressed=depressed,
            condition=condition,
            truth=truth,
            progress=lambda done, total: reporter.progress("writing", done, total),
        )
    show({"synthetic": True, **asdict(dataset), "out": str(dataset.out)}, as_json, _describe)


def _describe(summary: dict[str, Any]) -> str:
    return (
        f"{summary['n_train']} training and {summary['n_test']} test recordings of {summary['n_subjects']} subjects\n"
        f"Written: {summary['out']} (synthetic: no person was recorded)"
    )
