"""`export_onnx`: a model as an ONNX file, checked against the model before it is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic._version import __version__
from pdmr_classic.arrays import Floats
from pdmr_classic.errors import ArtifactError, ConfigError, Finding
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.export._check_rows import make_check_rows
from pdmr_classic.models.export._graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph
from pdmr_classic.models.export._stack import INPUT, LABEL, PROBABILITIES, write_stack
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.storage.atomic import check_writable, write_atomic
from pdmr_classic.text import to_json

SCHEMA = "pdmr-classic/onnx/1"
TOLERANCE = 1e-5
_TRAINING_ROWS = Finding(
    "training-rows",
    "the file contains rows of training features, because a support vector machine stores them",
    hint="to share the file, train with --no-training-rows or --lite",
)


@dataclass(frozen=True)
class OnnxExport:
    """What was written.

    Attributes
    ----------
    path : Path
    n_bytes, n_features : int
    classes : list of str
        In the order of the columns of `probabilities`.
    n_rows : int
        Rows that ONNX Runtime and Python predicted alike.
    difference : float
        Largest difference between their probabilities.
    findings : tuple of Finding
        A warning if the file contains rows of training data.
    """

    path: Path
    n_bytes: int
    n_features: int
    classes: list[str]
    n_rows: int
    difference: float
    findings: tuple[Finding, ...] = ()


def export_onnx(model: DepressionModel, path: str | Path) -> OnnxExport:
    """Write a model that learned classes as an ONNX file: preprocessing, stack, missing modalities and threshold.

    The input `features` has shape [n, F] in double precision, in the order of the model's features, with NaN for
    missing values. The outputs are `label` [n] (text) and `probabilities` [n, K]; a row without any of the trained
    modalities has the label "" and NaN. Pooling of subjects and correction for prevalence are not included. The file
    stores schema, classes, positive class, threshold and feature names as metadata.

    Parameters
    ----------
    model : DepressionModel
    path : path-like
        Must end in `.onnx`.

    Raises
    ------
    ConfigError
        The extra `onnx` is not installed, the name does not end in `.onnx`, or a part of the model cannot be exported.
    ArtifactError
        ONNX Runtime does not predict what the model predicts; nothing is written.
    TargetError
        The file cannot be written.

    References
    ----------
    The operators: https://onnx.ai/onnx/operators/
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise ConfigError("the name of an ONNX file must end in .onnx", expected=f"{path.stem}.onnx", found=path.name)
    _require_onnx()
    check_writable(path)
    stack = _compile(model)
    rows = make_check_rows(model, stack)
    content, difference = _write_checked(model, stack, rows)
    write_atomic(path, lambda file: file.write(content))
    findings = (_TRAINING_ROWS,) if model.metadata_.get("contains_training_rows") else ()
    return OnnxExport(path, len(content), stack.n_features_in_, list(model.classes_), len(rows), difference, findings)


def _write_checked(model: DepressionModel, stack: CompiledStack, rows: Floats) -> tuple[bytes, float]:
    """Return the file and the largest difference, in double precision if single precision is too coarse."""
    decision = (model.classes_, model.positive_, model.threshold_)
    try:
        content = _serialise(write_stack(stack, *decision, np.float32), model)
        return content, _check(content, model, rows)
    except ArtifactError:
        content = _serialise(write_stack(stack, *decision, np.float64), model)
        return content, _check(content, model, rows)


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        raise ConfigError(
            "the export requires onnx and onnxruntime", hint="run pip install 'pdmr-classic[onnx]'"
        ) from None


def _compile(model: DepressionModel) -> CompiledStack:
    has_score = not model.learns_status or model.severity_ is not None
    if has_score or model.has_experts:
        raise ConfigError(
            "only models of classes, without experts, can be exported",
            expected="a model that was trained with --target status, without --experts",
            found="a model that predicts a score" if has_score else "a model with experts",
            hint="train a model without these options for the export",
        )
    if model.has_view_gate:
        raise ConfigError(
            "a model that weighs the modalities of each recording cannot be exported",
            expected="a model that was trained without --join-views",
            found="a gate that helped in training",
            hint="train a model without --join-views for the export",
        )
    predictor = _find_stack(model)
    return predictor if isinstance(predictor, CompiledStack) else CompiledStack(predictor)


def _find_stack(model: DepressionModel) -> GroupedStacker | CompiledStack:
    """Return what predicts the classes."""
    return model.stacker_ if model.lite_ is None else model.lite_


def _serialise(graph: Graph, model: DepressionModel) -> bytes:
    """Return the bytes of an ONNX model with its metadata."""
    from onnx import TensorProto, checker, helper

    value = helper.make_tensor_value_info
    body = helper.make_graph(
        graph.nodes,
        "pdmr-classic",
        [value(INPUT, TensorProto.DOUBLE, ["n", len(model.feature_names_)])],
        [
            value(LABEL, TensorProto.STRING, ["n"]),
            value(PROBABILITIES, TensorProto.DOUBLE, ["n", len(model.classes_)]),
        ],
        initializer=graph.initializers(),
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    proto = helper.make_model(
        body, opset_imports=opsets, ir_version=IR_VERSION, producer_name="pdmr-classic", producer_version=__version__
    )
    metadata = {
        "schema": SCHEMA,
        "classes": to_json(list(model.classes_)),
        "positive": to_json(model.positive_),
        "threshold": to_json(model.threshold_),
        "features": to_json(model.feature_names_),
    }
    helper.set_model_props(proto, metadata)
    checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content


def run_onnx(content: bytes, rows: Floats) -> tuple[np.ndarray[Any, Any], Floats]:
    """Return labels [n] and probabilities [n, K] that ONNX Runtime predicts, in one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    label, probability = session.run([LABEL, PROBABILITIES], {INPUT: np.ascontiguousarray(rows, dtype=np.float64)})
    return np.asarray(label, dtype=object), np.asarray(probability)


def _check(content: bytes, model: DepressionModel, rows: Floats) -> float:
    """Return the largest difference between the probabilities of ONNX Runtime and of the model."""
    table = pd.DataFrame(rows, columns=model.feature_names_)
    expected = np.asarray(_find_stack(model).predict_proba(table))
    threshold = model.threshold_
    labels = model.decision_.assign_classes(expected, table.index, threshold)["status"].to_numpy(dtype=object)
    usable = np.isfinite(expected).all(axis=1)
    found_labels, found = run_onnx(content, rows)
    gap = np.abs(np.where(np.isfinite(expected), expected - found, 0.0))
    is_wrong = (np.isnan(found).any(axis=1) == usable) | (gap > TOLERANCE).any(axis=1)
    is_wrong |= found_labels != np.where(usable, labels, "")
    if is_wrong.any():
        raise ArtifactError(
            "ONNX Runtime predicts something else than the model, so nothing was written",
            expected=f"equal labels, and probabilities within {TOLERANCE:g}",
            found=f"{int(is_wrong.sum())} of {len(rows)} check rows differ, by up to {np.nanmax(gap):.2g}",
            hint="try other versions of onnx and onnxruntime, and report this as a bug",
        )
    return float(gap.max())
