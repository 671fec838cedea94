"""The label that a predicted score stands for, by the clinical cut-off of its scale."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdmr_classic.io.labels.classes import NEGATIVE, POSITIVE
from pdmr_classic.io.labels.scales import Scale


def derive_status(described: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    """Return predicted scores with `status` and `label_set` first, if the scale has a clinical cut-off.

    The set contains each label that some score within the interval stands for; it contains the true label wherever the
    interval contains the true score. Where the score is NaN, the status is "", and the set has both labels.

    Parameters
    ----------
    described : DataFrame
        As returned by `SeverityModel.describe`.
    scale : Scale

    Examples
    --------
    >>> from pdmr_classic.io.labels.scales import SCALES
    >>> row = pd.DataFrame({"severity": [11.0], "severity_low": [7.0], "severity_high": [15.0]})
    >>> derive_status(row, SCALES["phq8"])[["status", "label_set"]].values.tolist()
    [['Depression', ('Depression', 'Normal')]]
    """
    if scale.clinical_cutoff is None:
        return described.copy()
    low, high = (scale.is_clinical(described[name]) for name in ("severity_low", "severity_high"))
    is_unknown = described["severity"].isna()
    possible = zip(high | is_unknown, ~low, strict=True)
    sets = [tuple(label for label, inside in zip((POSITIVE, NEGATIVE), row, strict=True) if inside) for row in possible]
    status = np.where(scale.is_clinical(described["severity"]), POSITIVE, NEGATIVE).astype(object)
    status[is_unknown] = ""
    first = pd.DataFrame({"status": status}, index=described.index)
    first["label_set"] = pd.Series(sets, index=described.index, dtype=object)
    return pd.concat([first, described], axis=1)
