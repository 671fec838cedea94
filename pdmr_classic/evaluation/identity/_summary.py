"""Estimates over all folds, as one dict ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pdmr_classic.evaluation.identity._estimates import (
    estimate_auc,
    estimate_hits,
    estimate_identification,
    estimate_verification,
)
from pdmr_classic.evaluation.identity._membership import ATTACKS
from pdmr_classic.evaluation.identity._representations import DESCRIPTIONS
from pdmr_classic.evaluation.identity._situations import Outcome


def summarise(outcomes: Sequence[Outcome], n_subjects: int, seed: int) -> dict[str, Any]:
    """Return `representations`, `stored` and `membership`."""
    names = [name for name in DESCRIPTIONS if any(name in outcome.pairs for outcome in outcomes)]
    return {
        "representations": [_summarise_representation(name, outcomes, n_subjects, seed) for name in names],
        "stored": _summarise_stored([outcome.stored for outcome in outcomes if outcome.stored], n_subjects, seed),
        "membership": _summarise_membership(outcomes, n_subjects, seed),
    }


def _summarise_representation(name: str, outcomes: Sequence[Outcome], n_subjects: int, seed: int) -> dict[str, Any]:
    used = [outcome for outcome in outcomes if name in outcome.pairs]
    pairs = [scores for outcome in used for scores in outcome.pairs[name]]
    columns = list(used[0].attributes[name])
    widths = [width for outcome in used for width in outcome.n_columns[name]]
    return {
        "name": name,
        "description": DESCRIPTIONS[name],
        "n_columns": [min(widths), max(widths)],
        "verification": estimate_verification(pairs, n_subjects, seed),
        "identification": estimate_identification(pairs, n_subjects, seed),
        "attributes": {
            column: estimate_auc(
                [scores for outcome in used for scores in outcome.attributes[name][column]], n_subjects, seed
            )
            for column in columns
        },
    }


def _summarise_stored(stored: Sequence[dict[str, Any]], n_subjects: int, seed: int) -> dict[str, Any] | None:
    """Return how many rows are stored, averaged over models, and who can be found in them."""
    if not stored:
        return None
    found = [part["found"] for part in stored if "found" in part]
    return {
        "n_rows": float(np.mean([part["n_rows"] for part in stored])),
        "n_training": float(np.mean([part["n_training"] for part in stored])),
        "member": next((part["member"] for part in stored if part["member"]), None),
        "linked": float(np.mean([part[3] for part in found])) if found else None,
        "identification": estimate_hits([part[:3] for part in found], n_subjects, seed) if found else None,
    }


def _summarise_membership(outcomes: Sequence[Outcome], n_subjects: int, seed: int) -> dict[str, Any]:
    used = [outcome for outcome in outcomes if outcome.membership]
    if not used:
        return {"reason": "there are no training recordings of a model" if outcomes[0].stored else "there is no model"}
    names = [name for name in ATTACKS if name in used[0].membership]
    return {
        "attacks": {
            name: {"description": ATTACKS[name]}
            | estimate_auc(
                [outcome.membership[name] for outcome in used if name in outcome.membership], n_subjects, seed
            )
            for name in names
        },
        **{key: float(np.mean([outcome.gaps[key] for outcome in used])) for key in used[0].gaps},
    }
