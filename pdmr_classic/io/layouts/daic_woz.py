"""DAIC-WOZ: `300_P/300_CLNF_AUs.txt` and its parts, `300_COVAREP.csv`, and `train_split_Depression_AVEC2017.csv`."""

from __future__ import annotations

from pdmr_classic.io.layouts._sessions import make_session_layout
from pdmr_classic.io.layouts._suffixes import DAIC_WOZ

DAIC_WOZ_LAYOUT = make_session_layout(
    "daic-woz", DAIC_WOZ, "video from *_CLNF_AUs, _pose, _gaze and _features, audio from *_COVAREP"
)
