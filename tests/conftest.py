"""Shared fixtures: small datasets and models, separate cache and state folders, and no internet access."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import offline.sitecustomize as offline  # blocks internet access of this process
import one_thread  # noqa: F401  (before NumPy)
import pytest
from threadpoolctl import threadpool_limits

from pdmr_classic import DepressionModel, Settings, fit, load_dataset, make_synthetic

QUICK = {
    "learning.learners": ("lightgbm", "svm"),
    "learning.trials": 1,
    "learning.repeats": 1,
    "learning.folds": 3,
}


@pytest.fixture(scope="session", autouse=True)
def _isolated_user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use temporary cache and state folders, block internet access of child processes, and default to one job.

    Tests run in one process per core. More processes are started only by tests that ask for them: each must import
    the libraries, which takes longer than the work on a small set.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(offline.__file__).parent), prepend=os.pathsep)
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")
        for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture
def several_threads() -> Iterator[None]:
    """Let BLAS and OpenMP use four threads, as in the process of a user."""
    with threadpool_limits(4):
        yield


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight training and four test subjects with two recordings each; 10% of recordings lack video or audio."""
    folder = tmp_path_factory.mktemp("small") / "set"
    make_synthetic(folder, subjects=12, segments=2, seconds=(4, 6), missing=0.1)
    return folder


@pytest.fixture(scope="session")
def quick_settings() -> Settings:
    """Settings with one trial of two learners on three folds."""
    return Settings().override(QUICK)


@pytest.fixture(scope="session")
def fitted_model(small_set: Path, quick_settings: Settings) -> DepressionModel:
    """Model fitted on `small_set`; tests must not change it."""
    return fit(load_dataset(small_set, split="train"), settings=quick_settings)


@pytest.fixture(scope="session")
def fitted_file(fitted_model: DepressionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of `fitted_model` with its manifest next to it; tests must not change them, but copy them first."""
    return fitted_model.save(tmp_path_factory.mktemp("models") / "small.joblib")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real datasets; the only place where tests are skipped if it is not configured."""
    folder = os.environ.get("PDMR_REAL_DATA")
    if not folder:
        pytest.skip("PDMR_REAL_DATA, the folder of real datasets, is not set")
    assert Path(folder).is_dir(), f"PDMR_REAL_DATA must name a folder, got {folder!r}"
    return Path(folder)
