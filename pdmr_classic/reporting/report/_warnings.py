"""All warnings of the files of a report, each with a sentence on what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_MEANINGS = {
    "floor": "The answers may be no better than giving everyone the same answer.",
    "below-floor": "The answers are no better than giving everyone the same answer.",
    "nearly-all-positive": "The threshold or the share of positives does not suit these recordings.",
    "shortcut": "The recordings of the classes were made under different conditions; the model may use these instead "
    "of behaviour.",
    "confound": "The recordings of the classes were made under different conditions; the model may use these instead "
    "of behaviour.",
    "repair": "What remains of the score once differences in recording conditions are removed.",
    "covariates-alone": "What is known about the people already predicts the label; the model may only repeat it.",
    "added-value": "What the recordings tell beyond what is already known about the people.",
    "known-people": "The scores are for people whom the model knows from another visit, not for new people.",
    "severity-shortcut": "The conditions of recording tell something about the severity; the model may use these "
    "instead of behaviour.",
    "severity-floor": "The predicted severities may be no better than the same severity for everyone.",
    "severity-coverage": "The predictive intervals contain fewer or more scores than they promise.",
    "few-subjects": "With so few people, the intervals are rough themselves.",
    "missing-view": "Recordings without a modality are predicted by a weaker part of the model.",
    "inferred-groups": "Which recordings belong to one person was guessed; a wrong guess makes the scores optimistic.",
    "own-groups": "Each recording counts as a person of its own; if people have several recordings, the scores are "
    "optimistic.",
    "shared-subjects": "People are in training and test data at once, so that the scores are optimistic.",
    "overlap": "Recordings are in training and test data at once, so that the scores are optimistic.",
    "copies-between-subjects": "The same recording is in training and test data at once, so that the scores are "
    "optimistic.",
    "near-copies-between-subjects": "Nearly the same recording is in training and test data at once, so that the "
    "scores are optimistic.",
    "mismatch": "The model may not transfer to recordings that were measured in another way.",
    "scored-overlap": "The model has seen some of these recordings in training, so that the scores are optimistic.",
    "scored-mismatch": "The recordings differ from those of training in how they were measured.",
    "scored-uncertain": "The scores leave out the recordings that the model did not decide on.",
    "share-differs": "The predicted share of positives differs from that in training.",
    "mixed-subjects": "Some people have recordings of several classes, which pooling per person cannot tell apart.",
    "sampled": "Boosting, if it is a base learner, was trained on all recordings, others on samples of whole subjects.",
    "fewer-folds": "There are fewer folds than asked for, because a class has few people.",
}
_FIELDS = ("code", "what", "found", "hint")
# Of these, `found` has numbers; that of others may name recordings.
_NUMERIC = {
    *("below-floor", "few-subjects", "mixed-subjects", "nearly-all-positive"),
    *("scored-overlap", "scored-uncertain", "share-differs", "fewer-folds"),
}


def list_warnings(parts: Mapping[str, Mapping[str, Any]], *, with_ids: bool = False) -> list[dict[str, Any]]:
    """Return the warnings of all parts, each once, without names of recordings unless `with_ids`.

    Parameters
    ----------
    parts : mapping of str to mapping
        Contents with `warnings`, by the kind of their file.
    """
    seen: set[str] = set()
    warnings = []
    for kind, content in parts.items():
        for warning in _list_all(content):
            if warning["what"] not in seen:
                seen.add(warning["what"])
                warnings.append(_describe(warning, kind, with_ids=with_ids))
    return warnings


def _list_all(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from content.get("warnings") or []
    severity = content.get("severity")
    if isinstance(severity, dict):
        yield from severity.get("warnings") or []
    sampled = _find_max_rows(content)
    if sampled is not None:
        yield {"code": "sampled", "what": f"the training data have more than max_rows = {sampled} recordings"}
    mismatch = content.get("mismatch")
    if mismatch:
        yield {"code": "mismatch", "what": f"measured in another way than in training: {', '.join(mismatch)}"}


def _find_max_rows(content: Mapping[str, Any]) -> int | None:
    """Return the limit above which most base learners were trained on samples, if they were."""
    parts = [content, *([content["severity"]] if isinstance(content.get("severity"), dict) else [])]
    for part in parts:
        if "sampling" in part:
            return int(part["sampling"]["max_rows"])
    limit = ((content.get("settings") or {}).get("learning") or {}).get("max_rows")
    sizes = (content.get("outer_folds") or {}).get("sizes") or []
    return limit if limit and any(size["n_train"] > limit for size in sizes) else None


def _describe(warning: Mapping[str, Any], kind: str, *, with_ids: bool) -> dict[str, Any]:
    code = str(warning.get("code"))
    fields = {name: warning.get(name) for name in _FIELDS}
    if not with_ids and code not in _NUMERIC:
        fields["found"] = None
    return {**fields, "meaning": _MEANINGS.get(code), "source": kind}
