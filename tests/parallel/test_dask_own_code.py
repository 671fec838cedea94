"""Users' own modules on the workers of a cluster: the version of this process, or one message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dask_processes import DaskProcesses
from distributed import Client
from own_code import own_modules

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation._estimator_systems import run_estimators
from pdmr_classic.evaluation._prepare_table import add_estimators
from pdmr_classic.evaluation.estimators import load_estimators
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.parallel.backend import run_tasks
from pdmr_classic.parallel.dask_cluster import use_dask
from pdmr_classic.progress import CollectingReporter

pytestmark = pytest.mark.slow  # a scheduler and its workers take seconds to start
MODULE = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Constant(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile([0.1, 0.9], (len(X), 1))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return the current folder, whose modules are forgotten afterwards."""
    (tmp_path / "here").mkdir()
    with own_modules(tmp_path / "here"):
        yield tmp_path / "here"


def run_on(cluster: DaskProcesses, module: str) -> list[list[float]]:
    """Return the probabilities that a worker computes with the estimator of a module."""
    index = pd.Index([f"r{k}" for k in range(16)])
    features = pd.DataFrame({"video__c__mean": np.arange(16.0)}, index)
    status = pd.Series(["Depression", "Normal"] * 8, index)
    table = EvaluationTable(features, status, pd.Series(index, index), ("Depression", "Normal"), "Depression")
    reporter = CollectingReporter()
    table = add_estimators(table, load_estimators([f"{module}:Constant"]), 0, reporter)
    arguments = [(OuterFold(0, 0, np.arange(12), np.arange(12, 16)), reporter)]
    with use_dask(cluster.address):
        (systems,) = run_tasks(run_estimators, arguments, n_jobs=1, shared=(table, Settings()))
    (record,) = systems.values()
    return record["probability"]  # type: ignore[no-any-return]


def test_an_estimator_of_another_version_on_a_worker_is_one_message(
    cluster: DaskProcesses, folder: Path, tmp_path: Path
) -> None:
    (folder / "own_changed.py").write_text(MODULE)
    older = tmp_path / "older"
    older.mkdir()
    (older / "own_changed.py").write_text(MODULE.replace("[0.1, 0.9]", "[0.9, 0.1]"))
    with Client(cluster.address, set_as_default=False) as client:
        client.run(exec, f"import sys; sys.path.append({str(older)!r}); import own_changed; sys.path.pop()")
    with pytest.raises(ConfigError, match=r"Constant is another version in a worker process(.|\n)*own_changed"):
        run_on(cluster, "own_changed")


def test_workers_find_an_estimator_in_the_current_folder(cluster: DaskProcesses, folder: Path) -> None:
    (folder / "own_shared.py").write_text(MODULE)
    assert run_on(cluster, "own_shared") == [[0.1, 0.9]] * 4
