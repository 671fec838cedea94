"""Small awkward data sets, a home of their own for everything that the program keeps between runs, and no internet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import offline.sitecustomize as offline  # from here on, this process may not ask for the internet
import pytest

from pdmr_classic import DepressionModel, Settings, fit, load_dataset, make_synthetic

QUICK = {
    "learning.learners": ("lightgbm", "svm"),
    "learning.trials": 1,
    "learning.repeats": 1,
    "learning.folds": 3,
}


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests out of the user's cache and state, and whatever they start off the internet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(offline.__file__).parent), prepend=os.pathsep)
        for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight training and four test subjects, twice each, a tenth of the recordings without video or audio."""
    folder = tmp_path_factory.mktemp("small") / "set"
    make_synthetic(folder, subjects=12, segments=2, seconds=(4, 6), missing=0.1)
    return folder


@pytest.fixture(scope="session")
def quick_settings() -> Settings:
    """One trial of two learners on three folds."""
    return Settings().override(QUICK)


@pytest.fixture(scope="session")
def fitted_model(small_set: Path, quick_settings: Settings) -> DepressionModel:
    """Return a model fitted on `small_set`; tests must not change it."""
    return fit(load_dataset(small_set, split="train"), settings=quick_settings)


@pytest.fixture(scope="session")
def fitted_file(fitted_model: DepressionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of `fitted_model`, its manifest beside it; tests must copy what they change."""
    return fitted_model.save(tmp_path_factory.mktemp("models") / "small.joblib")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data sets."""
    folder = os.environ.get("PDMR_REAL_DATA")
    if not folder:
        pytest.skip("PDMR_REAL_DATA is not set: it names a folder with real data sets")
    return Path(folder)
