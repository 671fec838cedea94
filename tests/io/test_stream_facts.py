from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pdmr_classic.io.audio.embeddings import read_embedding
from pdmr_classic.io.stream_facts import StreamFacts, describe_embedding, describe_stream
from pdmr_classic.io.video.stream import Stream

NAN = float("nan")


def make_stream(channels: dict[str, list[float]], valid: list[bool] | None = None) -> Stream:
    values = np.array(list(channels.values()), dtype=np.float32).T
    n = len(values)
    return Stream(values, tuple(channels), np.arange(n) / 30, 30.0, np.array(valid or [True] * n), tracker="OpenFace 2")


def test_only_valid_frames_count() -> None:
    facts = describe_stream(make_stream({"AU12_r": [1, 2, 9], "code": [17, 17, 0]}, [True, True, False]))
    assert facts.constants == {"code": 17.0}
    assert facts.ranges["AU intensity"][:2] == (1.0, 2.0)
    assert (facts.tracker, facts.frame_rate_hz, facts.n_frames) == ("OpenFace 2", 30.0, 2)


@pytest.mark.parametrize(
    ("values", "is_constant", "varies"),
    [
        ([3, 3, 3], True, False),
        ([3, NAN, 3], True, False),
        ([3, NAN, 4], False, True),
        ([NAN, NAN, 3], False, False),
        ([NAN, NAN, NAN], False, False),
    ],
)
def test_one_value_proves_nothing(values: list[float], is_constant: bool, varies: bool) -> None:
    facts = describe_stream(make_stream({"code": values, "AU12_r": [1, 2, 3]}))
    assert ("code" in facts.constants) == is_constant
    assert facts.varies("code") == varies


def test_a_stream_of_one_frame_has_no_constants() -> None:
    facts = describe_stream(make_stream({"code": [3]}))
    assert not facts.constants
    assert not facts.varies("code")


def test_a_stream_without_valid_frames_has_neither_constants_nor_ranges() -> None:
    facts = describe_stream(make_stream({"AU12_r": [3, 3]}, [False, False]))
    assert (facts.n_frames, facts.constants, facts.ranges) == (0, {}, {})


def test_single_wrong_frames_do_not_change_the_usual_size() -> None:
    rotations = np.full(200, 0.1)
    rotations[7] = 90.0
    limits = describe_stream(make_stream({"pose_Rx": rotations.tolist()})).ranges["head rotation"]
    assert limits.largest == 90
    assert limits.typical == pytest.approx(0.1)


@pytest.mark.parametrize(("rows", "constants"), [("1,17\n2,17\n", {"1": 17.0}), ("1,17\n", {}), ("1\n17\n", {})])
def test_constant_components_are_found_in_averaged_vectors_only(
    tmp_path: Path, rows: str, constants: dict[str, float]
) -> None:
    (tmp_path / "a.csv").write_text(rows)
    assert describe_embedding(read_embedding(tmp_path / "a.csv")).constants == constants


def test_components_are_named_as_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,17\n2,17\n")
    embedding = replace(read_embedding(tmp_path / "a.csv"), names=("F0", "code"))
    assert describe_embedding(embedding) == StreamFacts(n_frames=2, constants={"code": 17.0})
