"""A model refuses recordings that were measured in another way than its training set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DataError, DepressionModel, load_dataset
from pdmr_classic.io import view_files
from pdmr_classic.io.set_checks import ExtractedFile
from pdmr_classic.io.stream_facts import Range, StreamFacts
from pdmr_classic.models.measurements import compare_measurements, summarise_measurements
from pdmr_classic.progress import CollectingReporter


def scale_columns(source: Path, folder: Path, is_scaled: Callable[[str], bool], factor: float) -> Path:
    shutil.copytree(source, folder)
    for path in (folder / "video").iterdir():
        table = pd.read_csv(path, skipinitialspace=True)
        columns = [name for name in table if is_scaled(name)]
        table[columns] *= factor
        table.to_csv(path, index=False)
    return folder


@pytest.mark.parametrize(
    ("suffix", "factor", "kind"),
    [
        ("_r", 0.2, "AU intensity"),
        ("_r", 20.0, "AU intensity"),
        ("pose_R", 1 / 57.3, "head rotation"),
        ("pose_T", 0.1, "head position"),
    ],
)
def test_another_scale_is_refused_unless_allowed(
    fitted_model: DepressionModel, small_set: Path, tmp_path: Path, suffix: str, factor: float, kind: str
) -> None:
    data = load_dataset(scale_columns(small_set / "test", tmp_path / "test", lambda name: suffix in name, factor))
    with pytest.raises(DataError, match=rf"values of {kind} are [\d.]+ times as (large|small)[^\0]*--allow-mismatch"):
        fitted_model.predict(data)
    reporter = CollectingReporter()
    assert len(fitted_model.predict(data, allow_mismatch=True, reporter=reporter)) == len(data)
    assert "other-scale" in {finding.code for finding in reporter.findings}


def test_the_same_scale_is_not_mentioned(fitted_model: DepressionModel, small_set: Path) -> None:
    reporter = CollectingReporter()
    fitted_model.predict(load_dataset(small_set, split="test"), reporter=reporter)
    assert not [finding for finding in reporter.findings if finding.code.startswith("other-")]


def test_another_tracker_is_refused_unless_allowed_and_unknown_ones_are_not_compared(
    fitted_model: DepressionModel, small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_dataset(small_set, split="test")
    model = DepressionModel.__new__(DepressionModel)
    model.__dict__.update(fitted_model.__dict__)
    measurements = fitted_model.metadata_["measurements"]
    model.metadata_ = {**fitted_model.metadata_, "measurements": {**measurements, "trackers": {"video": "OpenFace 2"}}}
    read = view_files.read_stream
    for tracker, is_refused in (("py-feat", True), ("OpenFace 2", False), ("", False)):
        monkeypatch.setattr(
            view_files, "read_stream", lambda *a, t=tracker, **options: replace(read(*a, **options), tracker=t)
        )
        if is_refused:
            with pytest.raises(DataError, match=r"another program[^\0]*OpenFace 2[^\0]*py-feat"):
                model.predict(data)
        predictions = model.predict(data, allow_mismatch=is_refused)
        assert predictions.attrs.get("mismatch") == (["other-tracker"] if is_refused else None)


def test_a_model_without_measurements_compares_nothing(
    fitted_model: DepressionModel, small_set: Path, tmp_path: Path
) -> None:
    model = DepressionModel.__new__(DepressionModel)
    model.__dict__.update(fitted_model.__dict__)
    model.metadata_ = {
        name: value
        for name, value in fitted_model.metadata_.items()
        if name not in ("measurements", "excluded_channels")
    }
    folder = scale_columns(small_set / "test", tmp_path / "test", lambda name: name.endswith("_r"), 0.2)
    model.save(tmp_path / "old.joblib")
    loaded = DepressionModel.load(tmp_path / "old.joblib")
    assert len(loaded.predict(load_dataset(folder))) == len(load_dataset(folder))


def make_files(*sizes: float, rate: float = 30.0) -> list[ExtractedFile]:
    facts = [
        StreamFacts(("AU12_r",), 900, frame_rate_hz=rate, ranges={"AU intensity": Range(0, size, size)})
        for size in sizes
    ]
    return [ExtractedFile(Path("x.csv"), "video", fact) for fact in facts]


@pytest.mark.parametrize(
    ("sizes", "codes"),
    [
        ((3.1, 2.9, 3.6), ([], [])),
        ((1.4,), (["other-scale"], [])),
        ((0.6,), ([], ["other-scale"])),
        ((0.0, 0.0), ([], [])),
    ],
)
def test_the_factor_decides(sizes: tuple[float, ...], codes: tuple[list[str], list[str]]) -> None:
    trained = summarise_measurements(make_files(3.0, 2.5, 3.4, 4.0, 2.2))
    warnings, errors = compare_measurements(make_files(*sizes), trained)
    assert ([finding.code for finding in warnings], [finding.code for finding in errors]) == codes


@pytest.mark.parametrize(("rate", "is_told"), [(30.0, False), (25.0, False), (15.0, True), (60.0, True)])
def test_another_frame_rate_is_an_error(rate: float, is_told: bool) -> None:
    warnings, errors = compare_measurements(make_files(3.0, rate=rate), summarise_measurements(make_files(3.0, 3.1)))
    assert [finding.code for finding in errors] == ["other-frame-rate"] * is_told
    assert not warnings


def test_another_frame_rate_is_refused_unless_allowed(fitted_model: DepressionModel, small_set: Path) -> None:
    data = load_dataset(small_set, split="test")
    with pytest.raises(DataError, match=r"frame rate differs[^\0]*60 Hz[^\0]*--allow-mismatch"):
        fitted_model.predict(data, fps=60)
    predictions = fitted_model.predict(data, fps=60, allow_mismatch=True)
    assert predictions.attrs["mismatch"] == ["other-frame-rate"]


def test_files_with_none_of_the_channels_are_refused_unless_allowed(
    fitted_model: DepressionModel, small_set: Path, tmp_path: Path
) -> None:
    folder = scale_columns(small_set / "test", tmp_path / "test", lambda name: False, 1.0)
    for path in (folder / "video").iterdir():
        table = pd.read_csv(path, skipinitialspace=True)
        is_trained = table.columns.isin(fitted_model.metadata_["measurements"]["channels"])
        table.set_axis(np.where(is_trained, "other_" + table.columns, table.columns), axis=1).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"video channels that the model was trained on are missing[^\0]*AU01_r"):
        fitted_model.predict(load_dataset(folder))
    predictions = fitted_model.predict(load_dataset(folder), allow_mismatch=True)
    assert "other-channels" in predictions.attrs["mismatch"]


def test_the_manifest_holds_no_exact_value_of_a_recording(fitted_model: DepressionModel) -> None:
    measurements = fitted_model.metadata_["measurements"]
    numbers = [x for limits in measurements["ranges"].values() for values in limits.values() for x in values]
    assert numbers
    assert all(float(f"{x:.1e}") == x for x in [*numbers, *measurements["frame_rate_hz"]])
    assert json.loads(json.dumps(measurements)) == measurements


def test_quantities_of_several_channels_are_no_missing_channels(
    fitted_model: DepressionModel, small_set: Path, tmp_path: Path
) -> None:
    folder = scale_columns(small_set / "test", tmp_path / "test", lambda name: False, 1.0)
    for path in (folder / "video").iterdir():
        pd.read_csv(path, skipinitialspace=True).drop(columns=["AU04_r", "AU04_c"]).to_csv(path, index=False)
    reporter = CollectingReporter()
    fitted_model.predict(load_dataset(folder), reporter=reporter)
    (finding,) = [finding for finding in reporter.findings if finding.code == "missing-channels"]
    assert finding.found == "AU04_c, AU04_r"
