"""The study of one member: which hyperparameters to try, when to stop a trial, and which trial is used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from pdmr_classic.config import LearningSettings
from pdmr_classic.models.ensemble._fold_losses import Scores, compute_fold_losses
from pdmr_classic.models.ensemble.fold_data import ViewData
from pdmr_classic.models.ensemble.search import make_sampler
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.search_spaces import default_params, suggest_params

# With fewer folds, the Wilcoxon test has too little power: its smallest p-value is 2^-folds.
_MIN_FOLDS_TO_PRUNE = 10
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


class MemberStudy:
    """The study of one member: suggests, reports and prunes trials."""

    # More parts of the sampler's seed.
    _salt: tuple[str, ...] = ()
    _skip_if_finished = False

    def __init__(self, member: Member, data: ViewData, settings: LearningSettings, study: optuna.Study) -> None:
        self.member, self.data, self.seed = member, data, settings.seed
        self.folds_per_repeat = len(data.folds) // settings.repeats
        self.candidate = member
        self.study = study
        self._losses: list[float] = []

    @property
    def tuned_member(self) -> Member:
        """The member with the hyperparameters of the best trial, or the default ones if within one standard error.

        Without trials, these are the default ones.

        The best of many noisy trials is partly lucky, and generalises worse than a default with a similar loss. This is
        the one-standard-error rule (Breiman et al. 1984), paired by fold.
        """
        default = self._default_trial
        if default is None:
            return use_defaults(self.member, self.data)
        best = self.study.best_trial
        gain = np.array([default.intermediate_values[fold] - loss for fold, loss in best.intermediate_values.items()])
        # Folds of one repeat are disjoint; further repeats contain the same people and do not reduce the error.
        is_better = len(gain) > 1 and gain.mean() > gain.std(ddof=1) / np.sqrt(self.folds_per_repeat)
        trial = best if is_better else default
        return replace(self.member, params=trial.user_attrs["params"])

    @property
    def _default_trial(self) -> FrozenTrial | None:
        return next(iter(self.study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])), None)

    @property
    def n_finished(self) -> int:
        """Number of completed or pruned trials."""
        return len(self.study.get_trials(deepcopy=False, states=FINISHED))

    def ask(self) -> None:
        """Start a trial; the first one uses default hyperparameters."""
        n_finished = self.n_finished
        self._enqueue_default(n_finished)
        # The seed depends only on the number of finished trials, so that a resumed study suggests the same again.
        self.study.sampler = make_sampler(_derive_seed(self.seed, self.member.name, n_finished, *self._salt))
        self.trial = self._start_trial()
        view = (self.data.has_audio, self.data.is_joint, self.member.suppresses)
        params = suggest_params(self.member.learner, self.trial, *view)
        self.trial.set_user_attr("params", params)
        self.candidate = replace(self.member, params=params)
        self._losses = []

    def _enqueue_default(self, n_finished: int) -> None:
        if not n_finished:
            self.study.enqueue_trial(dict(use_defaults(self.member, self.data).params))

    def _start_trial(self) -> optuna.Trial:
        return self.study.ask()

    def report(self, folds: Sequence[int], scores: Scores) -> None:
        """Report the loss on each fold of one repeat."""
        for fold, loss in zip(folds, compute_fold_losses(folds, scores, self.data), strict=True):
            if np.isfinite(loss):
                self.trial.report(loss, step=fold)
                self._losses.append(loss)

    def prune(self) -> bool:
        """Stop the trial if it is worse than the best one, compared by fold; return whether it was stopped."""
        can_prune = len(self.data.folds) >= _MIN_FOLDS_TO_PRUNE > len(self._losses)
        if can_prune and self.trial.should_prune():
            self.study.tell(self.trial, state=TrialState.PRUNED, skip_if_finished=self._skip_if_finished)
            return True
        return False

    def finish(self) -> None:
        """Complete the trial with its mean loss."""
        self.study.tell(self.trial, float(np.mean(self._losses)), skip_if_finished=self._skip_if_finished)


def use_defaults(member: Member, data: ViewData) -> Member:
    """Return the member with the default hyperparameters of its learner."""
    params = default_params(member.learner, data.has_audio, data.is_joint, member.suppresses)
    return replace(member, params=params)


def _derive_seed(*parts: Any) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest(), "little")
