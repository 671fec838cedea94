"""Helpers for tests of users' own code: modules in a folder, and a clean registry afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pdmr_classic.features.own_families import unregister_family
from pdmr_classic.models.learners.own_learners import unregister_learner
from pdmr_classic.plugins import list_plugins

STILLNESS = '''
import numpy as np
from pdmr_classic import register_family, register_learner
from sklearn.linear_model import LogisticRegression

THRESHOLD = 0.1


@register_family("stillness", kinds=["pose", "au_intensity"])
def stillness(signal, settings):
    """Share of frames in which a channel hardly moves.

    Formula: share of steps below a tenth of the standard deviation.

    Unit: 1.

    Source: this test.
    """
    steps = np.abs(np.diff(signal.values, axis=0))
    return {"share": (steps < THRESHOLD * signal.values.std(axis=0)).mean(axis=0)}


class OwnLogistic(LogisticRegression):
    pass


def suggest(trial):
    return {"C": trial.suggest_float("C", 0.01, 10.0, log=True)}


@register_learner("mine", search_space=suggest, defaults={"C": 0.1}, stores_rows=False)
def build(params, seed):
    return OwnLogistic(**params, max_iter=500)


def forest():
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(10)
'''


def forget_plugins() -> None:
    """Remove all plugins, and the modules that registered them."""
    for plugin in list_plugins():
        (unregister_family if plugin.kind == "family" else unregister_learner)(plugin.name)
        if plugin.module != "__main__" and not plugin.module.startswith(("pdmr_classic", "test_", "tests")):
            sys.modules.pop(plugin.module, None)


@contextmanager
def own_modules(folder: Path) -> Iterator[None]:
    """Work in a folder with modules, and forget these and what they registered afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        before = set(sys.modules)
        try:
            yield
        finally:
            forget_plugins()
            for name in set(sys.modules) - before:
                if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(folder)):
                    del sys.modules[name]
