"""How the model was evaluated, and what came out, from an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pdmr_classic.evaluation.known_people import KNOWN_PEOPLE
from pdmr_classic.reporting._cells import LABELS, SEVERITY_LABELS, add_positive, name_groups
from pdmr_classic.reporting.methods._wording import count_words, escape_markdown, join_words, score_words
from pdmr_classic.text import format_count

_BASELINES = {
    "shortcut": "recording conditions alone (duration, frame rate, tracking quality, missing modalities)",
    "logistic_regression": "a plain logistic regression on all features",
}


def describe_evaluation(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """Yield paragraphs about the design of the evaluation."""
    outer, data = evaluation["outer_folds"], evaluation["data"]
    classes = f" ({count_words(data['classes'])})" if data.get("classes") else ""
    folds = f"{format_count(outer['n_folds'], 'outer fold')} in {format_count(outer['n_repeats'], 'repeat')}"
    procedure = "a fixed split" if outer["is_one_way"] else "nested cross-validation [@varma2006]"
    yield (
        f"Performance was estimated by {procedure} on {data['n_recordings']:,} recordings of "
        f"{format_count(data['n_subjects'], 'subject')}{classes}: {folds} ({escape_markdown(outer['source'])}). "
        "Tuning, training, calibration and the choice of the threshold were repeated in each outer fold, and the model "
        f"was tested on {_describe_held_out(evaluation)}."
    )
    # As in the note of the evaluation: with an official split, no fold trains on what another one holds out.
    error = (
        ""
        if outer["is_one_way"]
        else ", with a standard error that is increased for the dependence between folds [@nadeau2003]"
    )
    yield (
        f"95% confidence intervals come from a bootstrap of subjects on the out-of-fold predictions{error}; they do "
        "not include the variability of retraining."
    )
    if "permutation_test" in evaluation:
        test = evaluation["permutation_test"]
        yield (
            f"Whether predictions carry any information was tested by {test['n_permutations']:,} permutations of "
            f"{test['permuted']}. Baselines were {join_words(_list_baselines(evaluation))}."
        )
    extra = list(_list_analyses(evaluation["settings"]["evaluation"]))
    if extra:
        yield f"In addition: {'; '.join(extra)}."


def _describe_held_out(evaluation: Mapping[str, Any]) -> str:
    if evaluation.get("held_out") == KNOWN_PEOPLE:
        return "people whose other sessions were in the training data: the scores are not for new people"
    return "people of whom no recording was in the training data"


def _list_baselines(evaluation: Mapping[str, Any]) -> list[str]:
    named = [text for name, text in _BASELINES.items() if name in evaluation["baselines"]]
    has_views = any(name.endswith(("_only", "_as_one_view")) for name in evaluation["baselines"])
    return ["the constant answer", *named, *(["the base learners of single views"] if has_views else [])]


def _list_analyses(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings.get("stress"):
        yield "stress tests (a modality or frames removed, noise, half the frame rate)"
    if settings.get("confounds"):
        yield "an audit of recording conditions as confounds"
    if settings.get("by"):
        yield f"subgroups by {join_words(escape_markdown(column) for column in settings['by'])}"
    if settings.get("prevalence"):
        yield f"scores adjusted to a prevalence of {settings['prevalence']}"


def describe_results(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the results: conclusions, a table of scores, baselines, subgroups, importance, warnings."""
    if "scores" in evaluation:
        yield " ".join(f"{escape_markdown(sentence)}." for sentence in evaluation["conclusion"])
        yield _score_table(evaluation["scores"], LABELS, evaluation["positive"])
        yield from _describe_baselines(evaluation)
        yield from _describe_optimism(evaluation)
        yield from _describe_importance(evaluation)
        yield from _describe_subgroups(evaluation)
    severity = evaluation.get("severity")
    if severity:
        yield " ".join(f"{escape_markdown(sentence)}." for sentence in severity["conclusion"])
        yield _score_table(severity["scores"], SEVERITY_LABELS, None)
        intervals = severity["intervals"]
        yield (
            f"The share of true scores inside the {intervals['level']:.0%} prediction intervals was "
            f"{score_words(intervals['coverage'])}; their mean width was {intervals['mean_width']:.1f}."
        )
    warnings = [
        warning["what"] for warning in evaluation["warnings"] if warning["what"] not in evaluation["conclusion"]
    ]
    if warnings:
        yield "Warnings of the evaluation: " + "; ".join(map(escape_markdown, warnings)) + "."


def _score_table(scores: Mapping[str, Any], labels: Mapping[str, str], positive: str | None) -> str:
    head = ["| score | mean (95% CI) | SD over repeats |", "|---|---|---|"]
    rows = []
    for name, part in scores.items():
        label = add_positive(labels.get(name, name.replace("_", " ")), positive if name == "f1" else None)
        spread = "" if part.get("sd") is None else f"{part['sd']:.3f}"
        rows.append(f"| {escape_markdown(label)} | {score_words(part)} | {spread} |")
    return "\n".join([*head, *rows])


def _describe_baselines(evaluation: Mapping[str, Any]) -> Iterator[str]:
    head = ["| baseline | F1 | macro F1 | AUC |", "|---|---|---|---|"]
    rows = []
    for name, part in evaluation["baselines"].items():
        if name == "floor":
            cells = [f"{part[key]:.3f}" if part.get(key) is not None else "" for key in ("f1", "macro_f1")]
            rows.append(f"| always {escape_markdown(part['label'])} | {' | '.join(cells)} | |")
            continue
        scores = part.get("scores") or {}
        label = _BASELINES.get(name, name.replace("_", " "))
        cells = [score_words(scores[key]) if key in scores else "" for key in ("f1", "macro_f1", "auc")]
        rows.append(f"| {escape_markdown(label)} | {' | '.join(cells)} |")
    yield "\n".join([*head, *rows])


def _describe_optimism(evaluation: Mapping[str, Any]) -> Iterator[str]:
    part = evaluation["optimism"].get("auc")
    if part:
        yield (
            f"On the inner folds, on which the model was tuned, the AUC was {part['inner']:.3f}; on the held-out "
            f"recordings it was {part['outer']:.3f}."
        )


def _describe_importance(evaluation: Mapping[str, Any]) -> Iterator[str]:
    families = list((evaluation["importance"].get("by_family") or {}).items())[:5]
    if families:
        text = join_words(f"{escape_markdown(name)} ({increase:+.3f})" for name, increase in families)
        yield (
            "Permutation importance [@breiman2001], the increase in log loss on held-out recordings of the inner folds "
            f"when a family of features is shuffled, was largest for {text}."
        )


def _describe_subgroups(evaluation: Mapping[str, Any]) -> Iterator[str]:
    for column, part in evaluation["subgroups"].items():
        rows = (
            f"{escape_markdown(name)}: {format_count(group['n_recordings'], 'recording')}, AUC "
            f"{score_words(group['scores'].get('auc'))}"
            for name, group in zip(name_groups(part["groups"]), part["groups"].values(), strict=True)
        )
        yield f"By {escape_markdown(column)}: {'; '.join(rows)}."
