"""Strip charts: behaviour over time, and the seconds that an answer rests on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from smile_set import SETTINGS, fit_smile_model, write_smile_set

from pdmr_classic import DepressionModel, FeatureExtractor, load_dataset
from pdmr_classic.features.occlusion import Window
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.reporting.explanation._occlusion_effects import Question, find_marks
from pdmr_classic.reporting.explanation._strip import StripDraft, draft_strip, format_time
from pdmr_classic.reporting.explanation._strip_charts import finish_strips
from pdmr_classic.reporting.explanation._strip_lanes import choose_lanes
from pdmr_classic.reporting.explanation._time_series import TimeBins, describe_series


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_smile_set(tmp_path_factory.mktemp("strip"))


@pytest.fixture(scope="module")
def model(folder: Path) -> DepressionModel:
    return fit_smile_model(folder)


def make_strip(
    recording: Recording, contributions: dict[str, float], row: pd.DataFrame, model: DepressionModel
) -> dict[str, Any]:
    draft = draft_strip(recording, contributions, Question(row), model.settings)
    return finish_strips(model, {"": draft})[""] if isinstance(draft, StripDraft) else draft


def explain(model: DepressionModel, folder: Path, data_id: str, **changes: Any) -> dict[str, Any]:
    """Return the strip of a recording, with all contributions from AU12."""
    data = load_dataset(folder, split="test", use_labels=False)
    features = FeatureExtractor(SETTINGS).transform(data).reindex(columns=model.feature_names_)
    recording = replace(next(own for own in data.recordings if own.data_id == data_id), **changes)
    contributions = {name: -1.0 if "AU12" in name else 0.001 for name in features.columns if "video" in name}
    return make_strip(recording, contributions, features.loc[[data_id]], model)


@pytest.fixture(scope="module")
def strip(model: DepressionModel, folder: Path) -> dict[str, Any]:
    return explain(model, folder, "burst")


# -------------------------------------------------------------------------------------- seconds that speak


def test_the_seconds_of_the_only_smile_are_marked(strip: dict[str, Any]) -> None:
    lane = strip["lanes"][0]
    assert (lane["name"], lane["channels"], lane["kind"]) == ("AU12", ["AU12_r"], "action unit")
    assert [(mark["start_s"], mark["end_s"]) for mark in lane["marks"]] == [(10.0, 12.0)]
    # Smiles speak for Normal: without them, Depression is more likely.
    assert lane["marks"][0]["effect"] < -0.05
    assert lane["sentence"].startswith("0:10 to 0:12: with smiling (AU12) hidden, the log-odds would be")
    assert lane["sentence"].endswith("higher.")
    assert [(mark["start_s"], mark["end_s"]) for mark in strip["whole"]["marks"]] == [(10.0, 12.0)]


def test_behaviour_without_influence_has_no_marks(strip: dict[str, Any]) -> None:
    others = [lane for lane in strip["lanes"] if lane["name"] != "AU12"]
    assert {lane["name"] for lane in others} == {"AU04", "pose_Rx"}
    assert all(
        abs(mark["effect"]) < abs(strip["lanes"][0]["marks"][0]["effect"]) for lane in others for mark in lane["marks"]
    )


def test_hidden_seconds_are_a_gap_and_have_no_effect(model: DepressionModel, folder: Path) -> None:
    strip = explain(model, folder, "hidden")
    lane, place = strip["lanes"][0], strip["windows"].index([10.0, 12.0])
    assert strip["whole"]["effects"][place] is lane["effects"][place] is None
    assert lane["mean"][105] is None
    assert strip["valid"][105] == 0.0
    assert strip["valid_share"] == 0.9333
    assert lane["marks"] == []


def test_a_strip_is_json_without_nan(strip: dict[str, Any]) -> None:
    assert json.loads(json.dumps(strip, allow_nan=False)) == strip
    assert len(strip["time_s"]) == len(strip["valid"]) == 300


def test_there_is_no_strip_without_behaviour_over_time(model: DepressionModel, folder: Path) -> None:
    recording, row = Recording("001", audio=folder / "001.csv"), pd.DataFrame([[0.0]])
    strip = make_strip(recording, {"audio__vector__000": 1.0}, row, model)
    assert strip == {"reason": "nothing in the answer is behaviour over time: it comes from audio"}
    person = Recording("P1", events=(("E1", recording),))
    reason = make_strip(person, {"video__AU12_r__mean@E1": 1.0}, row, model)["reason"]
    assert reason.startswith("the model predicts persons")
    reason = make_strip(recording, {"video__AU12_r__mean": np.nan, "audio__vector__000": 0.0}, row, model)["reason"]
    assert reason == "no feature of this recording contributes to its answer"


def test_a_file_that_cannot_be_read_is_the_reason_for_no_strip(model: DepressionModel, folder: Path) -> None:
    (folder / "broken.csv").write_text("AU12_r\nabc\n")
    strip = explain(model, folder, "burst", video=folder / "broken.csv")
    assert strip["reason"].startswith("the file cannot be read: ")


@pytest.mark.parametrize(
    ("effects", "marks"),
    [
        ([0.0, 0.5, 0.0, 0.0, 0.0], [(Window(1, 2), 0.5)]),
        ([0.0, 0.5, 0.4, 0.0, 0.0], [(Window(1, 3), 0.5)]),
        ([0.0, 0.5, -0.4, 0.0, 0.0], [(Window(1, 2), 0.5), (Window(2, 3), -0.4)]),
        ([0.0, 0.5, None, 0.5, 0.0], [(Window(1, 2), 0.5), (Window(3, 4), 0.5)]),
        ([0.4, 0.5, 0.4, 0.5, 0.4], []),
        ([0.0, 0.04, 0.0, 0.0, 0.0], []),
        ([None] * 5, []),
    ],
    ids=["one", "adjoining", "opposite", "gap", "none stands out", "negligible", "no frames"],
)
def test_windows_that_stand_out_are_marked(effects: list[float | None], marks: list[tuple[Window, float]]) -> None:
    assert find_marks([Window(k, k + 1) for k in range(5)], effects) == marks


# ------------------------------------------------------------------------------------------------- lanes


def test_lanes_are_the_strongest_channels_of_each_kind() -> None:
    channels = [*(f"AU{number:02d}_r" for number in (1, 2, 4, 5, 6, 7)), "AU07_c", "pose_Rx", "gaze_angle_x", "x_30"]
    contributions = {f"video__{name}__mean": place / 10 for place, name in enumerate(channels)}
    contributions |= {"video__blink__rate": 9.0, "audio__vector__000": 9.0, "video__AU01_r__std": -0.35}
    lanes = choose_lanes(contributions, "video", channels)
    assert [lane.name for lane in lanes] == ["AU07", "x_30", "gaze_angle_x", "pose_Rx", "AU06", "AU01", "AU05"]
    assert lanes[0].channels == ("AU07_r", "AU07_c")
    assert lanes[0].contribution == pytest.approx(1.1)


def test_the_change_from_a_baseline_counts_for_the_channel() -> None:
    lanes = choose_lanes({"video__AU12_r__mean": 0.5, "video_change__AU12_r__mean": 0.25}, "video", ["AU12_r"])
    assert [lane.contribution for lane in lanes] == [0.75]


# ------------------------------------------------------------------------------------------- time series


def make_stream(values: list[float], rate: float = 10.0) -> Stream:
    time_s = np.arange(len(values)) / rate
    column = np.array(values, dtype=np.float32)[:, None]
    return Stream(column, ("AU12_r",), time_s, rate, np.isfinite(column[:, 0]))


def test_reduced_series_keep_peaks_and_gaps() -> None:
    values = [0.0] * 10 + [np.nan] * 4 + [0.0] * 6
    values[3] = 5.0
    stream = make_stream(values)
    bins = TimeBins.from_stream(stream, max_points=10)
    series = describe_series(stream, bins, "AU12_r")
    assert series["mean"] == [0.0, 2.5, 0.0, 0.0, 0.0, None, None, 0.0, 0.0, 0.0]
    assert series["high"][1] == 5.0
    assert bins.share(stream.valid) == [1.0] * 5 + [0.0] * 2 + [1.0] * 3


def test_missing_time_is_a_gap() -> None:
    stream = make_stream([1.0] * 20)
    stream.time_s[10:] += 1.0
    bins = TimeBins.from_stream(stream)
    series = describe_series(stream, bins, "AU12_r")
    assert series["mean"] == [1.0] * 10 + [None] * 10 + [1.0] * 10
    assert bins.share(stream.valid)[10] is None


@pytest.mark.parametrize("n", [1, 2, 599, 600, 601, 12_345])
def test_there_are_at_most_600_points_and_none_is_lost(n: int) -> None:
    stream = make_stream([1.0] * n, rate=29.97)
    bins = TimeBins.from_stream(stream)
    assert bins.n_bins <= 600
    assert np.bincount(bins.places).sum() == n
    assert None not in bins.share(stream.valid)


def test_rounded_timestamps_do_not_leave_gaps() -> None:
    stream = make_stream([1.0] * 500, rate=30.0)
    stream = replace(stream, time_s=np.round(stream.time_s, 3))
    assert None not in TimeBins.from_stream(stream).share(stream.valid)


def test_times_are_minutes_and_seconds() -> None:
    assert [format_time(value) for value in (0, 9.96, 61.24, 3600)] == ["0:00", "0:10", "1:01.2", "60:00"]
