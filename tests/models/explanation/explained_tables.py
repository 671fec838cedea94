"""Small feature tables of several modalities, with a planted feature."""

from __future__ import annotations

import numpy as np
import pandas as pd

_FUNCTIONALS = ("mean", "velocity_rms", "share_active", "peak_hz")
"""Of four families."""
VIDEO = [f"video__AU{unit:02d}_r__{what}" for unit in (1, 4, 6, 12, 15) for what in _FUNCTIONALS]
AUDIO = [f"audio__vector__{k:03d}" for k in range(8)]
PLANTED = "video__AU12_r__mean"


def make_table(n: int = 60, *, n_classes: int = 2, seed: int = 0) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return features with missing values and missing modalities, labels and subjects of two recordings each."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"{k:03d}" for k in range(n)], name="data_id")
    subjects = np.arange(n) // 2
    codes = subjects % n_classes
    table = pd.DataFrame(rng.normal(size=(n, len(VIDEO + AUDIO))), index, VIDEO + AUDIO)
    table[PLANTED] += 2.0 * codes
    table[AUDIO[0]] += 0.7 * codes
    table.iloc[3, 2] = table.iloc[5, 4] = np.nan
    table.loc[index[7], VIDEO] = np.nan
    table.loc[index[12], AUDIO] = np.nan
    names = ["Depression", "Normal"] if n_classes == 2 else [f"level {k}" for k in range(n_classes)]
    status = pd.Series([names[code] for code in codes], index, dtype=object)
    return table, status, pd.Series([f"S{k}" for k in subjects], index)
