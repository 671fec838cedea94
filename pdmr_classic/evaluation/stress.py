"""What a model is worth when recordings are worse than those that it was trained on."""

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
from pdmr_classic.evaluation.baselines import drop_modality, list_modalities
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import HEADLINES, scores_of_repeat
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.file_features import Alteration
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.embeddings import Embedding
from pdmr_classic.io.stream import Stream
from pdmr_classic.progress import Reporter

_DROPPED = (0.1, 0.3, 0.5)
_NOISE = 0.1


def drop_frames(stream: Stream, share: float, seed: int = 0) -> Stream:
    """Return the stream with a share of its frames, drawn at random, marked invalid."""
    gone = _rng(stream, seed).random(stream.n_frames) < share
    return replace(stream, valid=stream.valid & ~gone)


def add_noise(stream: Stream, times_sd: float, seed: int = 0) -> Stream:
    """Return the stream with normal noise of so many standard deviations added to each channel.

    Channels that only say yes or no (`AU28_c`) stay as they are: noise would make them something else.
    """
    values = stream.values.copy(order="K")
    rng = _rng(stream, seed)
    for place, name in enumerate(stream.channels):
        known = values[stream.valid, place]
        known = known[np.isfinite(known)]
        if channel_kind(name) != "au_presence" and len(known):
            values[:, place] += times_sd * known.std() * rng.standard_normal(stream.n_frames, dtype=np.float32)
    return replace(stream, values=values)


def halve_rate(stream: Stream) -> Stream:
    """Return every second frame."""
    return replace(
        stream,
        values=np.asfortranarray(stream.values[::2]),
        time_s=stream.time_s[::2],
        valid=stream.valid[::2],
        frame_rate_hz=stream.frame_rate_hz / 2,
    )


def add_noise_to_vector(embedding: Embedding, times_sd: float, seed: int = 0) -> Embedding:
    """Return the audio vector with normal noise of so many standard deviations of its components added to each."""
    noise = _rng(embedding, seed).standard_normal(len(embedding.values))
    return replace(embedding, values=embedding.values + times_sd * np.nanstd(embedding.values) * noise)


def _rng(stream: Stream | Embedding, seed: int) -> np.random.Generator:
    # By content: what happens to a recording must depend neither on its name nor on who else is in the set.
    return np.random.default_rng([seed, zlib.crc32(stream.content.encode())])


def make_alterations(seed: int) -> dict[str, dict[str, Alteration]]:
    """Return what is done to streams and vectors, by name and modality."""
    dropped = {share: partial(drop_frames, share=share, seed=seed) for share in _DROPPED}
    stream_noise = partial(add_noise, times_sd=_NOISE, seed=seed)
    vector_noise = partial(add_noise_to_vector, times_sd=_NOISE, seed=seed)
    return {
        **{f"{share:.0%} of frames dropped": {"video": drop} for share, drop in dropped.items()},
        f"noise of {_NOISE:.0%} of the sd": {"video": stream_noise, "audio": vector_noise},
        "half the frame rate": {"video": halve_rate},
    }


@dataclass(frozen=True)
class _Part:
    """A reporter that shows the reading of altered streams as one stage, alteration after alteration."""

    reporter: Reporter
    place: int
    n_parts: int

    def progress(self, stage: str, done: int, total: int) -> None:
        self.reporter.progress("stress", self.place * total + done, self.n_parts * total)

    def note(self, finding: Finding) -> None:
        pass  # told when the streams were read as they are


def extract_altered(
    data: Dataset, features: pd.DataFrame, settings: Settings, *, jobs: int, reporter: Reporter
) -> dict[str, pd.DataFrame]:
    """Return the features of the same recordings under stress; what a set lacks is not taken from it.

    Parameters
    ----------
    data : Dataset
        Is read anew, once an alteration; the cache holds streams as they are, so none is used.
    features : DataFrame
        Of the recordings as they are.
    """
    modalities = list_modalities(features)
    found = {}
    if len(modalities) > 1:
        found = {f"without {name}": drop_modality(features, name) for name in reversed(modalities)}
    todo = {
        name: alter for name, alter in make_alterations(settings.learning.seed).items() if alter.keys() & {*modalities}
    }
    for place, (name, alter) in enumerate(todo.items()):
        told = _Part(reporter, place, len(todo))
        extractor = FeatureExtractor(settings, jobs=jobs, alter=alter, reporter=told)
        found[name] = extractor.transform(data).loc[features.index]
    return found


def score_stress(as_is: Predictions, stressed: Mapping[str, Predictions]) -> dict[str, dict[str, Any]]:
    """Return the scores under each stress, and those of the same recordings `as_is`."""
    return {
        name: {
            "n_recordings": len(np.unique(under.recording.astype(str))),
            "scores": _means(under),
            "as_is": _means(_same_rows(as_is, under)),
        }
        for name, under in stressed.items()
        if len(under)
    }


def _same_rows(as_is: Predictions, under: Predictions) -> Predictions:
    wanted = set(zip(under.repeat.tolist(), under.recording.tolist(), strict=True))
    pairs = zip(as_is.repeat.tolist(), as_is.recording.tolist(), strict=True)
    return as_is.subset(np.array([pair in wanted for pair in pairs]))


def _means(predictions: Predictions) -> dict[str, float | None]:
    repeats = [scores_of_repeat(predictions, rows) for rows in predictions.of_repeats()]
    means = {name: float(np.mean([scores[name] for scores in repeats])) for name in HEADLINES if name in repeats[0]}
    return {name: mean if np.isfinite(mean) else None for name, mean in means.items()}
