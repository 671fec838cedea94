"""From labelled recordings to a model: what is checked, and that nothing is computed twice on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pdmr_classic import Settings, fit, load_dataset
from pdmr_classic.models import target_checks
from pdmr_classic.models.ensemble import _tuning, oof_scores, stacking, view_stack

CHECKS = ("check_labels", "choose_positive_class", "count_feasible_folds")


def test_a_fit_checks_its_labels_and_subjects_once(
    small_set: Path, quick_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            return function(*args, **kwargs)

        return counted

    for name in CHECKS:
        monkeypatch.setattr(target_checks, name, counting(name, getattr(target_checks, name)))
    monkeypatch.setattr(
        stacking, "count_feasible_folds", counting("count_feasible_folds", stacking.count_feasible_folds)
    )
    fit(load_dataset(small_set, split="train"), settings=quick_settings)
    assert calls == dict.fromkeys(CHECKS, 1)


def test_permutation_importance_fits_no_model_of_its_own(
    small_set: Path, quick_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: Counter[tuple[str, str]] = Counter()
    for module in (_tuning, view_stack, oof_scores):
        original = module.fit_member

        def fit_member(member: Any, *args: Any, place: str = module.__name__, original: Any = original) -> Any:
            fits[place.rsplit(".", 1)[1], member.name] += 1
            return original(member, *args)

        monkeypatch.setattr(module, "fit_member", fit_member)
    model = fit(load_dataset(small_set, split="train"), settings=quick_settings.override({"learning.trials": 2}))
    names = [member.name for member in model.stacker_.members_]
    n_folds = quick_settings.learning.folds
    # Two trials on each fold; one model per fold of other partitions, for meta-learner and importance; the final model.
    assert fits == {
        **{("_tuning", name): 2 * n_folds for name in names},
        **{("view_stack", name): 1 for name in names},
        **{("oof_scores", name): n_folds for name in names},
    }


def test_members_are_compared_on_other_folds_than_those_of_their_trials(
    small_set: Path, quick_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses of tuned members are optimistic on the folds on which they were tuned."""
    splits: dict[str, set[tuple[int, ...]]] = {}
    for module in (_tuning, oof_scores):

        def score_fold(
            member: Any, data: Any, fold: int, *args: Any, module: Any = module, original: Any = module._score_fold
        ) -> Any:
            splits.setdefault(module.__name__, set()).add((*data.rows, *data.folds[fold][1]))
            return original(member, data, fold, *args)

        monkeypatch.setattr(module, "_score_fold", score_fold)
    fit(load_dataset(small_set, split="train"), settings=quick_settings.override({"learning.trials": 2}))
    trials, comparison = splits[_tuning.__name__], splits[oof_scores.__name__]
    assert len(trials) == len(comparison) == 3 * quick_settings.learning.folds
    assert not trials & comparison
