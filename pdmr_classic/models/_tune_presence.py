"""Tune what predicts the class, on folds other than those it is stacked on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array

from pdmr_classic.config import Settings
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.study_storage import AnyStudies
from pdmr_classic.models.ensemble.tuning import tune
from pdmr_classic.models.learners.learners import make_members
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.target_checks import Target
from pdmr_classic.progress import Reporter


def tune_presence(
    features: pd.DataFrame,
    target: Target,
    settings: Settings,
    *,
    jobs: int,
    storage: AnyStudies,
    reporter: Reporter,
) -> tuple[list[Member], FoldData]:
    """Tune the base learners; return them and the folds that they are stacked on. Parameters as for `fit_presence`."""
    learning = settings.learning
    all_folds = make_fold_data(
        check_array(features.to_numpy(dtype=np.float64), ensure_all_finite="allow-nan", ensure_min_features=0),
        [str(name) for name in features.columns],
        target.codes,
        target.groups.to_numpy(dtype=object),
        n_folds=target.n_folds,
        # Losses of tuned members are optimistic on the folds of their trials: they are compared on other ones.
        repeats=2 * learning.repeats,
        seed=learning.seed,
        weights=target.weights,
        join_views=learning.join_views,
        suppress_identity=learning.suppress_identity,
    )
    tuning_data = all_folds.select_repeats(0, learning.repeats)
    fold_data = all_folds.select_repeats(learning.repeats, 2 * learning.repeats)
    for finding in (*target.findings, *fold_data.findings):
        reporter.note(finding)
    members = make_members(fold_data.views, learning)
    members = tune(members, tuning_data.view_data, learning, jobs=jobs, reporter=reporter, storage=storage)
    return members, fold_data
