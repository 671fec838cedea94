"""Optuna searches as it did when results were measured, whatever its next version has as defaults."""

from __future__ import annotations

import contextlib
import functools
import inspect
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.pruners import WilcoxonPruner
from optuna.samplers import TPESampler

from pdmr_classic.models.ensemble import search
from pdmr_classic.models.ensemble.search import make_pruner, make_sampler


def is_deprecated(kind: type, name: str) -> bool:
    """Return whether Optuna warns of an argument when it is given."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(Exception):
            kind(**{name: object()})
    return any(issubclass(warning.category, FutureWarning) for warning in caught)


def left_to_optuna(kind: type, given: Iterable[str]) -> list[str]:
    arguments = inspect.signature(kind).parameters.keys() - given
    return sorted(name for name in arguments if not is_deprecated(kind, name))


@pytest.mark.parametrize(("kind", "make"), [(TPESampler, lambda: make_sampler(0)), (WilcoxonPruner, make_pruner)])
def test_every_argument_is_given(kind: type, make: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    original = kind.__init__

    @functools.wraps(original)
    def recorded(self: object, **arguments: Any) -> None:
        given.update(arguments)
        original(self, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "__init__", recorded)
        make()
    forgotten = left_to_optuna(kind, given)
    assert not forgotten, (
        f"{kind.__name__} of Optuna {optuna.__version__} chooses {', '.join(forgotten)} itself: "
        "give it in pdmr_classic/models/ensemble/search.py, so that the search stays as it was"
    )


def test_a_new_argument_is_noticed_and_a_deprecated_one_is_not_asked_for() -> None:
    class Newer:
        def __init__(self, *, seed: int = 0, old: object = None, new: int = 1) -> None:
            if old is not None:
                warnings.warn("`old` has been deprecated", FutureWarning, stacklevel=2)

    assert left_to_optuna(Newer, ["seed"]) == ["new"]


def test_a_tenth_of_the_trials_counts_as_good_and_old_ones_count_less() -> None:
    assert [search._n_good(n) for n in (0, 1, 10, 11, 1000)] == [0, 1, 1, 2, 25]
    assert [len(search._weights(n)) for n in (0, 1, 25, 60)] == [0, 1, 25, 60]
    np.testing.assert_array_equal(search._weights(25), np.ones(25))
    np.testing.assert_array_equal(search._weights(28), [1 / 28, (1 / 28 + 1) / 2, *np.ones(26)])
