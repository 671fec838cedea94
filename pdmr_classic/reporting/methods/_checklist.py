"""A draft of the TRIPOD+AI checklist: items that a program can know are filled, the others are named blanks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pdmr_classic.reporting.methods._wording import blank, count_words, escape_markdown, join_words
from pdmr_classic.text import format_count

# Their scikit-learn estimators have `class_weight="balanced"`.
_WEIGHTED = {"svm": "the support vector machine", "lite_ridge": "the ridge classifier"}

Facts = Mapping[str, Any] | None

# Number and topic, in our own words; what is named here stays a blank for the authors.
_AUTHORS = {
    "1": "title: development or evaluation of a model, population, outcome",
    "2": "abstract, with the items of TRIPOD+AI for abstracts",
    "3a": "the clinical context, and existing models",
    "3b": "the target population, and how the model would be used in care",
    "3c": "known differences in health between groups of people",
    "4": "the objectives",
    "5a": "where the data come from, and why they are representative",
    "5b": "dates of recruitment, follow-up and outcome assessment",
    "6a": "setting, number and location of centres",
    "6b": "eligibility criteria",
    "6c": "treatments received, and how they were handled",
    "8a": "the outcome, its time point and how it was assessed",
    "8b": "qualification of the assessors, if the assessment is subjective",
    "8c": "blinding of the outcome assessment",
    "14": "methods for fairness, and why",
    "17": "ethics committee and consent",
    "18a": "funding",
    "18b": "conflicts of interest",
    "18c": "where the protocol is",
    "18d": "registration of the study",
    "18e": "where the data are available",
    "19": "involvement of patients and the public",
    "25": "interpretation, also of fairness, in the light of earlier studies",
    "26": "limitations",
    "27b": "how users interact with the model, and the expertise that they need",
    "27c": "next steps",
}
_ORDER = (
    *("1", "2", "3a", "3b", "3c", "4", "5a", "5b", "6a", "6b", "6c", "7", "8a", "8b", "8c", "9a", "9b", "9c", "10"),
    *("11", "12a", "12b", "12c", "12d", "12e", "12f", "12g", "13", "14", "15", "16", "17", "18a", "18b", "18c", "18d"),
    *("18e", "18f", "19", "20a", "20b", "20c", "21", "22", "23a", "23b", "24", "25", "26", "27a", "27b", "27c"),
)


def checklist(manifest: Facts, evaluation: Facts) -> str:
    """Return the checklist as a table in Markdown."""
    known = dict(_fill_items(manifest, evaluation))
    head = ["| item | content |", "|---|---|"]
    rows = [
        f"| {item} | {known[item] if item in known else blank(_AUTHORS.get(item, _missing(item)))} |" for item in _ORDER
    ]
    return "\n".join([*head, *rows])


def _missing(item: str) -> str:
    return _NEEDS_EVALUATION.get(item, "needs the manifest of a model")


_NEEDS_EVALUATION = {
    "12a": "needs an evaluation: `pdmr-classic evaluate DATA --out evaluation.json`",
    **dict.fromkeys(("12e", "20a", "20c", "23a", "23b", "24"), "needs an evaluation, see 12a"),
    "12f": "updating of the model (recalibration for new people): see `validate`",
    "20b": "characteristics of the participants (age, gender, severity) and missing data by centre",
}


def _fill_items(manifest: Facts, evaluation: Facts) -> Iterator[tuple[str, str]]:
    if manifest is not None:
        yield from _fill_development(manifest)
    if evaluation is not None:
        yield from _fill_evaluation(evaluation)
    yield (
        "16",
        (
            "The same features and settings are used in development and in the held-out folds. "
            + blank("differences between these data and any other data that the model was evaluated on")
        ),
    )
    yield "18f", "The code is the open package pdmr-classic (MIT licence); the version is under Reproducibility."


def _fill_development(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "7", "See Data: quality checks, missing frames, excluded channels."
    yield "9a", "All predefined features of the package, listed by family under Data; none was chosen by hand."
    yield (
        "9b",
        f"Formula, unit and source of each family: `pdmr-classic features`. {blank('when recordings were made')}",
    )
    yield "9c", "No human rater was needed for the predictors. " + blank("blinding, where a person ran the tracker")
    counts = f" ({count_words(manifest['classes'])})" if manifest.get("classes") else ""
    people = format_count(manifest["n_subjects"], "subject")
    yield "10", f"{manifest['n_recordings']:,} recordings of {people}{counts}. {blank('why this sample size')}"
    yield (
        "11",
        "A missing modality: separate meta-learners; missing features: median of the training fold. See Training.",
    )
    yield from {
        "12b": "See Training: imputation, selection and scaling inside each fold.",
        "12c": "See Training: learners, tuning, stacking, threshold.",
        "12d": "Not modelled, beyond subjects as groups of all splits. " + blank("heterogeneity between centres"),
        "12g": "See Inference: a probability, and a class by a threshold.",
        "15": "See Inference and Training: the probability of the class, and how the threshold was chosen.",
        "21": "See Data for the numbers of recordings and subjects in each analysis.",
        "27a": "See Inference: what is refused, and how missing modalities are handled.",
    }.items()
    yield "13", _describe_weights(manifest.get("base_learners") or [])
    digest = manifest.get("sha256")
    identity = f" (SHA-256 `{digest[:16]}…`)" if digest else ""
    yield "22", f"The model is the saved file{identity} with its manifest. {blank('where it is available')}"


def _describe_weights(base_learners: Sequence[Mapping[str, Any]]) -> str:
    """Return how class imbalance was handled: which learners weight the classes."""
    names = {part["learner"] for part in base_learners}
    weighted = [text for name, text in _WEIGHTED.items() if name in names]
    exception = (
        f", except weights inversely proportional to class frequency in {join_words(weighted)}" if weighted else ""
    )
    return f"No resampling and no class weights{exception}. See Training."


def _fill_evaluation(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    is_split = evaluation["outer_folds"]["is_one_way"]
    procedure = "a fixed split" if is_split else "nested cross-validation"
    yield "12a", f"See Evaluation: {procedure}, with grouped inner folds."
    yield (
        "12e",
        "Discrimination (AUC), classification (F1 and others), calibration (slope, intercept), overall (Brier).",
    )
    yield "23a", "See Results: all scores with 95% confidence intervals."
    groups = evaluation.get("subgroups", {})
    columns = ", ".join(map(escape_markdown, groups))
    yield "23b", f"See Results: by {columns}." if groups else "No subgroups were evaluated (`evaluate --by COLUMN`)."
    yield "24", "The model was not updated."
    flow = evaluation.get("flow")
    counts = f"{evaluation['data']['n_recordings']:,} recordings of {evaluation['data']['n_subjects']:,} subjects"
    yield "20a", f"{counts} were evaluated. {_describe_flow(flow)}"
    if is_split or evaluation["settings"]["evaluation"].get("leave"):
        yield "20c", blank("how the distributions of the held-out recordings differ from those of training")
    else:
        yield (
            "20c",
            "Development and held-out folds are parts of the same data, so that their distributions agree on average.",
        )


def _describe_flow(flow: Any) -> str:
    """Return what was left out and why, in words."""
    if not flow:
        return blank("recordings that were left out, and why")
    left_out = [
        f"{format_count(reason['n_recordings'], 'recording')} ({escape_markdown(reason['why'])})"
        for step in flow
        for reason in step.get("excluded", ())
    ]
    return f"Left out: {', '.join(left_out)}." if left_out else "None was left out."
