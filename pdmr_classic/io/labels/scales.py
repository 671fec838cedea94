"""Scales of scores: range, ordered classes and clinical cut-off of the questionnaires that label tables hold.

=======  =====  ==================================================================  ========
scale    range  lowest score of each class                                          clinical
=======  =====  ==================================================================  ========
phq8     0-24   none 0, mild 5, moderate 10, moderately severe 15, severe 20 [1]_   10
phq9     0-27   none 0, mild 5, moderate 10, moderately severe 15, severe 20 [2]_   10
bdi2     0-63   minimal 0, mild 14, moderate 20, severe 29 [3]_                     14
hamd17   0-52   none 0, mild 8, moderate 14, severe 19, very severe 23 [4]_         8
=======  =====  ==================================================================  ========

For the HAMD-17, Zimmerman and others [5]_ proposed mild 8, moderate 17, severe 24; setting `severity.cutoffs` takes
these, or any others.

References
----------
.. [1] Kroenke, Strine, Spitzer, Williams, Berry, Mokdad (2009). The PHQ-8 as a measure of current depression in the
   general population. Journal of Affective Disorders 114, 163-173.
.. [2] Kroenke, Spitzer, Williams (2001). The PHQ-9: validity of a brief depression severity measure. Journal of General
   Internal Medicine 16, 606-613.
.. [3] Beck, Steer, Brown (1996). Manual for the Beck Depression Inventory-II. Psychological Corporation.
.. [4] American Psychiatric Association (2000). Handbook of Psychiatric Measures. Of the 17 items, nine are rated 0-4
   and eight 0-2 (Hamilton 1960): 0 to 52. A score up to 7 counts as remission (Frank and others 1991).
.. [5] Zimmerman, Martinez, Young, Chelminski, Dalrymple (2013). Severity classification on the Hamilton Depression
   Rating Scale. Journal of Affective Disorders 150, 384-388.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, Finding
from pdmr_classic.io.labels._own_cutoffs import replace_cutoffs
from pdmr_classic.io.labels.classes import parse_number

_EXAMPLE = "phq8, phq9, bdi2, hamd17, or MIN:MAX such as 0:60"


@dataclass(frozen=True)
class Scale:
    """Range, classes and clinical cut-off of a score.

    Attributes
    ----------
    name : str
        A key of `SCALES`, or the range as `MIN:MAX`.
    low, high : float
        Lowest and highest possible score.
    cutoffs : tuple of float
        Lowest score of each class but the first; empty without classes.
    class_names : tuple of str
        From the lowest class to the highest, one more than `cutoffs`; empty without classes.
    clinical_cutoff : float or None
        Lowest score of the class Depression.
    step : float or None
        Distance between neighbouring scores; None if any number may be a score.
    is_observed : bool
        Whether the range is only that of the known scores, beyond which others may be.

    Examples
    --------
    >>> scale = SCALES["phq8"]
    >>> scale.classify([4.2, 9.6, 21.0]).tolist(), scale.is_clinical([9.4, 9.6]).tolist()
    (['none', 'moderate', 'severe'], [False, True])
    """

    name: str
    low: float
    high: float
    cutoffs: tuple[float, ...] = ()
    class_names: tuple[str, ...] = ()
    clinical_cutoff: float | None = None
    step: float | None = None
    is_observed: bool = field(default=False, repr=False)

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 without cut-offs."""
        return len(self.class_names)

    def round(self, scores: ArrayLike) -> Floats:
        """Return scores, shape [n], rounded to `step`, halves upwards; unchanged without a step. NaN stays NaN."""
        values = np.asarray(scores, dtype=np.float64)
        return values if self.step is None else np.floor(values / self.step + 0.5) * self.step

    def class_codes(self, scores: ArrayLike) -> Ints:
        """Return the index of the class of each score, shape [n]; -1 for NaN.

        Scores are rounded first, so that a predicted 9.6 counts as 10. Scores outside the range are in the first or the
        last class.

        Examples
        --------
        >>> SCALES["bdi2"].class_codes([13, 14, 63, float("nan")]).tolist()
        [0, 1, 3, -1]
        """
        rounded = self.round(scores)
        return np.where(np.isnan(rounded), -1, np.searchsorted(self.cutoffs, rounded, side="right")).astype(np.intp)

    def classify(self, scores: ArrayLike) -> NDArray[Any]:
        """Return the class of each score, shape [n], dtype object; an empty string for NaN."""
        # The code of NaN, -1, is the last of the names.
        return np.array([*self.class_names, ""], dtype=object)[self.class_codes(scores)]

    def clip(self, scores: ArrayLike) -> Floats:
        """Return scores limited to the range, shape [n], unless it was only observed; NaN stays NaN."""
        if self.is_observed:
            return np.asarray(scores, dtype=np.float64)
        return np.clip(np.asarray(scores, dtype=np.float64), self.low, self.high)

    def is_clinical(self, scores: ArrayLike) -> Mask:
        """Return whether each score, rounded, reaches the clinical cut-off, shape [n]; False for NaN.

        Raises
        ------
        ConfigError
            The scale has no clinical cut-off.
        """
        if self.clinical_cutoff is None:
            raise ConfigError(
                f"the scale {self.name} has no clinical cut-off",
                code="no-clinical-cutoff",
                hint="set it in a settings file: [severity] clinical_cutoff = …",
            )
        return self.round(scores) >= self.clinical_cutoff

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes, ready for JSON; `from_dict` reads them.

        Examples
        --------
        >>> Scale.from_dict(SCALES["phq9"].as_dict()) == SCALES["phq9"]
        True
        """
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Return the scale that `as_dict` described."""
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in raw.items()}
        return cls(**values)


_PHQ8 = Scale(
    "phq8",
    low=0.0,
    high=24.0,
    cutoffs=(5.0, 10.0, 15.0, 20.0),
    class_names=("none", "mild", "moderate", "moderately severe", "severe"),
    clinical_cutoff=10.0,
    step=1.0,
)
_BDI2 = Scale(
    "bdi2",
    low=0.0,
    high=63.0,
    cutoffs=(14.0, 20.0, 29.0),
    class_names=("minimal", "mild", "moderate", "severe"),
    clinical_cutoff=14.0,
    step=1.0,
)
_HAMD17 = Scale(
    "hamd17",
    low=0.0,
    high=52.0,
    cutoffs=(8.0, 14.0, 19.0, 23.0),
    class_names=("none", "mild", "moderate", "severe", "very severe"),
    clinical_cutoff=8.0,
    step=1.0,
)
SCALES = {scale.name: scale for scale in (_PHQ8, replace(_PHQ8, name="phq9", high=27.0), _BDI2, _HAMD17)}
_LONG_NAMES = {"phq8": "PHQ-8", "phq9": "PHQ-9", "bdi2": "BDI-II", "hamd17": "HAMD-17"}
_ENDING = "(score|total|totalscore|sum)?"
_COLUMN_NAMES = {
    "phq8": rf"phq8{_ENDING}",
    "phq9": rf"phq9{_ENDING}",
    "bdi2": rf"bdi(2|ii)?{_ENDING}",
    "hamd17": rf"(hamd|hdrs)(17)?{_ENDING}",
}


# ------------------------------------------------------------------------------------------------- choice


def choose_scale(settings: Settings, column: str, scores: ArrayLike) -> tuple[Scale, list[Finding]]:
    """Return the scale of a column of scores, and how it was chosen.

    Parameters
    ----------
    settings : Settings
        `severity.scale` names the scale; otherwise it is recognised from the name of the column, such as PHQ8_Score;
        otherwise its range is that of the scores. Cut-offs and class names in the settings replace those of the scale.
    column : str
    scores : array-like of float, shape [n]
        NaN is ignored.

    Raises
    ------
    ConfigError
        The scale is neither known nor a range, or the cut-offs do not fit it.

    Examples
    --------
    >>> scale, findings = choose_scale(Settings(), "PHQ8_Score", [0, 4, 17])
    >>> scale.name, findings[0].what
    ('phq8', "the scores in 'PHQ8_Score' are read as PHQ-8, 0 to 24")
    >>> choose_scale(Settings(), "age", [20, 61])[0]
    Scale(name='20:61', low=20.0, high=61.0, cutoffs=(), class_names=(), clinical_cutoff=None, step=None)
    """
    requested = parse_scale(settings.severity.scale) if settings.severity.scale is not None else None
    values = np.asarray(scores, dtype=np.float64)
    values = values[np.isfinite(values)]
    recognised = recognise_scale(column, values)
    if requested is not None:
        findings = _warn_of_other_scale(requested, recognised, column)
        return replace_cutoffs(requested, settings.severity), findings
    if recognised is not None:
        what = f"the scores in {column!r} are read as {_describe(recognised)}"
        hint = "pass --scale if they are of another scale"
        return replace_cutoffs(recognised, settings.severity), [Finding("known-scale", what, hint=hint)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    scale = replace_cutoffs(Scale(f"{low:g}:{high:g}", low, high, is_observed=True), settings.severity)
    what = f"the scale of {column!r} is not known: its range is that of the scores, from {low:g} to {high:g}"
    what += "" if scale.n_classes else ", without classes"
    return scale, [Finding("range-scale", what, hint=f"pass --scale: {_EXAMPLE}")]


def parse_scale(text: str) -> Scale:
    """Return a scale by its name, or one with the range `MIN:MAX`, without classes.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> parse_scale("PHQ-8").name, parse_scale("0:60").high
    ('phq8', 60.0)
    """
    name = re.sub(r"[\W_]", "", text.casefold())
    name = {"bdiii": "bdi2"}.get(name, name)
    if name in SCALES and ":" not in text:
        return SCALES[name]
    low, high = (parse_number(part) for part in text.split(":")) if text.count(":") == 1 else (None, None)
    if low is None or high is None or low >= high:
        raise ConfigError(
            "--scale must be a known scale or a range", code="bad-scale", expected=_EXAMPLE, found=repr(text)
        )
    return Scale(f"{low:g}:{high:g}", low, high)


def recognise_scale(column: str, scores: ArrayLike) -> Scale | None:
    """Return the scale that the name of a column means, or None.

    PHQ without a number is the PHQ-8 if no score is above its range.

    Examples
    --------
    >>> [recognise_scale(name, [3, 20]).name for name in ("phq9_score", "PHQ_Score", "BDI-II", "HAMD")]
    ['phq9', 'phq8', 'bdi2', 'hamd17']
    """
    name = re.sub(r"[\W_]", "", column.casefold())
    if re.fullmatch(f"phq{_ENDING}", name):
        return SCALES["phq8" if np.max(scores, initial=0.0) <= SCALES["phq8"].high else "phq9"]
    return next((SCALES[key] for key, pattern in _COLUMN_NAMES.items() if re.fullmatch(pattern, name)), None)


def _describe(scale: Scale) -> str:
    return describe_range(_LONG_NAMES.get(scale.name, scale.name), scale.low, scale.high)


def describe_range(name: str, low: float, high: float) -> str:
    """Return name and range of a scale; one that was given as MIN:MAX has no other name.

    Examples
    --------
    >>> describe_range("phq8", 0, 24), describe_range("0:21", 0, 21)
    ('phq8, 0 to 24', '0 to 21')
    """
    return f"{low:g} to {high:g}" if ":" in name else f"{name}, {low:g} to {high:g}"


def _warn_of_other_scale(requested: Scale, recognised: Scale | None, column: str) -> list[Finding]:
    if recognised is None or requested.name not in SCALES or requested.name == recognised.name:
        return []
    what = f"the column name {column!r} suggests {_describe(recognised)}, but --scale is {_describe(requested)}"
    hint = f"pass --scale {recognised.name} if the column name is right"
    return [Finding("other-scale", what, column=column, hint=hint)]
