"""Conditions of recordings and formats of files, as `evaluate --confounds` compares them with the labels."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from pdmr_classic.io.audio.embeddings import read_embedding
from pdmr_classic.io.conditions import count_decimals, describe_stream_conditions, describe_vector_conditions
from pdmr_classic.io.file_format import describe_format
from pdmr_classic.io.video.read_stream import read_stream

HEADER = "frame, timestamp, confidence, AU12_r, pose_Tz"


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def stream_file(path: Path, *, first: int = 1, decimals: int = 2, confidence: float = 0.9) -> Path:
    rng = np.random.default_rng(0)
    rows = [
        f"{first + t}, {t / 30:.3f}, {confidence}, {rng.uniform(0, 5):.{decimals}f}, {rng.uniform(400, 600):.1f}"
        for t in range(40)
    ]
    return write(path, "\n".join([HEADER, *rows, ""]))


def test_conditions_tell_decimals_first_frame_and_confidence(tmp_path: Path) -> None:
    a, b = stream_file(tmp_path / "a.csv"), stream_file(tmp_path / "b.csv", first=101, decimals=4, confidence=0.8)
    one, other = (describe_stream_conditions(read_stream(path), path) for path in (a, b))
    assert (one["first_frame"], other["first_frame"]) == (1, 101)
    assert (one["decimals_max"], other["decimals_max"]) == (3, 4)
    assert (one["decimals_of AU intensity"], other["decimals_of AU intensity"]) == (2, 4)
    assert one["decimals_of head position"] == other["decimals_of head position"] == 1
    assert (one["confidence_mean"], other["confidence_p05"]) == pytest.approx((0.9, 0.8))
    assert one["header"] == other["header"]


def test_unknown_conditions_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "AU12_r\n0.5\n1.5\n")
    conditions = describe_stream_conditions(read_stream(path), path)
    assert not {"confidence_mean", "face_x", "first_frame"} & set(conditions)
    assert all(np.isfinite(value) for value in conditions.values())


def test_the_place_and_size_of_the_face_are_known_from_landmarks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"{axis}_{point}" for axis in "xy" for point in range(68)]
    shape = np.concatenate([rng.uniform(300, 500, 68), rng.uniform(100, 300, 68)])
    rows = shape + rng.normal(size=(20, 136))
    near, far = tmp_path / "near.csv", tmp_path / "far.csv"
    for path, values in ((near, rows), (far, rows / 2)):
        write(path, "\n".join([",".join(names), *(",".join(f"{x:.1f}" for x in row) for row in values)]) + "\n")
    one, other = (describe_stream_conditions(read_stream(path), path) for path in (near, far))
    for name in ("face_x", "face_y", "face_size", "face_extent"):
        assert one[name] == pytest.approx(2 * other[name], rel=0.01)


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        ("has_windows_newlines", "1.5,2.5\n", "1.5,2.5\r\n"),
        ("delimiter", "1.5,2.5\n", "1.5;2.5\n"),
        ("has_exponents", "1.5,0.00001\n", "1.5,1e-05\n"),
        ("decimals_mean", "1.5,2.25\n", "1.5,2.3\n"),
        ("zeros_mean", "1.5,2.5\n", "1.500,2.500\n"),
        ("n_columns", "1.5,2.5\n", "1.5,2.5,3.5\n"),
        ("has_bom", "1.5,2.5\n", "\ufeff1.5,2.5\n"),
        ("has_blanks", "1.5,2.5\n", "1.5, 2.5\n"),
        ("has_quotes", "1.5,2.5\n", '"1.5","2.5"\n'),
        ("bytes_per_row", "1.5,2.5\n", "10.5,20.5\n"),
        ("header", "a,b\n1.5,2.5\n", "a,c\n1.5,2.5\n"),
    ],
)
def test_files_that_are_written_differently_differ_in_their_format(tmp_path: Path, name: str, a: str, b: str) -> None:
    one, other = (describe_format(write(tmp_path / f"{k}.csv", text)) for k, text in enumerate((a, b)))
    assert one[name] != other[name]


def test_a_compressed_file_is_described_like_its_content(tmp_path: Path) -> None:
    plain, packed = write(tmp_path / "a.csv", "0.25,1.5\n"), tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    one, other = describe_format(plain), describe_format(packed)
    assert (one.pop("is_compressed"), other.pop("is_compressed")) == (0, 1)
    np.testing.assert_equal(one, other)


def test_a_file_without_text_has_a_type_and_no_decimals(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((1, 3)) / 3)
    path = tmp_path / "a.npy"
    conditions = describe_vector_conditions(read_embedding(path), path)
    assert conditions["file_type"] > 0
    assert conditions["n_rows"] == 1
    assert "n_columns" not in conditions


def test_decimals_are_counted_within_the_precision_of_float32() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(-900, 900, 300)
    for decimals in (0, 1, 2):
        assert count_decimals(np.round(values, decimals).astype(np.float32)) == decimals
    assert count_decimals(rng.uniform(0, 5, 300).astype(np.float32)) >= 6
