"""Runs of activity, by hand and against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdmr_classic.features.bouts import Bouts


def bouts_of(pattern: str, gaps: str = "") -> Bouts:
    """Read a pattern such as `.##.#`; a `|` in `gaps` stands under a frame that does not follow the one before."""
    active = np.array([[mark == "#"] for mark in pattern]).reshape(-1, 1)
    follows = np.array([place > 0 and gaps[place : place + 1] != "|" for place in range(len(pattern))], dtype=bool)
    return Bouts.from_mask(active, follows)


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
    assert bouts_of(pattern).frames.tolist() == lengths


def test_a_gap_ends_a_bout() -> None:
    assert bouts_of("#####", "  |  ").frames.tolist() == [2, 3]
    assert bouts_of("##.##", "   | ").frames.tolist() == [2, 2]


def test_durations_by_hand() -> None:
    found = bouts_of(".##.####.")
    assert (found.count.tolist(), found.total.tolist()) == ([2], [6.0])
    assert (found.mean.tolist(), found.longest.tolist(), found.std.tolist()) == ([3.0], [4.0], [1.0])


def test_without_bouts_durations_are_nan_and_counts_zero() -> None:
    found = bouts_of("...")
    assert found.count.tolist() == [0]
    assert found.total.tolist() == [0.0]
    assert np.isnan([found.mean, found.longest, found.std]).all()


def test_one_bout_has_no_standard_deviation() -> None:
    assert np.isnan(bouts_of(".##.").std).all()


def test_a_bout_does_not_continue_in_the_next_channel() -> None:
    found = Bouts.from_mask(np.array([[False, True], [True, True]]), np.array([False, True]))
    assert (found.channel.tolist(), found.frames.tolist()) == ([0, 1], [1, 2])


def by_loop(active: np.ndarray, follows: np.ndarray) -> list[tuple[int, int]]:
    found = []
    for channel in range(active.shape[1]):
        length = 0
        for frame in range(len(active)):
            if length and not (active[frame, channel] and follows[frame]):
                found.append((channel, length))
                length = 0
            length += int(active[frame, channel])
        if length:
            found.append((channel, length))
    return found


@given(st.integers(0, 40), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_bouts_agree_with_a_plain_loop(n_frames: int, n_channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    active, follows = rng.random((n_frames, n_channels)) < 0.6, rng.random(n_frames) < 0.8
    follows[:1] = False
    found = Bouts.from_mask(active, follows)
    assert list(zip(found.channel.tolist(), found.frames.tolist(), strict=True)) == by_loop(active, follows)
