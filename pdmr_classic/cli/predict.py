"""`pdmr-classic predict`: one line a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, show, verb
from pdmr_classic.cli._options import AsJson, Data, Debug, Fps, Jobs, NoCache, cache_folder, n_jobs


@verb
def predict(
    data: Data = Path(),
    model: Annotated[Path, typer.Option(metavar="FILE", help="Model that fit wrote.")] = Path(
        "models/pdmr-classic.joblib"
    ),
    out: Annotated[Path, typer.Option(metavar="FILE", help="Results to write.")] = Path("results.jsonl"),
    proba: Annotated[
        bool, typer.Option("--proba", metavar="", help="Add the probability of the positive class.")
    ] = False,
    fps: Fps = None,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Predict every recording; takes test/ of a folder that has one.

    Example: pdmr-classic predict DATA --model models/mine.joblib --out results.jsonl
    """
    from pdmr_classic.io.atomic import check_writable
    from pdmr_classic.io.dataset import load_dataset
    from pdmr_classic.io.results import write_results
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.reporting.summary import summarise_predictions
    from pdmr_classic.reporting.tables import prediction_table

    dataset = load_dataset(data, split="test", with_labels=False)
    check_writable(out)
    with ConsoleReporter(quiet=as_json) as reporter:
        loaded = DepressionModel.load(model, reporter=reporter)
        loaded.settings = loaded.settings.override({"reading.fps": fps})
        predictions = loaded.predict(dataset, jobs=n_jobs(jobs), cache=cache_folder(no_cache), reporter=reporter)
    write_results(predictions, out, proba=proba)
    show(summarise_predictions(predictions, out, synthetic=dataset.is_synthetic), as_json, prediction_table)
