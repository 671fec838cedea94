"""Tuning by several processes, which share the studies in a database.

Every process suggests a trial per study, computes it and stores it, until enough are finished or running. The process
that trains the model then waits for the running ones. So there may be a few trials more than asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from pdmr_classic.config import LearningSettings
from pdmr_classic.models.ensemble._fold_losses import Scores
from pdmr_classic.models.ensemble._member_study import MemberStudy, use_defaults
from pdmr_classic.models.ensemble._shared_studies import SharedStudies
from pdmr_classic.models.ensemble.fold_data import ViewData
from pdmr_classic.models.learners.member import Member
from pdmr_classic.progress import Reporter

_IS_DEFAULT = "is_default"
_ACTIVE = (TrialState.COMPLETE, TrialState.RUNNING)


class SharedMemberStudy(MemberStudy):
    """The study of one member that other processes add trials to, in any order."""

    _skip_if_finished = True

    def __init__(self, member: Member, data: ViewData, settings: LearningSettings, shared: SharedStudies) -> None:
        super().__init__(member, data, settings, shared.open(member.name))
        self._shared, self._salt = shared, (shared.salt,)
        self._is_lost = False

    @property
    def n_running(self) -> int:
        """Number of trials that some process is running, as far as is known."""
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def needs_trial(self, n_trials: int) -> bool:
        """Return whether a trial should be started: too few are finished or running, or the default is neither."""
        self._shared.requeue_stale(self.study)
        return self.n_finished + self.n_running < n_trials or not self._default_trials(_ACTIVE)

    def report(self, folds: Sequence[int], scores: Scores) -> None:
        """Report the losses, unless the trial was given to another process, because heartbeats did not get through."""
        try:
            super().report(folds, scores)
        except UpdateFinishedTrialError:
            self._is_lost = True

    def prune(self) -> bool:
        """Stop the trial if it is clearly worse; never the default one, which the best one is compared with."""
        is_default = self.trial.user_attrs.get(_IS_DEFAULT, False)
        if self._is_lost or (not is_default and super().prune()):
            self._end_trial()
            return True
        return False

    def finish(self) -> None:
        """Complete the trial with its mean loss."""
        super().finish()
        self._end_trial()

    @property
    def _default_trial(self) -> FrozenTrial | None:
        return next(iter(self._default_trials((TrialState.COMPLETE,))), None)

    def _default_trials(self, states: tuple[TrialState, ...]) -> list[FrozenTrial]:
        trials = self.study.get_trials(deepcopy=False, states=states)
        return [trial for trial in trials if trial.user_attrs.get(_IS_DEFAULT)]

    def _enqueue_default(self, n_finished: int) -> None:
        if not self._default_trials((*_ACTIVE, TrialState.WAITING)):
            params = dict(use_defaults(self.member, self.data).params)
            self.study.enqueue_trial(params, user_attrs={_IS_DEFAULT: True})

    def _start_trial(self) -> optuna.Trial:
        self._is_lost = False
        return self._shared.start_trial(self.study)

    def _end_trial(self) -> None:
        self._shared.end_trial(self.study, self.trial.number)
        if not self._is_lost:
            self._shared.n_finished[self.member.name] += 1


def run_shared_rounds(
    studies: Sequence[SharedMemberStudy],
    n_trials: int,
    settings: LearningSettings,
    run_round: Callable[[Sequence[SharedMemberStudy]], None],
    shared: SharedStudies,
    reporter: Reporter,
) -> None:
    """Run rounds until each study has enough trials, or the time is over.

    Parameters
    ----------
    studies : sequence of SharedMemberStudy
    n_trials : int
        Finished trials per study, of all processes; 0 runs none.
    settings : LearningSettings
        Its `timeout`.
    run_round : callable
        Runs one trial of each of some studies.
    shared : SharedStudies
    reporter : Reporter
    """
    started = time.monotonic()
    while n_trials and studies:
        reporter.progress("tuning", min(n_trials, *(study.n_finished for study in studies)), n_trials)
        pending = [study for study in studies if study.needs_trial(n_trials)]
        if pending:
            run_round(pending)
        elif shared.waits and any(study.n_running for study in studies):
            shared.wait()
        else:
            break
        if settings.timeout is not None and time.monotonic() - started > settings.timeout:
            break
