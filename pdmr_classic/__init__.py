"""Depression recognition from privacy-preserved recordings with classical machine learning.

>>> import pdmr_classic
>>> pdmr_classic.__all__[:3]
['DataError', 'Dataset', 'DepressionModel']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pdmr_classic._version import __version__ as __version__

if TYPE_CHECKING:
    from pdmr_classic.config import Settings
    from pdmr_classic.errors import DataError, Finding, PdmrError
    from pdmr_classic.evaluation.evaluate import evaluate
    from pdmr_classic.evaluation.validate import validate
    from pdmr_classic.features.extractor import FeatureExtractor
    from pdmr_classic.features.load_features import load_features
    from pdmr_classic.features.own_families import register_family
    from pdmr_classic.io.dataset import Dataset, load_dataset
    from pdmr_classic.io.results import read_results, write_results
    from pdmr_classic.io.video.read_stream import read_stream
    from pdmr_classic.io.video.stream import Stream
    from pdmr_classic.metrics import score
    from pdmr_classic.models.ensemble.stacking import GroupedStacker
    from pdmr_classic.models.learners.own_learners import register_learner
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.models.severity.stacker import SeverityStacker
    from pdmr_classic.models.training import fit
    from pdmr_classic.splits import GroupedFolds
    from pdmr_classic.synthetic.dataset import make_synthetic

# Names are imported on first use, so that `pdmr-classic --help` does not load scikit-learn, pandas and the rest.
_MODULES = {
    "DataError": "pdmr_classic.errors",
    "Dataset": "pdmr_classic.io.dataset",
    "DepressionModel": "pdmr_classic.models.model",
    "FeatureExtractor": "pdmr_classic.features.extractor",
    "Finding": "pdmr_classic.errors",
    "GroupedFolds": "pdmr_classic.splits",
    "GroupedStacker": "pdmr_classic.models.ensemble.stacking",
    "PdmrError": "pdmr_classic.errors",
    "Settings": "pdmr_classic.config",
    "SeverityStacker": "pdmr_classic.models.severity.stacker",
    "Stream": "pdmr_classic.io.video.stream",
    "evaluate": "pdmr_classic.evaluation.evaluate",
    "fit": "pdmr_classic.models.training",
    "load_dataset": "pdmr_classic.io.dataset",
    "load_features": "pdmr_classic.features.load_features",
    "make_synthetic": "pdmr_classic.synthetic.dataset",
    "read_results": "pdmr_classic.io.results",
    "read_stream": "pdmr_classic.io.video.read_stream",
    "register_family": "pdmr_classic.features.own_families",
    "register_learner": "pdmr_classic.models.learners.own_learners",
    "score": "pdmr_classic.metrics",
    "validate": "pdmr_classic.evaluation.validate",
    "write_results": "pdmr_classic.io.results",
}

__all__ = [
    "DataError",
    "Dataset",
    "DepressionModel",
    "FeatureExtractor",
    "Finding",
    "GroupedFolds",
    "GroupedStacker",
    "PdmrError",
    "Settings",
    "SeverityStacker",
    "Stream",
    "evaluate",
    "fit",
    "load_dataset",
    "load_features",
    "make_synthetic",
    "read_results",
    "read_stream",
    "register_family",
    "register_learner",
    "score",
    "validate",
    "write_results",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
