"""Small sounds for the tests: harmonic tones between pauses, in noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray


def make_sound(
    seed: int = 0, seconds: float = 2.0, rate_hz: int = 16_000, gain: float = 0.1, noise: float = 0.003
) -> NDArray[np.float64]:
    """Return a mono sound: every 0.25 s another pitch and timbre, every fourth part a pause, weak noise throughout."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    part = (t / 0.25).astype(int)
    pitch = rng.uniform(90, 300, part.max() + 1)
    tilt = rng.uniform(0.3, 2.0, part.max() + 1)
    sound = np.zeros_like(t)
    for k in range(1, 12):
        partial = np.sin(2 * np.pi * k * pitch[part] * t) * k ** -tilt[part]
        sound += np.where(k * pitch[part] < 0.45 * rate_hz, partial, 0.0)
    sound[part % 4 == 3] = 0.0
    return gain * (sound / 3 + noise * rng.standard_normal(len(t)))


def write_sounds(folder: Path, names: str, *, seconds: float = 2.0, seed: int = 0) -> Path:
    """Write one WAV file of 16 kHz for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for offset, name in enumerate(names.split()):
        write_sound(folder / f"{name}.wav", make_sound(seed + offset, seconds))
    return folder


def write_sound(path: Path, samples: NDArray[np.floating], rate_hz: int = 16_000, subtype: str | None = None) -> Path:
    """Write a sound file in the format that its suffix names."""
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path
