"""`pdmr-classic evaluate`: how good a model is on people that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, show, verb
from pdmr_classic.cli._options import (
    AsJson,
    Config,
    Data,
    Debug,
    Fps,
    Groups,
    Jobs,
    Labels,
    Metric,
    NoCache,
    Positive,
    Seed,
    Threshold,
    Timeout,
    Trials,
    cache_folder,
    n_jobs,
    settings_of,
)


@verb
def evaluate(
    data: Data = Path(),
    labels: Labels = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="JSON to write, for compare.")] = Path("evaluation.json"),
    folds: Annotated[int, typer.Option(metavar="K", min=2, help="Outer folds.")] = 5,
    repeats: Annotated[int, typer.Option(metavar="R", min=1, help="How often new folds are made.")] = 3,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", metavar="COLUMN", help="Scores by subgroup of this label column; may be repeated."),
    ] = None,
    no_stress: Annotated[bool, typer.Option("--no-stress", metavar="", help="Leave out worse recordings.")] = False,
    trials: Trials = None,
    timeout: Timeout = None,
    seed: Seed = None,
    jobs: Jobs = None,
    groups: Groups = None,
    positive: Positive = None,
    metric: Metric = None,
    threshold: Threshold = None,
    fps: Fps = None,
    config: Config = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Estimate honestly how good a model is on new people, by repeated nested grouped cross-validation.

    Takes train/ of a folder that has one. A run that was ended goes on with the same command.

    Example: pdmr-classic evaluate DATA --repeats 1 --by gender --out mine.json
    """
    from pdmr_classic.evaluation.evaluate_features import evaluate as evaluate_data
    from pdmr_classic.evaluation.evaluate_features import write_evaluation
    from pdmr_classic.io.dataset import load_dataset
    from pdmr_classic.reporting.evaluation_tables import evaluation_tables
    from pdmr_classic.storage.atomic import check_ours, check_writable
    from pdmr_classic.storage.lock import in_progress
    from pdmr_classic.subjects.inference import groups_path

    settings = settings_of(
        config,
        trials=trials,
        timeout=timeout,
        seed=seed,
        metric=metric,
        threshold=threshold,
        groups=groups,
        positive=positive,
        fps=fps,
    )
    dataset = load_dataset(data, split="train", labels=labels, groups=settings.data.groups)
    check_writable(out)
    check_ours(out, "pdmr-classic/evaluation/", "the evaluation")
    check_writable(groups_path(out))
    with in_progress(out, ".folds") as keep, ConsoleReporter(quiet=as_json) as reporter:
        found = evaluate_data(
            dataset,
            settings=settings,
            folds=folds,
            repeats=repeats,
            by=by or (),
            stress=not no_stress,
            jobs=n_jobs(jobs),
            cache=cache_folder(no_cache),
            keep=keep,
            groups_out=groups_path(out),
            reporter=reporter,
        )
        write_evaluation(found, out)
    show({**found, "out": str(out)}, as_json, evaluation_tables)
