"""Scattered lost frames change features by a small share of their spread over recordings, so they reveal no label.

Limits on the mean shift of each feature over recordings, in standard deviations of the feature over recordings: .2 if
2% of the frames are lost at random, .5 if 10% are. The mean shift is what a learner could use. Single recordings also
shift at random, because frames contain information; the root mean square of their shifts:

| recordings | lost | largest mean shift | rms within the limit | largest rms |
|---|---|---|---|---|
| synthetic, 60 | 2% | .08 | 99.9% of the features | .30 |
| synthetic, 60 | 10% | .38 | 99.8% | .64 |
| robot errors (gaze, 4 s), 40 | 2% | .05 | 96.6% | .29 |
| robot errors (gaze, 4 s), 40 | 10% | .12 | 99.3% | .55 |
| exercises (wrist motion), 24 | 2% | .04 | 100% | .15 |
| exercises (wrist motion), 24 | 10% | .12 | 100% | .39 |

Beyond the limit are mostly turns and velocities of gaze, which depend on single steps and are not interpolated. A
feature that hardly varies is measured against a thousandth of its mean instead of its standard deviation. The exception
is peak_hz: most recordings share one peak, so its spread is small, and where two peaks are about equally high, any
change moves it from one to the other. It is tested separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from streams import features

from pdmr_classic.features.families.kinemes import KinemeHistogram
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.synthetic.dataset import make_synthetic

FAMILIES = (*(name for name, f in load_families().items() if f.is_default and f.view == "video"), "au_tangent")
LIMITS = {0.02: 0.2, 0.1: 0.5}
N_DRAWS = 3
SPECTRAL_RESOLUTION_HZ = 0.25


def lose_frames(stream: Stream, share: float, seed: int) -> Stream:
    rng = np.random.default_rng([seed, stream.n_frames])
    return replace(stream, valid=stream.valid & (rng.random(stream.n_frames) >= share))


def make_table(streams: Sequence[Stream], *families: str) -> pd.DataFrame:
    return pd.DataFrame([features(stream, *families) for stream in streams])


def make_tables(streams: Sequence[Stream], *families: str) -> dict[float, pd.DataFrame]:
    """Return the features by share of lost frames, 0 for all frames; with lost frames, the rows of three draws."""
    tables = {0.0: make_table(streams, *families)}
    for share in LIMITS:
        draws = [
            make_table([lose_frames(stream, share, seed) for stream in streams], *families) for seed in range(N_DRAWS)
        ]
        tables[share] = pd.concat(draws, ignore_index=True)
    return tables


@pytest.fixture(scope="module")
def synthetic_streams(tmp_path_factory: pytest.TempPathFactory) -> list[Stream]:
    folder = make_synthetic(tmp_path_factory.mktemp("lost") / "set", subjects=60, segments=1, missing=0.0).out
    return [read_stream(file) for file in sorted(folder.rglob("video/*.csv"))]


@pytest.fixture(scope="module")
def synthetic_tables(synthetic_streams: list[Stream]) -> dict[float, pd.DataFrame]:
    return make_tables(synthetic_streams, *FAMILIES)


def repeat_rows(table: pd.DataFrame, n: int) -> pd.DataFrame:
    return pd.concat([table] * (n // len(table)), ignore_index=True)


def find_shifts(tables: dict[float, pd.DataFrame], share: float) -> pd.DataFrame:
    """Return the mean and the root mean square of the shift of each feature, in standard deviations."""
    complete, lost = tables[0.0], tables[share]
    spread = np.maximum(complete.std(), 1e-3 * complete.abs().mean())
    shifts = lost - repeat_rows(complete, len(lost))
    never_shifted = (shifts.fillna(0.0) == 0).all()
    scaled = (shifts / spread).loc[:, ~never_shifted]
    return pd.DataFrame({"mean": scaled.mean().abs(), "rms": np.sqrt((scaled**2).mean())})


def check_shifts(tables: dict[float, pd.DataFrame], share: float) -> None:
    shifts, limit = find_shifts(tables, share), LIMITS[share]
    shifts = shifts[~shifts.index.str.endswith("peak_hz")]
    assert len(shifts) > 200
    beyond = shifts[~(shifts["mean"] <= limit)]
    assert beyond.empty, beyond.to_string()
    assert (shifts["rms"] <= limit).mean() >= 0.95
    check_peaks(tables, share)


def check_peaks(tables: dict[float, pd.DataFrame], share: float) -> None:
    peaks = [name for name in tables[0.0] if name.endswith("peak_hz")]
    shifts = tables[share][peaks] - repeat_rows(tables[0.0][peaks], len(tables[share]))
    assert (shifts.abs() > SPECTRAL_RESOLUTION_HZ).to_numpy().mean() <= 0.02


@pytest.mark.parametrize("share", LIMITS)
def test_lost_frames_shift_no_feature_of_synthetic_recordings(
    synthetic_tables: dict[float, pd.DataFrame], share: float
) -> None:
    check_shifts(synthetic_tables, share)


@pytest.mark.parametrize("share", LIMITS)
@pytest.mark.parametrize(
    ("pattern", "n"), [("badrobots-gaze/train/video/*.csv", 40), ("watch-exercise/**/video/*.csv", 24)]
)
def test_lost_frames_shift_no_feature_of_real_recordings(real_data: Path, pattern: str, n: int, share: float) -> None:
    streams = [read_stream(file) for file in sorted(real_data.glob(pattern))[:n]]
    assert len(streams) == n
    check_shifts(make_tables(streams, *FAMILIES), share)


@pytest.mark.parametrize("share", LIMITS)
def test_lost_frames_hardly_make_a_feature_nan(synthetic_tables: dict[float, pd.DataFrame], share: float) -> None:
    lost = synthetic_tables[share]
    newly_nan = lost.isna() & repeat_rows(synthetic_tables[0.0], len(lost)).notna()
    assert newly_nan.to_numpy().mean() <= (0.0 if share == min(LIMITS) else 1e-3)


@pytest.mark.parametrize("share", LIMITS)
def test_lost_frames_shift_no_kineme(synthetic_streams: list[Stream], share: float) -> None:
    windows = make_tables(synthetic_streams, "kinemes")
    kinemes = KinemeHistogram().fit(windows[0.0].to_numpy())
    shares = {key: pd.DataFrame(kinemes.transform(table.to_numpy())) for key, table in windows.items()}
    assert find_shifts(shares, share)["mean"].max() <= LIMITS[share]


@pytest.mark.parametrize("share", LIMITS)
def test_a_forest_cannot_tell_recordings_with_lost_frames(
    synthetic_tables: dict[float, pd.DataFrame], share: float
) -> None:
    # If gaps ended bouts and windows, the AUC was .95 with 2% and 1.00 with 10% of the frames lost.
    complete, lost = synthetic_tables[0.0], synthetic_tables[share].iloc[: len(synthetic_tables[0.0])]
    scores = []
    for seed in range(4):
        is_positive = np.random.default_rng(seed).permutation(len(complete)) % 2 == 1
        table = complete.where(pd.Series(~is_positive), lost, axis=0).fillna(-99.0)
        forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=seed)
        predicted = cross_val_predict(forest, table, is_positive, cv=5, method="predict_proba")[:, 1]
        scores.append(roc_auc_score(is_positive, predicted))
    assert np.mean(scores) < 0.65
