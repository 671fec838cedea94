"""`pdmr-classic embed`: turn sound files into audio vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import AsJson, Debug, Jobs, n_jobs
from pdmr_classic.cli._panels import CHECKS


@handle_errors
def embed(
    sounds: Annotated[
        Path, typer.Argument(metavar="WAVS", help="Folder of sound files: wav, flac, ogg, opus or aiff.")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the vectors, such as DATA/train/audio.")],
    codebook: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Codebook (.npz) to use; it is fitted on WAVS if the file does not exist (default: "
            "DATA/audio_codebook.npz, for --out DATA/train/audio and DATA/test/audio alike).",
        ),
    ] = None,
    fit: Annotated[
        bool,
        typer.Option("--fit", metavar="", help="Fit the codebook on WAVS even if it exists. Then embed all again."),
    ] = False,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Random seed of the codebook (default: 0).", show_default=False)
    ] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", metavar="", help="Replace vectors that exist.")] = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            rich_help_panel=CHECKS,
            metavar="",
            help="Skip files that cannot be embedded, and list them; without it, they are an error and nothing is "
            "written.",
        ),
    ] = False,
    jobs: Jobs = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write one audio vector of 768 numbers per sound file.

    48 log-Mel bands without silence, encoded by NetVLAD with 16 centres.
    The centres are fitted on the first folder, which must be the training
    data, and used for all others. Needs: pip install 'pdmr-classic[audio]'

    Example: pdmr-classic embed DATA/train_wavs --out DATA/train/audio

    Then: pdmr-classic embed DATA/test_wavs --out DATA/test/audio
    """
    from pdmr_classic.audio.embed import embed_sounds

    with ConsoleReporter(quiet=as_json) as reporter:
        result = embed_sounds(
            sounds,
            out,
            codebook=codebook,
            fit=fit,
            seed=seed,
            overwrite=overwrite,
            skip_bad=skip_bad,
            jobs=n_jobs(jobs),
            reporter=reporter,
        )
    summary = {
        "recordings": len(result.data_ids),
        "hours": round(result.seconds / 3600, 4),
        "silence": round(result.silence, 4),
        "out": str(out),
        "codebook": str(result.codebook),
        "fitted": result.fitted,
        "skipped": [finding.as_dict() for finding in result.skipped],
        "findings": reporter.findings,
    }
    show(summary, as_json, _describe)


def _describe(summary: dict[str, Any]) -> str:
    skipped = f"; {len(summary['skipped'])} skipped" if summary["skipped"] else ""
    hours = summary["hours"]
    duration = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"
    return (
        f"{summary['recordings']} vectors from {duration} of sound{skipped}\n"
        f"Codebook: {summary['codebook']} ({'fitted on these recordings' if summary['fitted'] else 'not changed'})\n"
        f"Written: {summary['out']}"
    )
