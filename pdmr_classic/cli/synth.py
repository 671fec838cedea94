"""`pdmr-classic synth`: write a synthetic set."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pdmr_classic.cli._console import ConsoleReporter, show, verb
from pdmr_classic.cli._options import AsJson, Debug


@verb
def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that does not exist yet, or is empty.")],
    subjects: Annotated[int, typer.Option(help="Subjects, in train and test together.")] = 60,
    segments: Annotated[int, typer.Option(help="Recordings of each subject.")] = 3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 0,
    missing: Annotated[float, typer.Option(help="Share of recordings without video or without audio.")] = 0.05,
    masked: Annotated[float, typer.Option(help="Share of recordings with a hidden face for a while.")] = 0.2,
    truth: Annotated[bool, typer.Option("--truth", metavar="", help="Also write what was planted.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write a synthetic set in the shape of PDMR.

    Example: pdmr-classic synth DATA --subjects 60 --segments 3
    """
    from pdmr_classic.synthetic.dataset import make_synthetic

    with ConsoleReporter(quiet=as_json) as reporter:
        made = make_synthetic(
            out,
            subjects=subjects,
            segments=segments,
            seed=seed,
            missing=missing,
            masked=masked,
            truth=truth,
            progress=lambda done, total: reporter.progress("writing", done, total),
        )
    show({"synthetic": True, **asdict(made), "out": str(made.out)}, as_json, _sentence)


def _sentence(made: dict[str, Any]) -> str:
    return (
        f"{made['n_train']} training and {made['n_test']} test recordings of {made['n_subjects']} subjects\n"
        f"Written: {made['out']} (synthetic: no person was recorded)"
    )
