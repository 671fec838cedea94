"""Log-Mel frames: the filters of librosa, levels in dBFS, and no influence of the blocks."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from audio.sounds import make_sound

from pdmr_classic.audio.log_mel import HOP, N_BANDS, RATE_HZ, WINDOW, Frames, compute_frames, make_filters


def frames_of(samples: np.ndarray, n_blocks: int = 1) -> Frames:
    blocks = np.array_split(samples.astype(np.float32), n_blocks)
    parts = list(compute_frames(blocks))
    return Frames(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def sine(hz: float, amplitude: float = 0.5, seconds: float = 0.5) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def test_the_filters_equal_those_of_librosa() -> None:
    expected = librosa.filters.mel(sr=RATE_HZ, n_fft=WINDOW, n_mels=N_BANDS, norm=None, dtype=np.float64)
    np.testing.assert_allclose(make_filters(), expected, atol=1e-6)


def test_the_frames_equal_those_of_librosa_up_to_a_factor_of_the_power() -> None:
    samples = make_sound()
    expected = librosa.feature.melspectrogram(
        y=samples, sr=RATE_HZ, n_fft=WINDOW, hop_length=HOP, n_mels=N_BANDS, norm=None, center=False, window="hann"
    )
    loud = expected.T > 1e-2
    loud[:, :2] = False  # librosa leaves the mean of a window in
    ratio = np.exp(frames_of(samples).log_mel)[loud] / expected.T[loud]
    assert loud.mean() > 0.2
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-3)


def test_blocks_do_not_change_the_frames() -> None:
    samples = make_sound(seconds=1.03)
    whole, parts = frames_of(samples), frames_of(samples, n_blocks=37)
    np.testing.assert_array_equal(whole.level_db, parts.level_db)
    np.testing.assert_allclose(whole.log_mel, parts.log_mel, rtol=1e-5)
    assert len(whole.log_mel) == (len(samples) - WINDOW) // HOP + 1


def test_a_sound_shorter_than_a_window_has_no_frames() -> None:
    assert list(compute_frames([np.zeros(WINDOW - 1, dtype=np.float32)])) == []


def test_the_level_of_a_full_scale_sine_is_minus_3_db() -> None:
    np.testing.assert_allclose(frames_of(sine(1000, amplitude=1)).level_db, -3.01, atol=0.01)


@pytest.mark.parametrize("hz", [440, 1000, 3000, 7500])
def test_a_tone_is_loudest_in_the_band_around_its_frequency(hz: int) -> None:
    band = make_filters()[:, hz * WINDOW // RATE_HZ].argmax()
    assert (frames_of(sine(hz)).log_mel.argmax(axis=1) == band).all()


def test_a_constant_offset_changes_nothing() -> None:
    samples = make_sound()
    np.testing.assert_allclose(frames_of(samples + 0.2).log_mel, frames_of(samples).log_mel, atol=0.02)


def test_digital_silence_has_finite_frames() -> None:
    frames = frames_of(np.zeros(RATE_HZ))
    assert np.isfinite(frames.log_mel).all()
    np.testing.assert_allclose(frames.level_db, -120, rtol=1e-5)
