"""`make_hub_files`: a model as the files of a folder for the Hugging Face hub, checked before anything is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import ArtifactError, ConfigError, Finding
from pdmr_classic.features.names import MATERIAL, feature_view
from pdmr_classic.models.export._check_rows import make_random_rows
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.models.persistence.artifact import SKOPS_DIGEST, SKOPS_FILE, read_manifest, read_model_bytes
from pdmr_classic.models.persistence.skops_file import SKOPS_SUFFIX, dump_skops, load_skops
from pdmr_classic.progress import Reporter
from pdmr_classic.text import to_json

_N_ROWS = 50
_SEVERITY_ONLY, _CLASSES = "tabular-regression", "tabular-classification"
_TRAINING_ROWS = Finding(
    "training-rows",
    "both model files contain rows of training features, because a support vector machine stores them",
    hint="before you share the folder, make sure that you may share these rows, or train with --no-training-rows or "
    "--lite",
)
_CONTENT_HASHES = Finding(
    "content-hashes",
    "model.json and both model files contain salted hashes of the training recordings: whoever has a recording can "
    "find out whether it was among them",
)


@dataclass(frozen=True)
class HubFiles:
    """A model, and what its folder contains.

    Attributes
    ----------
    manifest : dict
        Of both model files.
    files : dict of str to bytes
        By file name: the model as `.skops` and as `.joblib`, the manifest, the configuration and the requirements.
    task : str
        Name of the task on the hub.
    n_rows : int
        Rows that both model files predicted alike.
    findings : tuple of Finding
        What the files reveal about the training data.
    """

    manifest: dict[str, Any]
    files: dict[str, bytes]
    task: str
    n_rows: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class HubExport:
    """What was written.

    Attributes
    ----------
    folder : Path
    sizes : dict of str to int
        Size of each file in bytes.
    n_rows : int
        Rows that both model files predicted alike.
    upload : str
        Command that would upload the folder.
    findings : tuple of Finding
        What the files reveal about the training data, and what the model card lacks.
    """

    folder: Path
    sizes: dict[str, int]
    n_rows: int
    upload: str
    findings: tuple[Finding, ...]


def make_hub_files(path: str | Path, *, trust: bool = False, reporter: Reporter | None = None) -> HubFiles:
    """Convert a model to a `.skops` file, and check that it predicts exactly what the model predicts.

    Parameters
    ----------
    path : path-like
        Of a `.joblib` file; see `DepressionModel.load` for `trust` and `reporter`.

    Raises
    ------
    ConfigError
        The file is not a `.joblib` file, skops is not installed, or the model contains a learner of the user.
    ArtifactError
        The model cannot be opened, or the converted model predicts something else.
    """
    path = Path(path)
    if path.is_dir() or path.suffix == SKOPS_SUFFIX:
        raise ConfigError("export --hub needs a model that fit wrote", expected="a .joblib file", found=str(path))
    model = DepressionModel.load(path, trust=trust, reporter=reporter)
    manifest = read_manifest(path)
    content = read_model_bytes(path, manifest)
    converted = dump_skops(model)
    n_rows = _check_predictions(model, converted)
    manifest[SKOPS_DIGEST] = hashlib.sha256(converted).hexdigest()
    task = _CLASSES if model.classes_ else _SEVERITY_ONLY
    requirements = _list_requirements(manifest)
    files = {
        SKOPS_FILE: converted,
        "model.joblib": content,
        "model.json": (to_json(manifest, indent=1) + "\n").encode(),
        "config.json": (to_json(_make_config(requirements, task), indent=2) + "\n").encode(),
        "requirements.txt": ("\n".join(requirements) + "\n").encode(),
    }
    return HubFiles(manifest, files, task, n_rows, tuple(_find_disclosures(manifest)))


def _check_predictions(model: DepressionModel, content: bytes) -> int:
    """Compare the predictions for random rows, and return their number."""
    copy = load_skops(content, Path(SKOPS_FILE))
    table = pd.DataFrame(_make_rows(model), columns=model.feature_names_)
    expected, found = (part.predictor_.predict_raw(table) for part in (model, copy))
    pairs: list[tuple[Any, Any]] = [(expected.probability, found.probability), (expected.scores, found.scores)]
    is_equal = all(a is b or np.array_equal(a, b, equal_nan=True) for a, b in pairs)
    if not is_equal or copy.threshold_ != model.threshold_ or copy.classes_ != model.classes_:
        raise ArtifactError(
            "the model in the .skops file predicts something else than the model, so nothing was written",
            hint="report this as a bug",
        )
    return len(table)


def _make_rows(model: DepressionModel) -> Floats:
    """Return random rows, some of them without one or any modality."""
    rows = make_random_rows(model, _N_ROWS)
    views = np.array([feature_view(name) for name in model.feature_names_])
    rows[:, views == MATERIAL] = np.nan  # random numbers are no covariances
    for k, view in enumerate(sorted(set(views))):
        rows[3 * k : 3 * (k + 1), views == view] = np.nan
    rows[-1] = np.nan
    return rows


def _list_requirements(manifest: dict[str, Any]) -> list[str]:
    """Return pinned requirements: the versions with which the model was trained."""
    libraries, families = manifest["libraries"], manifest["settings"]["features"]["families"] or ()
    extras = "hub,riemann" if "au_tangent" in families else "hub"
    own = f"pdmr-classic[{extras}]=={libraries['pdmr-classic']}"
    others = [f"{name}=={libraries[name]}" for name in ("scikit-learn", "lightgbm", "numpy", "scipy")]
    version, linux, intel = libraries["xgboost"], "'Linux'", "'x86_64'"
    boosters = [
        f"xgboost-cpu=={version}; platform_system == {linux} and platform_machine == {intel}",
        f"xgboost=={version}; platform_system != {linux} or platform_machine != {intel}",
    ]
    return [own, *others, *boosters]


def _make_config(requirements: list[str], task: str) -> dict[str, Any]:
    """Return the configuration from which the hub knows the model file.

    There is no example row: the hub's own inference has no pdmr-classic, and a row would be one of the training data.
    """
    model = {"environment": requirements, "model": {"file": SKOPS_FILE}, "model_format": "skops", "task": task}
    return {"sklearn": model}


def _find_disclosures(manifest: dict[str, Any]) -> list[Finding]:
    findings = [_TRAINING_ROWS] if manifest.get("contains_training_rows") else []
    return [*findings, _CONTENT_HASHES] if manifest.get("content_hashes") else findings
