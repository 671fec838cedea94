"""Version of the code that computes features: a hash of it, because a version number could be forgotten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy
import xxhash

_PACKAGE = Path(__file__).parents[1]
# All code that can affect a feature; a test checks this against the imports.
_CODE = (
    *("_progress_bar.py", "_version.py", "arrays.py", "code_hash.py", "config.py", "errors.py", "plugins.py"),
    *("progress.py", "text.py", "workers.py", "parallel/__init__.py", "parallel/backend.py"),
    "parallel/_local_tasks.py",
    *("storage/**/*.py", "io/**/*.py", "features/**/*.py"),
)


def hash_feature_code(package: Path = _PACKAGE) -> str:
    """Return the hash of the code that computes features, and of the libraries that may round differently.

    Features of two versions with the same hash are identical on one type of machine; those of two hashes may differ.
    Users' own families are not included, see `Plugin.describe`.

    Parameters
    ----------
    package : Path
        Folder of the package.

    Examples
    --------
    >>> len(hash_feature_code())
    32
    """
    digest = xxhash.xxh3_128(f"{np.__version__} {scipy.__version__} {pa.__version__}".encode())
    for file in list_feature_code(package):
        digest.update(f"\0{file.relative_to(package)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def list_feature_code(package: Path = _PACKAGE) -> list[Path]:
    """Return the files of all code that can affect a feature, sorted."""
    return sorted(file for pattern in _CODE for file in package.glob(pattern))
