"""The strip chart of a recording as a dict: its behaviour over time, and the seconds that the answer rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions
from pdmr_classic.features.names import base_name, feature_view, level_name, vector_modalities
from pdmr_classic.features.occlusion import Window, read_behaviour, split_into_windows
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.reporting.explanation._channel_names import channel_unit, name_channel
from pdmr_classic.reporting.explanation._occlusion_effects import (
    Question,
    ask_without_windows,
    compute_effects,
    find_marks,
)
from pdmr_classic.reporting.explanation._strip_lanes import Lane, choose_lanes
from pdmr_classic.reporting.explanation._time_series import TimeBins, describe_series

_METHOD = (
    "The recording is cut into windows of {window_s:g} s. The frames of one window at a time are hidden, for one "
    "behaviour or for all, and the features are computed and predicted again. The effect of a window is the {answer} "
    "of the whole recording minus that without the window. Marked windows have at least half of the largest effect, "
    "three times the median, and 0.05; if they form more than five stretches, none is marked. Windows are removed one "
    "at a time, so effects do not add up, and behaviour that lasts the whole recording has none."
)


@dataclass(frozen=True, eq=False)
class StripDraft:
    """A strip chart before its effects are known.

    Attributes
    ----------
    stream : Stream
    view : str
    windows : list of Window
    lanes : list of Lane
    question : Question
    rows : ndarray, shape [1 + (1 + n_lanes) * n_windows, F]
        Features whose answers `finish` needs.
    """

    stream: Stream
    view: str
    windows: list[Window]
    lanes: list[Lane]
    question: Question
    rows: Floats

    def finish(self, answers: Floats, answer: str = "log-odds") -> dict[str, Any]:
        """Return the strip chart.

        Parameters
        ----------
        answers : ndarray
            Of `rows`.
        answer : str
            What contributions add up to, for the sentences.

        Returns
        -------
        dict
            `view`, `start_s`, `end_s`, `step_s`, `time_s` (centres), `valid` (share of valid frames), `frame_rate_hz`,
            `window_s`, `windows`, `method`, `whole` (`effects` of windows in which everything is hidden, `marks` and a
            `sentence`), and `lanes` with the same and `mean`, `low`, `high`.
        """
        stream, windows = self.stream, self.windows
        bins = TimeBins.from_stream(stream)
        whole, *effects = compute_effects(answers, stream, windows)
        window_s = windows[0].end_s - windows[0].start_s
        centres = bins.start_s + (np.arange(bins.n_bins) + 0.5) * bins.step_s
        return {
            "view": self.view,
            "start_s": round(bins.start_s, 3),
            "end_s": round(bins.start_s + bins.n_bins * bins.step_s, 3),
            "step_s": round(bins.step_s, 6),
            "frame_rate_hz": stream.frame_rate_hz,
            "time_s": [round(float(time), 3) for time in centres],
            "valid": bins.share(stream.valid),
            "valid_share": round(float(stream.valid.mean()), 4),
            "window_s": round(window_s, 3),
            "windows": [[window.start_s, window.end_s] for window in windows],
            "method": _METHOD.format(window_s=round(window_s, 2), answer=answer),
            "whole": _describe_effects(windows, whole, answer, "these seconds"),
            "lanes": [
                self._describe_lane(lane, bins, own, answer) for lane, own in zip(self.lanes, effects, strict=True)
            ],
        }

    def _describe_lane(
        self, lane: Lane, bins: TimeBins, effects: Sequence[float | None], answer: str
    ) -> dict[str, Any]:
        shown = lane.channels[0]
        unit, name = channel_unit(self.view, shown), name_channel(self.view, shown)
        return {
            "name": lane.name,
            "label": name if name.startswith(shown) else name[:1].upper() + name[1:],
            "unit": unit.name or unit.scale,
            "channels": list(lane.channels),
            "kind": lane.kind,
            "contribution": round(lane.contribution, 6),
            **describe_series(self.stream, bins, shown, unit.factor),
            **_describe_effects(self.windows, effects, answer, name),
        }


def draft_strip(
    recording: Recording,
    contributions: Mapping[str, float],
    question: Question,
    settings: Settings,
    exclusions: Exclusions = NO_EXCLUSIONS,
) -> StripDraft | dict[str, str]:
    """Read the behaviour of a recording over time, or return the `reason` why there is no strip chart.

    Parameters
    ----------
    recording : Recording
    contributions : mapping of str to float
        By feature; NaN where the recording lacks the modality.
    question : Question
    settings, exclusions
        Of the model.
    """
    if recording.events:
        return {"reason": "the model predicts persons from several recordings, which have no common time"}
    contributions = {name: value for name, value in contributions.items() if np.isfinite(value)}
    files = {modality: (path, parts) for modality, path, parts in recording.files}
    view = next((name for name in rank_stream_views(contributions) if name in files), None)
    if view is None:
        modalities = " and ".join(dict.fromkeys(feature_view(name) for name, value in contributions.items() if value))
        if not modalities:
            return {"reason": "no feature of this recording contributes to its answer"}
        return {"reason": f"nothing in the answer is behaviour over time: it comes from {modalities}"}
    path, parts = files[view]
    try:
        stream = read_behaviour(path, view, settings, parts, exclusions)
    except DataError as error:
        return {"reason": f"the file cannot be read: {error.finding.what}"}
    if not stream.valid.any():
        return {"reason": f"no frame of the {view} is valid"}
    lanes, windows = choose_lanes(contributions, view, stream.channels), split_into_windows(stream)
    groups = [None, *(lane.channels for lane in lanes)]
    rows = ask_without_windows(question, stream, view, windows, groups, settings)
    return StripDraft(stream, view, windows, lanes, question, rows)


def rank_stream_views(contributions: Mapping[str, float]) -> list[str]:
    """Return the modalities with behaviour over time, that with the largest contributions first."""
    vectors = set(vector_modalities(contributions)) | {"covariates"}
    totals: dict[str, float] = {}
    for name, value in contributions.items():
        view = feature_view(level_name(base_name(name)))
        if view not in vectors:
            totals[view] = totals.get(view, 0.0) + abs(value)
    return sorted((view for view, total in totals.items() if total), key=lambda view: -totals[view])


def _describe_effects(
    windows: Sequence[Window], effects: Sequence[float | None], answer: str, subject: str
) -> dict[str, Any]:
    marks = find_marks(windows, effects)
    return {
        "effects": [None if effect is None else round(effect, 6) for effect in effects],
        "marks": [{"start_s": mark.start_s, "end_s": mark.end_s, "effect": round(effect, 6)} for mark, effect in marks],
        "sentence": _write_sentence(marks, answer, subject),
    }


def _write_sentence(marks: Sequence[tuple[Window, float]], answer: str, subject: str) -> str:
    """Return a sentence about the seconds that speak, or that none stands out."""
    if not marks:
        return "No seconds stand out."
    window, effect = max(marks, key=lambda mark: abs(mark[1]))
    direction = "lower" if effect > 0 else "higher"
    stretch = f"{format_time(window.start_s)} to {format_time(window.end_s)}"
    more = f"; {len(marks) - 1} more marked" if len(marks) > 1 else ""
    return f"{stretch}: with {subject} hidden, the {answer} would be {abs(effect):.2f} {direction}{more}."


def format_time(time_s: float) -> str:
    """Return a time as minutes and seconds.

    Examples
    --------
    >>> format_time(83.2), format_time(7.5)
    ('1:23.2', '0:07.5')
    """
    minutes, seconds = divmod(round(time_s, 1), 60)
    whole = f"{seconds:04.1f}".removesuffix(".0")
    return f"{int(minutes)}:{whole}"
