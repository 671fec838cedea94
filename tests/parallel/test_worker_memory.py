"""A worker that Dask has started with its own limits for freed memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

COUNT_PAGES = """
import resource, sys
import numpy as np
from pdmr_classic.workers import reuse_freed_memory

def count():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        np.ones(100_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

count()
print(count())
reuse_freed_memory()
count()
print(count())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the limits are those of glibc")
def test_freed_memory_is_used_again() -> None:
    environ = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run([sys.executable, "-c", COUNT_PAGES], env=environ, check=True, capture_output=True, text=True)
    before, after = map(int, done.stdout.split())
    assert before > 100 * 100, "each array of 800 kB has new pages"
    assert after < 100
