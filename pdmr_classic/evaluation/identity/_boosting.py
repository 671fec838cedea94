"""The boosting of the attackers: small, reproducible, and in one thread."""

from __future__ import annotations

from typing import Any

from lightgbm import LGBMClassifier


def make_boosting(seed: int, **params: Any) -> LGBMClassifier:
    """Return an unfitted LightGBM of 60 small trees, with equal weights of both classes."""
    return LGBMClassifier(
        n_estimators=60,
        num_leaves=7,
        class_weight="balanced",
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
        **params,
    )
