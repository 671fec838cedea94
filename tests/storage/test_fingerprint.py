from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.storage.fingerprint import hash_data

INDEX = pd.Index(["a", "b"], name="data_id")
KNOWN: dict[str, Any] = {
    "features": pd.DataFrame({"x": [1.0, np.nan], "y": [0.0, 2.0]}, index=INDEX),
    "status": pd.Series(["Depression", "Normal"], INDEX),
    "groups": pd.Series(["S1", "S2"], INDEX),
    "weights": np.array([1.0, 2.0]),
    "asked": {"seed": 0},
    "further": [b"1"],
}


@pytest.mark.parametrize(
    "other",
    [
        {"features": KNOWN["features"].rename(columns={"x": "z"})},
        {"features": KNOWN["features"].fillna(0.0)},
        {"features": KNOWN["features"].rename(index={"a": "c"})},
        {"status": KNOWN["status"][::-1]},
        {"groups": pd.Series(["S1", "S1"], INDEX)},
        {"weights": np.array([1.0, 3.0])},
        {"weights": None},
        {"asked": {"seed": 1}},
        {"asked": None},
        {"further": [b"2"]},
    ],
)
def test_whatever_is_other_makes_another_hash(other: dict[str, Any]) -> None:
    assert hash_data(**KNOWN) == hash_data(**KNOWN)
    assert hash_data(**{**KNOWN, **other}) != hash_data(**KNOWN)


def test_weights_of_one_are_as_good_as_none() -> None:
    assert hash_data(**{**KNOWN, "weights": np.ones(2)}) == hash_data(**{**KNOWN, "weights": None})
