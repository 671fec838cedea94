"""What a report cannot show, and the command that would provide it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pdmr_classic.reporting.report._sources import AUDIT, EVALUATION, MANIFEST, RESULTS, VALIDATION, Source

_AGAIN = "run evaluate again with this version"
_EVALUATE = "pdmr-classic evaluate DATA"


def list_missing(
    sources: Mapping[str, Source], report: Mapping[str, Any], *, with_ids: bool = False
) -> list[dict[str, str]]:
    """Return what is missing, each with a hint, the most important first.

    Parameters
    ----------
    sources : mapping of str to Source
    report : mapping
        The sections that could be built.
    with_ids : bool
        Whether recordings should be named.
    """
    rows = [*_miss_evaluation(sources), *_miss_parts(sources, report), *_miss_files(sources)]
    if with_ids and RESULTS not in sources:
        rows.append(
            (
                "which recordings were wrong: only results of predict have ids (--with-ids)",
                "pdmr-classic predict DATA --model MODEL --proba --out results.jsonl",
            )
        )
    return [{"what": what, "hint": hint} for what, hint in rows]


def _miss_evaluation(sources: Mapping[str, Source]) -> Iterator[tuple[str, str]]:
    if EVALUATION not in sources:
        config = f" --config {sources[MANIFEST].path.name}" if MANIFEST in sources else ""
        yield (
            "how well the model recognises new people: there is no evaluation",
            f"{_EVALUATE}{config} --out evaluation.json",
        )


def _miss_parts(sources: Mapping[str, Source], report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the evaluation does not have: because it is old, or for its options."""
    if EVALUATION not in sources:
        return
    evaluation = sources[EVALUATION].content
    if not evaluation.get("flow"):
        yield "which recordings were excluded, and why: the evaluation is of an older version", _AGAIN
    if "scores" not in evaluation:
        return
    if "logistic_regression" not in evaluation["baselines"]:
        yield "a plain logistic regression as a baseline: the evaluation is of an older version", _AGAIN
    if "members" not in report:
        yield (
            "the weights of the base learners: the evaluation is of an older version",
            f"{_AGAIN}, or pass the model as well",
        )
    if not (report.get("importance") or {}).get("channels"):
        yield "the strongest channels: the evaluation is of an older version, or importance is switched off", _AGAIN
    if evaluation["positive"] is not None:
        yield from _miss_curves(report)
    if not evaluation["confounds"]:
        yield "what recording conditions alone predict, group by group", f"{_EVALUATE} --confounds"
    if not evaluation["subgroups"]:
        yield "scores for groups of people", f"{_EVALUATE} --by gender"
    if not evaluation["stress_tests"]:
        yield "scores on altered recordings (stress tests)", "evaluate without --no-stress"


def _miss_curves(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "roc" not in report:
        yield (
            "ROC and precision-recall curves: no fold has recordings of both classes",
            "evaluate with fewer --folds",
        )
    if "threshold" in report and report["threshold"]["chosen"] is None:
        yield "the thresholds that the models chose: the evaluation is of an older version", _AGAIN


def _miss_files(sources: Mapping[str, Source]) -> Iterator[tuple[str, str]]:
    if set(sources) & {EVALUATION, MANIFEST}:
        model = "--model MODEL" if MANIFEST not in sources else f"--model {sources[MANIFEST].path.stem}.joblib"
        if AUDIT not in sources:
            yield (
                "whether people can be recognised: there is no identity audit",
                "pdmr-classic audit DATA --out audit.json",
            )
        if VALIDATION not in sources and RESULTS not in sources:
            name = model.removeprefix("--model ")
            yield (
                "how the model performs on another data set: there is no validation",
                f"pdmr-classic validate {name} OTHER_DATA --out validation.json",
            )
