"""From labelled recordings to a model: what is checked, and that nothing is computed twice on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pdmr_classic import Settings, fit, load_dataset
from pdmr_classic.models import target_checks
from pdmr_classic.models.ensemble import importance, stacking, tuning

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


def test_the_models_of_the_chosen_trial_are_not_fitted_again_for_the_stack(
    small_set: Path, quick_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: Counter[tuple[str, str]] = Counter()
    for module in (tuning, stacking, importance):
        original = module.fit_member

        def fit_member(member: Any, *args: Any, place: str = module.__name__, original: Any = original) -> Any:
            fits[place.rsplit(".", 1)[1], member.name] += 1
            return original(member, *args)

        monkeypatch.setattr(module, "fit_member", fit_member)
    model = fit(load_dataset(small_set, split="train"), settings=quick_settings)
    names = [member.name for member in model.stacker_.members_]
    n_folds = quick_settings.learning.folds
    # One trial and the permutation importance fit each fold; the stack fits the final model alone.
    assert fits == {
        **{("tuning", name): n_folds for name in names},
        **{("stacking", name): 1 for name in names},
        **{("importance", name): n_folds for name in names},
    }
