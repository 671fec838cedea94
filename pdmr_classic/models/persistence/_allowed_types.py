"""The types of the objects that a `.skops` model may contain: fixed here, never taken from a file."""

from __future__ import annotations

from importlib import import_module

_PACKAGE = "pdmr_classic"
_MODULES: dict[str, tuple[str, ...]] = {
    f"{_PACKAGE}.models.model": ("DepressionModel",),
    f"{_PACKAGE}.models._predictor": ("Predictor",),
    f"{_PACKAGE}.models.presence": ("Presence",),
    f"{_PACKAGE}.models._view_gate": ("ViewGate", "_Weights"),
    f"{_PACKAGE}.models.ensemble.stacking": ("GroupedStacker",),
    f"{_PACKAGE}.models.ensemble.views": ("View",),
    f"{_PACKAGE}.models.ensemble._combiner": ("Combiner",),
    f"{_PACKAGE}.models.ensemble.calibration": ("Calibrator",),
    f"{_PACKAGE}.models.ensemble.joining": ("JoinedFeatures",),
    f"{_PACKAGE}.models.decision.decision": ("Decision",),
    f"{_PACKAGE}.models.decision.conformal": ("SeverityIntervals", "LabelSets"),
    f"{_PACKAGE}.models.decision._residuals": ("Residuals", "ResidualSpread"),
    f"{_PACKAGE}.models.decision._prevalence_interval": ("CalibrationRows",),
    f"{_PACKAGE}.models.learners.member": ("Member",),
    f"{_PACKAGE}.models.learners.learners": ("_ScaledSVC", "_ScaledLogistic"),
    f"{_PACKAGE}.models.learners._lite": ("_ScaledRidge",),
    f"{_PACKAGE}.models.learners.regressors": ("_ScaledSVR", "_ScaledRidge", "_ClippedExtraTrees"),
    f"{_PACKAGE}.models.learners._ordinal": ("OrdinalLogistic",),
    f"{_PACKAGE}.models.learners.algorithm": ("ClippedExtraTrees",),
    f"{_PACKAGE}.models.learners.preprocessing": ("DropUninformative", "KeepBest", "RobustScale", "NormalizeAudio"),
    f"{_PACKAGE}.models.learners.blocks": ("ScaleBlocks",),
    f"{_PACKAGE}.models.learners.canonical": ("CanonicalVariates", "Projection"),
    f"{_PACKAGE}.models.learners.suppression": ("SuppressIdentity",),
    f"{_PACKAGE}.models.experts.stacks": ("ExpertStacks",),
    f"{_PACKAGE}.models.experts._combination": ("ConditionExperts",),
    f"{_PACKAGE}.models.experts._error_variance": ("ErrorVariance",),
    f"{_PACKAGE}.models.experts._gate": ("ConditionGate",),
    f"{_PACKAGE}.models.experts._mixture": ("Mixture", "ExpertShare"),
    f"{_PACKAGE}.models.severity.model": ("SeverityModel",),
    f"{_PACKAGE}.models.severity.stacker": ("SeverityStacker",),
    f"{_PACKAGE}.models.severity._blend": ("Blend",),
    f"{_PACKAGE}.models.severity.auxiliary": ("SeverityColumns", "_WeightedScores"),
    f"{_PACKAGE}.models.compiled.stack": ("CompiledStack", "CompiledMember", "CompiledCombiner"),
    f"{_PACKAGE}.models.compiled.forest": ("Forest",),
    f"{_PACKAGE}.models.compiled.fitted_features": ("Kinemes", "Tangent", "Absent", "Joined"),
    f"{_PACKAGE}.models.compiled.steps": (
        *("Columns", "Projection", "AudioVector", "Scale", "Suppress", "Linear", "RbfKernel", "PairwiseVotes"),
        *("Softmax", "LogOdds"),
    ),
    f"{_PACKAGE}.features.fold_fitted": ("FoldFittedFeatures",),
    f"{_PACKAGE}.features.families.kinemes": ("KinemeHistogram",),
    f"{_PACKAGE}.features.families.tangent": ("TangentMap",),
    f"{_PACKAGE}.io.labels.scales": ("Scale",),
    f"{_PACKAGE}.config": ("Settings", "LearningSettings"),
    f"{_PACKAGE}.errors": ("Finding",),
    "sklearn.pipeline": ("Pipeline",),
    "sklearn.preprocessing._label": ("LabelEncoder",),
    "sklearn.decomposition._pca": ("PCA",),
    "sklearn.cluster._kmeans": ("KMeans",),
    "sklearn.linear_model._logistic": ("LogisticRegression",),
    "sklearn.tree._classes": ("ExtraTreeClassifier", "ExtraTreeRegressor"),
    "pyriemann.tangentspace": ("TangentSpace",),
    "lightgbm.sklearn": ("LGBMClassifier", "LGBMRegressor"),
    "lightgbm.basic": ("Booster",),
    "xgboost.sklearn": ("XGBClassifier", "XGBRegressor"),
    "xgboost.core": ("Booster",),
}
_NAMES = {f"{module}.{name}": (module, name) for module, names in _MODULES.items() for name in names}


def name_type(kind: type) -> str:
    """Return the full name of a type."""
    return f"{kind.__module__}.{kind.__qualname__}"


def is_allowed(name: str) -> bool:
    """Return whether a type is on the list."""
    return name in _NAMES


def import_type(name: str) -> type:
    """Return a type on the list.

    Raises
    ------
    KeyError
        It is not on the list; nothing is imported.
    """
    module, attribute = _NAMES[name]
    kind: type = getattr(import_module(module), attribute)
    return kind
