"""The page about very large sets: its costs follow from the constants and prices that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/scale.md").read_text(encoding="utf-8")
N = 1_000_000


def read_numbers(start: str, place: int = 0) -> list[float]:
    """Return the numbers of the row of a table that starts with some words; if two tables have one, of the given."""
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| {start}")]
    cells = rows[place].split("|")[2:4]
    return [float(number.replace(",", "")) for cell in cells for number in re.findall(r"\d[\d,]*(?:\.\d+)?", cell)]


def read_price(words: str) -> float:
    (price,) = re.findall(rf"([\d.]+) USD for {words}", PAGE)
    return float(price)


def test_costs_of_a_million_recordings_follow_from_the_constants() -> None:
    megabytes, seconds = read_numbers("files of a recording"), read_numbers("extraction of a recording of 10 minutes")
    kilobytes = read_numbers("a recording in the store")
    terabytes = [size * N / 1e6 for size in megabytes]
    hours = [used * N / 3600 for used in seconds]
    monthly, transfer = read_price("a GB and month"), read_price("each GB")
    assert read_numbers("files |") == pytest.approx(terabytes, abs=0.05)
    assert read_numbers("keeping them") == pytest.approx([size * 1000 * monthly for size in terabytes], abs=0.5)
    assert read_numbers("reading them") == pytest.approx([size * 1000 * transfer for size in terabytes], abs=0.5)
    money = [used * read_price("a core-hour") for used in hours]
    expected = [hours[0], money[0], hours[1], money[1]]
    assert read_numbers("`extract` |") == pytest.approx(expected, abs=0.5)
    assert read_numbers("the store") == pytest.approx([size * N / 1e6 for size in kilobytes], abs=0.5)


def test_limits_follow_from_the_constants() -> None:
    megabytes, seconds = read_numbers("files of a recording"), read_numbers("extraction of a recording of 10 minutes")
    rates = [size / used for size, used in zip(megabytes, seconds, strict=True)]
    (writer_ms,) = read_numbers("of this in the process that writes")
    text = " ".join(PAGE.split())
    assert f"{rates[0]:.0f} MB/s of the challenge's columns, or {rates[1]:.0f} MB/s" in text
    assert f"saturated by {1000 / rates[0]:.0f} or {1000 / rates[1]:.0f} workers" in text
    assert f"reading then takes {N * megabytes[0] / 3.6e6:.1f} or {N * megabytes[1] / 3.6e6:.1f} hours" in text
    assert f"{writer_ms * N / 6e4:.0f} minutes for a million" in text
    assert f"with {1000 * seconds[0] / writer_ms:.0f} or {1000 * seconds[1] / writer_ms:.0f} workers" in text
