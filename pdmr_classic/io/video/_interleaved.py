"""Two people whose rows alternate, in files with neither ids nor times that tell them apart."""

from __future__ import annotations

import numpy as np

from pdmr_classic.errors import DataError
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video._tracking import Tracking

_RIGID = frozenset({"pose", "gaze", "gaze_vector", "landmark"})
_MIN_CHANNELS, _MIN_ROWS = 2, 20
# A face moves further in two frames than in one; noise alone moves it as far.
_MAX_RATIO = 0.4
_N_ROWS = 2000


def refuse_interleaved(tracking: Tracking) -> None:
    """Refuse rows in which most poses, gazes and landmarks are nearer to the row before the last than to the last.

    Raises
    ------
    DataError
        The rows of two people alternate.
    """
    if "timestamp" in tracking.meta or tracking.n_rows < _MIN_ROWS:
        return
    rigid = [values[:_N_ROWS] for name, values in tracking.channels.items() if channel_kind(name) in _RIGID]
    moving = [values for values in rigid if np.count_nonzero(np.diff(values)) > _MIN_ROWS / 2]
    if len(moving) < _MIN_CHANNELS:
        return
    values = np.array(moving)
    to_last = np.nanmedian(np.abs(values[:, 1:] - values[:, :-1]), axis=1)
    to_before = np.nanmedian(np.abs(values[:, 2:] - values[:, :-2]), axis=1)
    if np.mean(to_before < _MAX_RATIO * to_last) <= 0.5:
        return
    raise DataError(
        "the rows of two people alternate",
        code="interleaved",
        file=tracking.path,
        expected="one person, whose face moves less from one row to the next than over two rows",
        found="the reverse in most poses, gazes and landmarks",
        hint="split the file into one recording of one face each, or add a column face_id",
    )
