"""Tell a file that holds a second run from one whose rows are only out of order."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import Floats

# Rows are shuffled if time often runs backwards; a second run starts with one such step.
_SHUFFLED_SHARE, _MIN_SHUFFLED = 0.2, 2
# A row this many places away from its own was only written late.
_LOCAL_PLACES = 1


def starts_again(times: Floats) -> bool:
    """Return whether time jumps back so rarely and so far that a second run begins there.

    Examples
    --------
    >>> starts_again(np.array([0, 1, 2, 3, 0.5, 1.5])), starts_again(np.array([0, 2, 1, 3])), starts_again(np.arange(3))
    (True, False, False)
    """
    steps = np.diff(times)
    n_backward = int(np.count_nonzero(steps < 0))
    if not n_backward or n_backward >= max(_MIN_SHUFFLED, _SHUFFLED_SHARE * len(steps)):
        return False
    return int(np.abs(np.argsort(times) - np.arange(len(times))).max()) > _LOCAL_PLACES
