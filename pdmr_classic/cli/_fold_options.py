"""The options `--fold` and `--join`, which share the outer folds of an evaluation between runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from pdmr_classic.cli._console import show
from pdmr_classic.cli._panels import EVALUATION

Fold = Annotated[
    str | None,
    typer.Option(
        "--fold",
        rich_help_panel=EVALUATION,
        metavar="K",
        help="Only compute this outer fold, numbered from 1 over all repeats, or several, such as 1,4-6, and store it "
        "in the folder OUT.folds. Several runs may do so at the same time, also on machines that share a file system.",
    ),
]
Join = Annotated[
    bool,
    typer.Option(
        "--join",
        rich_help_panel=EVALUATION,
        metavar="",
        help="Compute no outer fold: join those that runs with --fold have stored. The result is that of one run.",
    ),
]


def check_fold_options(
    fold: str | None, *, join: bool, out: Path | None, report: Path | None
) -> tuple[int, ...] | None:
    """Return the numbers of the outer folds to compute, or None for all; check with `--join` that all are there.

    Raises
    ------
    ConfigError
        The options do not go together, or outer folds are missing.
    """
    from pdmr_classic.errors import ConfigError
    from pdmr_classic.evaluation.fold_numbers import parse_fold_numbers
    from pdmr_classic.evaluation.fold_storage import check_all_finished

    if fold is None and not join:
        return None
    if fold is not None and join:
        raise ConfigError("--fold and --join exclude each other", hint="run --fold for every fold, then --join")
    if out is None:
        option = "--join" if join else "--fold"
        raise ConfigError(f"{option} needs --out", expected="the same --out FILE in all runs, on a shared file system")
    if fold is not None and report is not None:
        raise ConfigError("--fold writes no report", hint="give --report with --join")
    if fold is not None:
        return parse_fold_numbers(fold)
    check_all_finished(_folder(out))
    return None


@contextmanager
def hold_folds(out: Path, numbers: tuple[int, ...] | None) -> Iterator[Path]:
    """Yield the folder of finished outer folds; lock the target and remove the folder at the end, but with `--fold`.

    Raises
    ------
    TargetError
        It cannot be written; or, with `--fold`, the folds were joined already.
    """
    from pdmr_classic.errors import TargetError
    from pdmr_classic.evaluation.fold_storage import fold_path, remove_folds
    from pdmr_classic.storage.atomic import check_writable
    from pdmr_classic.storage.resume import hold_target

    folder = _folder(out)
    if numbers and out.exists() and not folder.exists():
        raise TargetError(
            "the evaluation exists, and no outer folds of an unfinished one",
            code="folds-joined",
            file=out,
            expected=f"no such file yet, or the folder {folder.name}",
            found="the outer folds were joined, or it is an older evaluation",
            hint="to evaluate again, delete the file or choose a different --out",
        )
    if folder.is_dir() or numbers:
        check_writable(fold_path(folder, 1))
    if numbers:
        yield folder
        return
    with hold_target(out, folder.suffix, remove=remove_folds) as parts:
        yield parts


def _folder(out: Path) -> Path:
    return out.with_name(f"{out.name}.folds")


def show_folds(summary: Mapping[str, Any], as_json: bool) -> None:
    """Print which outer folds were stored, and which are missing."""
    show(dict(summary), as_json, _describe_folds)


def _describe_folds(summary: Mapping[str, Any]) -> str:
    from pdmr_classic.evaluation.fold_numbers import format_fold_numbers

    numbers, n_folds = format_fold_numbers(summary["folds"]), summary["n_folds"]
    folds = "Outer fold" if len(summary["folds"]) == 1 else "Outer folds"
    verb = "is" if len(summary["folds"]) == 1 else "are"
    lines = [f"{folds} {numbers} of {n_folds} {verb} in {summary['checkpoint']}."]
    if missing := summary["missing"]:
        lines.append(f"Missing: --fold {format_fold_numbers(missing)}.")
    else:
        lines.append("All are finished: run the same command with --join instead of --fold.")
    return "\n".join(lines)
