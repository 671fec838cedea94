"""What an evaluation costs: models to train, and the budget of each."""

from __future__ import annotations

from collections.abc import Iterator

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.text import format_count


def describe_cost(table: EvaluationTable, n_folds: int, settings: Settings) -> Iterator[Finding]:
    """Yield the note of how many models will be trained for a number of outer folds; nothing for none."""
    if n_folds == 0:
        return
    learning = settings.learning
    each = "one" if table.recordings is None else "two (persons, and single recordings to be pooled)"
    n_models = n_folds * (1 if table.recordings is None else 2)
    what = f"{format_count(n_models, 'model')} will be tuned and trained, {each} per outer fold"
    learners = [*(learning.learners if table.classes else ())]
    learners += [f"{name} (score)" for name in settings.severity.learners if table.scores is not None]
    budget = f"{format_count(learning.trials, 'trial')} per base learner; learners per view: {', '.join(learners)}"
    yield Finding("cost", what, found=budget, hint="to save time, reduce --folds, --repeats or --trials")
