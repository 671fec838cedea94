"""The search does not depend on the defaults of Optuna, which change between versions."""

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
    """Return whether Optuna warns that an argument is deprecated."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(Exception):
            kind(**{name: object()})
    return any(issubclass(warning.category, FutureWarning) for warning in caught)


def find_defaults(kind: type, arguments: Iterable[str]) -> list[str]:
    missing = inspect.signature(kind).parameters.keys() - arguments
    return sorted(name for name in missing if not is_deprecated(kind, name))


@pytest.mark.parametrize(("kind", "make"), [(TPESampler, lambda: make_sampler(0)), (WilcoxonPruner, make_pruner)])
def test_every_argument_is_set(kind: type, make: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: dict[str, Any] = {}
    original = kind.__init__

    @functools.wraps(original)
    def record(self: object, **arguments: Any) -> None:
        recorded.update(arguments)
        original(self, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "__init__", record)
        make()
    defaults = find_defaults(kind, recorded)
    assert not defaults, (
        f"{kind.__name__} of Optuna {optuna.__version__} uses its defaults for {', '.join(defaults)}: "
        "set them in pdmr_classic/models/ensemble/search.py, so that the search does not change"
    )


def test_new_arguments_are_detected_and_deprecated_ones_are_ignored() -> None:
    class Newer:
        def __init__(self, *, seed: int = 0, old: object = None, new: int = 1) -> None:
            if old is not None:
                warnings.warn("`old` has been deprecated", FutureWarning, stacklevel=2)

    assert find_defaults(Newer, ["seed"]) == ["new"]


def test_a_tenth_of_the_trials_is_good_and_old_ones_have_lower_weight() -> None:
    assert [search._n_good(n) for n in (0, 1, 10, 11, 1000)] == [0, 1, 1, 2, 25]
    assert [len(search._weights(n)) for n in (0, 1, 25, 60)] == [0, 1, 25, 60]
    np.testing.assert_array_equal(search._weights(25), np.ones(25))
    np.testing.assert_array_equal(search._weights(28), [1 / 28, (1 / 28 + 1) / 2, *np.ones(26)])
