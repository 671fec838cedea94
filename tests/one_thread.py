"""Limit BLAS and OpenMP to one thread, also in child processes: imported before NumPy, which reads the variables once.

Tests run in one process per core. Threads that wait for a core spin: fitting the meta-learner of a small set took
30 times as much processor time. Tests of what does not depend on threads ask for several (`several_threads`).
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
