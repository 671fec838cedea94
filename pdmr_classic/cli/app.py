"""The program `pdmr-classic`: its commands, in the order in which they are used."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pdmr_classic import __version__
from pdmr_classic.cli._interrupt import interruptible
from pdmr_classic.cli._streams import prepare_streams
from pdmr_classic.cli.audit import audit
from pdmr_classic.cli.check import check
from pdmr_classic.cli.compare import compare
from pdmr_classic.cli.demo import demo
from pdmr_classic.cli.embed import embed
from pdmr_classic.cli.evaluate import evaluate
from pdmr_classic.cli.explain import explain
from pdmr_classic.cli.export import export
from pdmr_classic.cli.extract import extract
from pdmr_classic.cli.features import features
from pdmr_classic.cli.fit import fit
from pdmr_classic.cli.predict import predict
from pdmr_classic.cli.report import report
from pdmr_classic.cli.score import score
from pdmr_classic.cli.synth import synth
from pdmr_classic.cli.validate import validate
from pdmr_classic.errors import PdmrError

app = typer.Typer(
    name="pdmr-classic",
    help="Recognise depression from OpenFace streams and audio vectors. No subject is ever on both sides of a split.",
    epilog="Exit codes: 0 success, 1 bug, 2 usage, 3 data, 4 model file, 5 output not writable, 130 interrupted.\n\n"
    "Try it: pdmr-classic demo. For research only, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS = (
    *(demo, synth, embed, check, extract, features, fit, predict, explain, score, evaluate, compare, validate, audit),
    *(report, export),
)
for function in COMMANDS:
    app.command()(function)


def _print_version(flag: bool) -> None:
    if flag:
        print(f"pdmr-classic {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the program."""
    prepare_streams()
    with interruptible():
        try:
            try:
                app()
            finally:
                sys.stdout.flush()
        except PdmrError as error:  # outside any command: even the help cannot be printed
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.exit_code)
