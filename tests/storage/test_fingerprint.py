from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.storage.fingerprint import hash_data

INDEX = pd.Index(["a", "b"], name="data_id")
ARGUMENTS: dict[str, Any] = {
    "features": pd.DataFrame({"x": [1.0, np.nan], "y": [0.0, 2.0]}, index=INDEX),
    "status": pd.Series(["Depression", "Normal"], INDEX),
    "groups": pd.Series(["S1", "S2"], INDEX),
    "weights": np.array([1.0, 2.0]),
    "settings": {"seed": 0},
    "extra": [b"1"],
}


@pytest.mark.parametrize(
    "change",
    [
        {"features": ARGUMENTS["features"].rename(columns={"x": "z"})},
        {"features": ARGUMENTS["features"].fillna(0.0)},
        {"features": ARGUMENTS["features"].rename(index={"a": "c"})},
        {"status": ARGUMENTS["status"][::-1]},
        {"groups": pd.Series(["S1", "S1"], INDEX)},
        {"weights": np.array([1.0, 3.0])},
        {"weights": None},
        {"settings": {"seed": 1}},
        {"settings": None},
        {"extra": [b"2"]},
    ],
)
def test_every_argument_changes_the_hash(change: dict[str, Any]) -> None:
    assert hash_data(**{**ARGUMENTS, **change}) != hash_data(**ARGUMENTS)


def test_equal_data_have_the_same_hash_in_every_process() -> None:
    """An interrupted fit goes on in another process, where Python's own hashes of strings are others."""
    code = "import runpy, sys; known = runpy.run_path(sys.argv[1]); print(known['hash_data'](**known['ARGUMENTS']))"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code, __file__],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert hashes == {hash_data(**ARGUMENTS)}


def test_weights_of_one_hash_like_no_weights() -> None:
    assert hash_data(**{**ARGUMENTS, "weights": np.ones(2)}) == hash_data(**{**ARGUMENTS, "weights": None})
