"""E-DAIC: `300_P/features/300_OpenFace2.1.0_Pose_gaze_AUs.csv`, `…_OpenSMILE2.3.0_egemaps.csv`, `train_split.csv`."""

from __future__ import annotations

from pdmr_classic.io.layouts._sessions import make_session_layout
from pdmr_classic.io.layouts._suffixes import E_DAIC

E_DAIC_LAYOUT = make_session_layout(
    "e-daic", E_DAIC, "video from *_OpenFace2.1.0_Pose_gaze_AUs, audio from *_OpenSMILE2.3.0_egemaps"
)
