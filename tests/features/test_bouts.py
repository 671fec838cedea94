"""Bouts, computed by hand and compared with a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdmr_classic.features.bouts import Bouts


def find_bouts(pattern: str, gaps: str = "") -> Bouts:
    """Parse a pattern such as `.##.#`; a `|` in `gaps` marks a frame after a gap."""
    active = np.array([[mark == "#"] for mark in pattern]).reshape(-1, 1)
    contiguous = np.array([index > 0 and gaps[index : index + 1] != "|" for index in range(len(pattern))], dtype=bool)
    return Bouts.from_mask(active, contiguous)


@pytest.mark.parametrize(
    ("pattern", "lengths"),
    [
        ("", []),
        (".", []),
        ("#", [1]),
        ("....", []),
        ("####", [4]),
        ("#..#", [1, 1]),
        (".##.###.", [2, 3]),
        ("##.##", [2, 2]),
    ],
)
def test_a_bout_is_an_uninterrupted_run(pattern: str, lengths: list[int]) -> None:
    assert find_bouts(pattern).frames.tolist() == lengths


def test_a_gap_ends_a_bout() -> None:
    assert find_bouts("#####", "  |  ").frames.tolist() == [2, 3]
    assert find_bouts("##.##", "   | ").frames.tolist() == [2, 2]


def test_durations_by_hand() -> None:
    bouts = find_bouts(".##.####.")
    assert (bouts.count.tolist(), bouts.total.tolist()) == ([2], [6.0])
    assert (bouts.mean.tolist(), bouts.longest.tolist(), bouts.std.tolist()) == ([3.0], [4.0], [1.0])


def test_without_bouts_durations_are_nan_and_counts_zero() -> None:
    bouts = find_bouts("...")
    assert bouts.count.tolist() == [0]
    assert bouts.total.tolist() == [0.0]
    assert np.isnan([bouts.mean, bouts.longest, bouts.std]).all()


def test_one_bout_has_no_standard_deviation() -> None:
    assert np.isnan(find_bouts(".##.").std).all()


def test_a_bout_does_not_continue_in_the_next_channel() -> None:
    bouts = Bouts.from_mask(np.array([[False, True], [True, True]]), np.array([False, True]))
    assert (bouts.channel.tolist(), bouts.frames.tolist()) == ([0, 1], [1, 2])


def find_bouts_with_loop(active: np.ndarray, contiguous: np.ndarray) -> list[tuple[int, int]]:
    bouts = []
    for channel in range(active.shape[1]):
        length = 0
        for frame in range(len(active)):
            if length and not (active[frame, channel] and contiguous[frame]):
                bouts.append((channel, length))
                length = 0
            length += int(active[frame, channel])
        if length:
            bouts.append((channel, length))
    return bouts


@given(st.integers(0, 40), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_bouts_agree_with_a_plain_loop(n_frames: int, n_channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    active, contiguous = rng.random((n_frames, n_channels)) < 0.6, rng.random(n_frames) < 0.8
    contiguous[:1] = False
    bouts = Bouts.from_mask(active, contiguous)
    assert list(zip(bouts.channel.tolist(), bouts.frames.tolist(), strict=True)) == find_bouts_with_loop(
        active, contiguous
    )
