"""Stress tests: performance on held-out recordings whose quality was degraded after training."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.baselines import drop_modality, find_present_modalities
from pdmr_classic.evaluation.held_out_rows import match_rows
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import HEADLINE_SCORES, score_repeat
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.file_features import Alteration
from pdmr_classic.io.audio.embeddings import Embedding
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.io.view_files import KINDS, STREAM, VECTOR, FileKind
from pdmr_classic.progress import Reporter, announce

_DROPPED_SHARES = (0.1, 0.3, 0.5)
_NOISE_SD = 0.1


def drop_frames(stream: Stream, share: float, seed: int = 0) -> Stream:
    """Mark a random share of the frames as invalid."""
    is_dropped = _content_rng(stream, seed).random(stream.n_frames) < share
    return replace(stream, valid=stream.valid & ~is_dropped)


def add_noise(stream: Stream, times_sd: float, seed: int = 0) -> Stream:
    """Add Gaussian noise to each channel, with a standard deviation of `times_sd` times that of the channel.

    Binary channels (such as `AU28_c`) are unchanged, because noise would make them continuous.
    """
    values = stream.values.copy(order="K")
    rng = _content_rng(stream, seed)
    for column, name in enumerate(stream.channels):
        valid = values[stream.valid, column]
        valid = valid[np.isfinite(valid)]
        if channel_kind(name) != "au_presence" and len(valid):
            values[:, column] += times_sd * valid.std() * rng.standard_normal(stream.n_frames, dtype=np.float32)
    return replace(stream, values=values)


def halve_rate(stream: Stream) -> Stream:
    """Keep every second frame."""
    return replace(
        stream,
        values=np.asfortranarray(stream.values[::2]),
        time_s=stream.time_s[::2],
        valid=stream.valid[::2],
        frame_rate_hz=stream.frame_rate_hz / 2,
        confidence=None if stream.confidence is None else stream.confidence[::2],
    )


def add_noise_to_vector(embedding: Embedding, times_sd: float, seed: int = 0) -> Embedding:
    """Add Gaussian noise to a vector, with `times_sd` times the standard deviation of its components."""
    noise = _content_rng(embedding, seed).standard_normal(len(embedding.values))
    return replace(embedding, values=embedding.values + times_sd * np.nanstd(embedding.values) * noise)


def _content_rng(stream: Stream | Embedding, seed: int) -> np.random.Generator:
    # Seeded by content: an alteration must not depend on the name of a recording or on the other recordings.
    return np.random.default_rng([seed, zlib.crc32(stream.content.encode())])


def make_alterations(seed: int, kinds: Mapping[str, FileKind] = KINDS) -> dict[str, dict[str, Alteration]]:
    """Return the alterations of streams and vectors, by name and modality.

    Parameters
    ----------
    seed : int
    kinds : mapping of str to {"stream", "vector"}
        Modalities, and what their files are.
    """
    dropped = {share: partial(drop_frames, share=share, seed=seed) for share in _DROPPED_SHARES}
    stream_noise = partial(add_noise, times_sd=_NOISE_SD, seed=seed)
    vector_noise = partial(add_noise_to_vector, times_sd=_NOISE_SD, seed=seed)
    noise: dict[FileKind, Alteration] = {STREAM: stream_noise, VECTOR: vector_noise}
    streams = [modality for modality, kind in kinds.items() if kind == STREAM]
    return {
        **{f"{share:.0%} of frames dropped": dict.fromkeys(streams, drop) for share, drop in dropped.items()},
        f"noise of {_NOISE_SD:.0%} of the sd": {modality: noise[kind] for modality, kind in kinds.items()},
        "half the frame rate": dict.fromkeys(streams, halve_rate),
    }


@dataclass(frozen=True)
class _StressReporter:
    """Reporter of one alteration, which shows the progress over all alterations as a single stage."""

    reporter: Reporter
    number: int
    n_alterations: int

    def progress(self, stage: str, done: int, total: int) -> None:
        self.reporter.progress("stress tests", self.number * total + done, self.n_alterations * total)

    def note(self, finding: Finding) -> None:
        pass  # already reported for the unaltered streams


def without_recordings(settings: Settings, data: Dataset, reporter: Reporter) -> Settings:
    """Return the settings without stress tests, and tell what is left out; unchanged if there are recordings."""
    options = settings.evaluation
    left_out = ["stress tests are left out"] if options.stress else []
    left_out += ["repairs of confounds that read the files again become linear"] if options.confounds else []
    if data.table is None or not left_out:
        return settings
    reporter.note(
        Finding(
            "needs-recordings",
            f"the features come from a table: {' and '.join(left_out)}",
            hint="for these, pass the folder of the recordings",
        )
    )
    return settings.override({"evaluation.stress": False})


def extract_altered_features(
    data: Dataset,
    features: pd.DataFrame,
    settings: Settings,
    *,
    exclusions: Exclusions = NO_EXCLUSIONS,
    jobs: int,
    reporter: Reporter,
) -> dict[str, pd.DataFrame]:
    """Return the features of the same recordings in each stress test that applies to the available modalities.

    Parameters
    ----------
    data : Dataset
        Read again for each alteration, without the cache, which stores features of unaltered streams.
    features : DataFrame
        Features of the unaltered recordings.
    exclusions : Exclusions
        Channels that are left out of them.
    """
    modalities = find_present_modalities(features)
    altered = {}
    if len(modalities) > 1:
        altered = {f"without {name}": drop_modality(features, name) for name in reversed(modalities)}
    kinds = {**KINDS, **{name: view.kind for name, view in data.view_kinds.items()}}
    alterations = make_alterations(settings.learning.seed, kinds)
    todo = {name: alter for name, alter in alterations.items() if alter.keys() & {*modalities}}
    if todo:
        announce(reporter, f"to read again: all files, x{len(todo)}, for the stress tests (--no-stress skips them)")
    for number, (name, alter) in enumerate(todo.items()):
        stress_reporter = _StressReporter(reporter, number, len(todo))
        extractor = FeatureExtractor(settings, jobs=jobs, alter=alter, exclusions=exclusions, reporter=stress_reporter)
        altered[name] = extractor.transform(data).loc[features.index]
    return altered


def score_stress_tests(unaltered: Predictions, stressed: Mapping[str, Predictions]) -> dict[str, dict[str, Any]]:
    """Return the scores in each stress test, and the scores of the same recordings without alteration."""
    return {
        name: {
            "n_recordings": len(np.unique(predictions.recording.astype(str))),
            "scores": _average_scores(predictions),
            "unaltered_scores": _average_scores(match_rows(unaltered, predictions)[0]),
        }
        for name, predictions in stressed.items()
        if len(predictions)
    }


def _average_scores(predictions: Predictions) -> dict[str, float | None]:
    repeats = [score_repeat(predictions, rows) for rows in predictions.repeat_rows()]
    means = {
        name: float(np.mean([scores[name] for scores in repeats])) for name in HEADLINE_SCORES if name in repeats[0]
    }
    return {name: mean if np.isfinite(mean) else None for name, mean in means.items()}
