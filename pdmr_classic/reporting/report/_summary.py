"""Three sentences: what was asked, what the answer is, and how far to trust it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pdmr_classic.evaluation.known_people import KNOWN_PEOPLE, NEW_PEOPLE, name_held_out
from pdmr_classic.evaluation.system_scores import main_score
from pdmr_classic.reporting.comparison_tables import describe_winner, list_targets
from pdmr_classic.reporting.report._labels import label_score
from pdmr_classic.text import format_count, format_list

_LEAK = 0.9
_FEW_SUBJECTS = 20
_MAX_CLASSES = 4

_Part = Mapping[str, Any]


def summarise_evaluation(evaluation: _Part, modalities: Sequence[str], warnings: Sequence[_Part]) -> list[str]:
    """Return the three sentences on an evaluation."""
    asked = _ask(evaluation, modalities)
    return [asked, _answer(evaluation), _join_reasons(_list_doubts(evaluation, warnings))]


def summarise_model(manifest: _Part, modalities: Sequence[str]) -> list[str]:
    """Return the three sentences on a model without an evaluation."""
    n_people = format_count(manifest["n_subjects"], "person", "people")
    counts = f"{format_count(manifest['n_recordings'], 'recording')} of {n_people}"
    asked = f"A model was trained to recognise {_name_targets(manifest)}{_from(modalities)}, on {counts}."
    return [asked, _answer_inner(manifest), _join_reasons(_list_model_doubts(manifest))]


def summarise_files(contents: Mapping[str, _Part]) -> list[str]:
    """Return the three sentences on files without an evaluation and without a model, by kind."""
    findings = [describe(contents[kind]) for kind, describe in _FINDINGS.items() if kind in contents]
    shown = _join_words([_KINDS[kind] for kind in contents], "and")
    return [f"This report shows {shown}.", " ".join(findings), _join_reasons(_list_file_doubts(contents))]


def _describe_validation(validation: _Part) -> str:
    name = main_score(validation["positive"])
    counts = f"{validation['n_recordings']} recordings of {validation['n_subjects']} other people"
    scores = {key: {**validation["scores"][key], "mean": validation["scores"][key]["value"]} for key in (name, "auc")}
    label = label_score(name, validation["positive"])
    return f"On {counts}, {label} is {_format(scores[name])}; {_describe_auc(scores['auc'])}."


def _describe_results(scores: _Part) -> str:
    if "macro_f1" not in scores:
        part = scores["severity"]
        return f"On {part['n']} recordings, the mean absolute error of the results is {part['mae']:.2f} points."
    name = main_score(scores["positive"])
    floor = f" (always answering {scores['positive']}: {scores['floor']:.2f})" if "floor" in scores else ""
    label = label_score(name, scores["positive"])
    return f"On {scores['n']} recordings, {label} of the results is {scores[name]:.2f}{floor}."


def _describe_comparison(comparison: _Part) -> str:
    sentences = [" ".join(describe_winner(part)) for part in list_targets(comparison)]
    return " ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences)


def _list_file_doubts(contents: Mapping[str, _Part]) -> Iterator[str]:
    if any(content.get("synthetic") for content in contents.values()):
        yield "the recordings are synthetic, so that the scores say nothing about people"
    overlap = (contents.get("results") or {}).get("overlap")
    if overlap:
        yield f"{format_count(overlap, 'recording was', 'recordings were')} trained on"
    if "validation" not in contents:
        yield "without an evaluation, little is known about new people"


_KINDS = {
    "validation": "a validation on other people",
    "results": "results scored with labels",
    "comparison": "a comparison of systems",
    "audit": "an identity audit",
}
_FINDINGS: Mapping[str, Callable[[_Part], str]] = {
    "validation": _describe_validation,
    "results": _describe_results,
    "comparison": _describe_comparison,
    "audit": lambda audit: str(audit["conclusion"][0]),
}


def _name_targets(content: _Part) -> str:
    """Return what is predicted: classes, a severity, or both."""
    classes = content.get("data", content).get("classes") or {}
    positive = content.get("positive")
    if not isinstance(classes, Mapping) or not classes:
        return "severity"
    names = positive if positive is not None else _join_words(list(classes), "or")
    if positive is None and len(classes) > _MAX_CLASSES:
        names = f"{len(classes)} classes"
    return f"{names} and severity" if content.get("severity") else str(names)


def _from(modalities: Sequence[str]) -> str:
    return f" from {_join_words(modalities, 'and')}" if modalities else ""


def _join_words(words: Sequence[str], conjunction: str) -> str:
    *first, last = words
    return f"{', '.join(first)} {conjunction} {last}" if first else last


def _ask(evaluation: _Part, modalities: Sequence[str]) -> str:
    who = name_held_out(evaluation.get("held_out", NEW_PEOPLE))
    outer = evaluation["outer_folds"]
    counts = f"{format_count(evaluation['n_recordings'], 'recording')} of {evaluation['n_subjects']} people"
    folds = f"{format_count(outer['n_folds'], 'fold')}, {format_count(outer['n_repeats'], 'repeat')}"
    return (
        f"How well can {_name_targets(evaluation)} be recognised in {who}{_from(modalities)}? "
        f"Tested on {counts}, each held out from training ({folds})."
    )


def _answer(evaluation: _Part) -> str:
    answers = [_answer_classes(evaluation)] if "scores" in evaluation else []
    if evaluation.get("severity"):
        answers.append(_answer_severity(evaluation["severity"]))
    text = "; ".join(answers)
    return f"{text[:1].upper()}{text[1:]}."


def _answer_classes(evaluation: _Part) -> str:
    """Return the main score beside floor and shortcut, and whether it can be told from the floor."""
    name = main_score(evaluation["positive"])
    floor, shortcut = evaluation["baselines"]["floor"], evaluation["baselines"].get("shortcut") or {}
    score, auc = evaluation["scores"][name], evaluation["scores"]["auc"]
    label = label_score(name, evaluation["positive"])
    beside = [f"always answering {floor['label']} gives {floor[name]:.2f}"]
    if shortcut.get("scores") and not shortcut.get("problem"):
        beside.append(f"recording conditions alone {_format(shortcut['scores'][name], interval=False)}")
    verdict = _compare_with_floor(score, floor[name])
    return f"{label} is {_format(score)}, {verdict} ({'; '.join(beside)}); {_describe_auc(auc)}"


def _describe_auc(auc: _Part) -> str:
    if auc["mean"] is None:
        return f"the AUC is unknown ({auc.get('reason') or 'no fold has both classes'})"
    return f"the AUC is {_format(auc)}, by chance 0.50"


def _compare_with_floor(score: _Part, floor: float) -> str:
    if score["mean"] is None:
        return "which cannot be compared with the same answer for everyone"
    if score.get("low") is None or score.get("high") is None:
        return "without an interval that could be compared with the same answer for everyone"
    if score["low"] > floor:
        return "better than the same answer for everyone"
    if score["high"] < floor:
        return "worse than the same answer for everyone"
    return "not distinguishable from the same answer for everyone"


def _answer_severity(part: _Part) -> str:
    mae, ccc = part["scores"]["mae"], part["scores"]["ccc"]
    constant = part["baselines"][part["minus_constant"]["baseline"]]["scores"]["mae"]
    return (
        f"predicted severities are wrong by {_format(mae)} points on average (the same severity for everyone: "
        f"{_format(constant, interval=False)}); their concordance with the true scores is {_format(ccc)}, by chance 0"
    )


def _answer_inner(manifest: _Part) -> str:
    """Return the inner scores of a model, which are no estimate for new people."""
    scores = manifest.get("inner_scores") or {}
    name = main_score(manifest.get("positive"))
    if name not in scores:
        severity = (manifest.get("severity") or {}).get("inner_scores") or {}
        facts = f"the mean absolute error is {severity['mae']:.2f}" if "mae" in severity else "there are no scores"
    else:
        floor = f" (always answering {manifest['positive']}: {scores['floor']:.2f})" if "floor" in scores else ""
        facts = f"{label_score(name, manifest.get('positive'))} is {scores[name]:.2f}{floor}"
    where = "In cross-validation on its own training data"
    return f"{where}, {facts}, which is optimistic: the model was tuned on the same people."


def _list_doubts(evaluation: _Part, warnings: Sequence[_Part]) -> Iterator[str]:
    if evaluation.get("synthetic"):
        yield "the recordings are synthetic, so that the scores say nothing about people"
    if evaluation.get("held_out", NEW_PEOPLE) == KNOWN_PEOPLE:
        yield "the scores are for another visit of known people, not for new people"
    yield from _doubt_leak(evaluation)
    yield from _doubt_shortcut(evaluation)
    yield from _doubt_stack(evaluation)
    if evaluation["n_subjects"] < _FEW_SUBJECTS:
        yield f"there are only {evaluation['n_subjects']} people, so that the intervals are wide and rough"
    if warnings:
        yield f"{format_count(len(warnings), 'warning')} below {'says' if len(warnings) == 1 else 'say'} more"


def _doubt_leak(evaluation: _Part) -> Iterator[str]:
    scores = evaluation.get("scores") or {}
    main = main_score(evaluation["positive"])
    high = [name for name in (main, "auc") if name in scores and (scores[name]["mean"] or 0) > _LEAK]
    if high:
        labels = [label_score(name, evaluation["positive"]) if name == main else "AUC" for name in high]
        verb = "is" if len(high) == 1 else "are"
        yield (
            f"{_join_words(labels, 'and')} above 0.90 {verb} rare in this field: look for a leak between training and "
            "test first"
        )


def _doubt_shortcut(evaluation: _Part) -> Iterator[str]:
    shortcut = (evaluation.get("baselines") or {}).get("shortcut") or {}
    found = (evaluation.get("confounds") or {}).get("found")
    if found:
        yield f"recording conditions alone predict the label ({format_list(found)})"
    elif shortcut.get("is_above_chance"):
        yield "recording conditions alone rank better than chance, and the model may use them"


def _doubt_stack(evaluation: _Part) -> Iterator[str]:
    plain = (evaluation.get("baselines") or {}).get("logistic_regression") or {}
    difference = (plain.get("differences") or {}).get("auc") or {}
    if difference.get("low") is not None and difference["low"] <= 0:
        auc = f"{_format(plain['scores']['auc'], interval=False)} and {evaluation['scores']['auc']['mean']:.2f}"
        yield f"the model cannot be distinguished from a plain logistic regression on all features (AUC {auc})"


def _list_model_doubts(manifest: _Part) -> Iterator[str]:
    if manifest.get("synthetic"):
        yield "the recordings are synthetic, so that the scores say nothing about people"
    yield "without an evaluation, nothing is known about new people"
    score = (manifest.get("inner_scores") or {}).get(main_score(manifest.get("positive"))) or 0
    if score > _LEAK:
        yield "a score above 0.90 is rare in this field: look for a leak first"


def _join_reasons(reasons: Iterator[str]) -> str:
    listed = list(reasons)
    if not listed:
        return "Nothing in these files speaks against the scores; other data sets may still differ."
    text = "; ".join(listed)
    return f"How far to trust this: {text}."


def _format(part: _Part, *, interval: bool = True) -> str:
    if part["mean"] is None:
        return "unknown"
    limits = f" (95% CI {part['low']:.2f} to {part['high']:.2f})" if interval and part.get("low") is not None else ""
    return f"{part['mean']:.2f}{limits}"
