"""First pass over a sound: silence, statistics, formats; and the refusal of incomplete files."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio.sounds import make_sound, write_sound

from pdmr_classic.audio.scan import read_kept_frames, scan_sound
from pdmr_classic.errors import DataError


def test_the_statistics_equal_those_of_the_kept_frames(tmp_path: Path) -> None:
    scan = scan_sound(write_sound(tmp_path / "a.wav", make_sound(seconds=70)))
    kept = np.concatenate(list(read_kept_frames(scan)))
    assert len(kept) == scan.n_kept < scan.n_frames
    np.testing.assert_allclose(kept.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(kept.var(axis=0), scan.variance, rtol=1e-5)


def test_pauses_are_removed_and_the_rest_is_kept(tmp_path: Path) -> None:
    scan = scan_sound(write_sound(tmp_path / "a.wav", make_sound(seconds=8)))
    assert scan.n_kept / scan.n_frames == pytest.approx(0.75, abs=0.04)  # every fourth part is a pause


def test_added_silence_changes_nothing_but_its_share(tmp_path: Path) -> None:
    sound = make_sound(seconds=4)
    short = scan_sound(write_sound(tmp_path / "a.wav", sound))
    long = scan_sound(write_sound(tmp_path / "b.wav", np.concatenate([np.zeros(3200), sound, np.zeros(16_000)])))
    assert long.n_kept == pytest.approx(short.n_kept, abs=4)
    np.testing.assert_allclose(long.mean, short.mean, atol=0.1)


@pytest.mark.parametrize("gain", [0.3, 4.0])
def test_the_gain_does_not_change_the_frames(tmp_path: Path, gain: float) -> None:
    scans = [
        scan_sound(write_sound(tmp_path / f"{name}.wav", make_sound(gain=value, noise=0.02), subtype="FLOAT"))
        for name, value in (("a", 0.1), ("b", 0.1 * gain))
    ]
    quiet, loud = (np.concatenate(list(read_kept_frames(scan))) for scan in scans)
    assert len(quiet) == pytest.approx(len(loud), abs=2)
    np.testing.assert_allclose(
        np.quantile(quiet, [0.1, 0.5, 0.9], axis=0), np.quantile(loud, [0.1, 0.5, 0.9], axis=0), atol=0.1
    )


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 0.02),
        ("a.wav", "PCM_24", 0.02),
        ("a.wav", "PCM_U8", 2.0),
        ("a.wav", "DOUBLE", 0.02),
        ("a.flac", "PCM_16", 0.02),
        ("a.ogg", "VORBIS", 2.0),
        ("a.aiff", "PCM_16", 0.02),
        ("A.WAV", "FLOAT", 0.02),
    ],
)
def test_every_format_gives_the_same_statistics(tmp_path: Path, name: str, subtype: str, tolerance: float) -> None:
    expected = scan_sound(write_sound(tmp_path / "reference.wav", make_sound(), subtype="FLOAT"))
    scan = scan_sound(write_sound(tmp_path / name, make_sound(), subtype=subtype))
    assert scan.n_frames == expected.n_frames
    assert np.median(np.abs(scan.mean - expected.mean)) < tolerance


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_other_rates_give_the_same_bands_below_half_the_rate(tmp_path: Path, rate_hz: int) -> None:
    expected = scan_sound(write_sound(tmp_path / "a.wav", make_sound()))
    scan = scan_sound(write_sound(tmp_path / "b.wav", make_sound(rate_hz=rate_hz), rate_hz))
    low = slice(0, 28)  # below 3 kHz
    assert scan.rate_hz == rate_hz
    assert scan.n_frames == pytest.approx(expected.n_frames, abs=2)
    # Partials near half the rate are left out of the sound itself, and noise has another density.
    assert np.abs(scan.mean[low] - expected.mean[low]).mean() < 0.5


def test_channels_are_mixed(tmp_path: Path) -> None:
    sound = make_sound()
    mono = scan_sound(write_sound(tmp_path / "a.wav", sound))
    stereo = scan_sound(write_sound(tmp_path / "b.wav", np.column_stack([1.5 * sound, 0.5 * sound])))
    assert (mono.n_channels, stereo.n_channels) == (1, 2)
    np.testing.assert_allclose(stereo.mean, mono.mean, atol=0.02)


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        (np.zeros(16_000), "digital silence"),
        (np.full(16_000, 0.3), "digital silence"),
        (1e-5 * make_sound(gain=1.0), "at most about"),
        (np.column_stack([make_sound(), -make_sound()]), "digital silence"),
    ],
)
def test_a_silent_recording_is_refused(tmp_path: Path, samples: np.ndarray, found: str) -> None:
    with pytest.raises(DataError, match=f"the recording is silent(.|\n)*{found}"):
        scan_sound(write_sound(tmp_path / "a.wav", samples, subtype="FLOAT"))


@pytest.mark.parametrize("n_samples", [0, 1, 399, 1500])
def test_a_recording_shorter_than_a_syllable_is_refused(tmp_path: Path, n_samples: int) -> None:
    with pytest.raises(DataError, match="too short"):
        scan_sound(write_sound(tmp_path / "a.wav", make_sound()[:n_samples]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused_with_their_time(tmp_path: Path, value: float) -> None:
    sound = make_sound()
    sound[8000] = value
    with pytest.raises(DataError, match=r"after 0\.500 s"):
        scan_sound(write_sound(tmp_path / "a.wav", sound, subtype="FLOAT"))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.aiff"])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str, share: float) -> None:
    path = write_sound(tmp_path / name, make_sound(seconds=4))
    data = path.read_bytes()
    path.write_bytes(data[: max(int(share * len(data)), 20)])
    with pytest.raises(DataError, match=r"truncated|not a sound file"):
        scan_sound(path)


def test_a_wav_file_of_unknown_length_is_read(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", make_sound())
    data = bytearray(path.read_bytes())
    expected = scan_sound(path)
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"  # as ffmpeg writes it to a pipe
    assert data[36:40] == b"data"
    path.write_bytes(data)
    assert scan_sound(path).n_frames == expected.n_frames


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"<html>not found</html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
        (b"\x00\x01\x02\x03" * 100, "not a sound file"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", "not a sound file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        scan_sound(path)


def test_a_pipe_and_a_broken_link_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "nowhere.wav")
    for name in ("pipe.wav", "link.wav"):
        with pytest.raises(DataError, match="the file cannot be read"):
            scan_sound(tmp_path / name)


def test_random_damage_raises_nothing_but_data_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for suffix in ("wav", "flac", "ogg"):
        data = write_sound(tmp_path / f"a.{suffix}", make_sound(seconds=0.5)).read_bytes()
        for _ in range(60):
            damaged = np.frombuffer(data, dtype=np.uint8).copy()
            n_bytes = 200 if rng.random() < 0.5 else len(damaged)
            damaged[rng.integers(0, n_bytes, 5)] = rng.integers(0, 256, 5)
            path = tmp_path / f"b.{suffix}"
            path.write_bytes(damaged.tobytes())
            with suppress(DataError):
                scan_sound(path)


def test_a_file_that_changes_between_the_passes_is_refused(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", make_sound())
    scan = scan_sound(path)
    soundfile.write(path, make_sound(seconds=1), 16_000)
    with pytest.raises(DataError, match="changed while it was read"):
        list(read_kept_frames(scan))
