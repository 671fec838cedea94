"""Whether anything can be learned: a check without features, so that it can come before any file is read."""

from __future__ import annotations

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.models.learners import LEARNERS, chosen_learners
from pdmr_classic.models.target import check_labels, positive_class
from pdmr_classic.splits import feasible_folds


def check_learnable(status: pd.Series, groups: pd.Series, settings: Settings) -> None:
    """Refuse learners, labels and subjects that do not serve.

    Parameters
    ----------
    status, groups : Series of str, length n
        Label and subject of each recording, in the same order.
    settings : Settings

    Raises
    ------
    DataError
        Labels that do not go together, one class, or too few subjects.
    ConfigError
        An unknown learner, none that is left, or a positive class that is missing or unknown.
    """
    unknown = [name for name in settings.learning.learners if name not in LEARNERS]
    if unknown:
        raise ConfigError(
            "there is no such learner",
            expected=", ".join(LEARNERS),
            found=", ".join(unknown),
            mend="correct the name in the settings: [learning] learners = [...]",
        )
    if not chosen_learners(settings.learning):
        raise ConfigError(
            "no learner is left without those that keep rows of their training data",
            expected=", ".join(name for name, learner in LEARNERS.items() if not learner.keeps_rows),
            found=", ".join(settings.learning.learners),
            mend="name another learner, or allow training rows",
        )
    check_labels(status, settings.data.classes)
    feasible_folds(status, groups, settings.learning.folds)
    positive_class(sorted(status.unique()), settings.data.positive)
