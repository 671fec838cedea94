"""The model card of a folder for the hub: metadata, and what a user of the model must know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pdmr_classic.errors import ConfigError
from pdmr_classic.reporting._cells import LABELS, SEVERITY_LABELS, add_positive
from pdmr_classic.reporting.methods._evaluation import describe_evaluation, describe_results
from pdmr_classic.reporting.methods._references import number_citations
from pdmr_classic.reporting.methods._training import (
    describe_inference,
    describe_inputs,
    describe_software,
    describe_training,
)
from pdmr_classic.reporting.methods._wording import escape_markdown, join_paragraphs, join_words
from pdmr_classic.text import format_count

# Our names of scores, and those of the hub.
_METRICS = {
    "f1": "f1",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "balanced_accuracy": "balanced_accuracy",
    "auc": "roc_auc",
    "brier": "brier_score",
    "mae": "mae",
    "rmse": "rmse",
    "ccc": "ccc",
}
_DATASET_TYPE, _DATASET_NAME = "private", "people held out of the training data (nested grouped cross-validation)"


@dataclass(frozen=True)
class CardFacts:
    """What a model card is made from.

    Attributes
    ----------
    name : str
        Of the model on the hub.
    task : str
        Name of the task on the hub.
    manifest : dict
    evaluation : dict or None
    license : str or None
        Identifier on the hub.
    """

    name: str
    task: str
    manifest: Mapping[str, Any]
    evaluation: Mapping[str, Any] | None
    license: str | None


def write_card(facts: CardFacts) -> str:
    """Return the model card in Markdown, with its metadata in YAML.

    Raises
    ------
    ConfigError
        huggingface_hub is not installed.
    """
    body, sources = number_citations("\n\n".join(_write_sections(facts)))
    references = "\n".join(f"{number}. {source}" for number, source in enumerate(sources, start=1))
    return f"---\n{_make_metadata(facts)}\n---\n\n{body}\n\n## References\n\n{references}\n"


# ---------------------------------------------------------------------------------------------------- metadata


def _make_metadata(facts: CardFacts) -> str:
    try:
        from huggingface_hub import ModelCardData
    except ImportError:
        raise ConfigError(
            "--hub needs huggingface_hub, which is not installed", hint="run pip install 'pdmr-classic[hub]'"
        ) from None
    results = list(_list_results(facts))
    metrics = list(dict.fromkeys(result.metric_type for result in results))
    data = ModelCardData(
        library_name="sklearn",
        pipeline_tag=facts.task,
        tags=["sklearn", "skops", facts.task, "pdmr-classic", "depression", "affective-computing", *_list_tags(facts)],
        license=facts.license,
        metrics=metrics or None,
        model_name=facts.name if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml())


def _list_tags(facts: CardFacts) -> list[str]:
    return ["synthetic-data"] if facts.manifest.get("synthetic") else []


def _list_results(facts: CardFacts) -> Iterator[Any]:
    from huggingface_hub import EvalResult

    for name, label, value in _list_scores(facts.evaluation or {}):
        yield EvalResult(
            task_type=facts.task,
            dataset_type=_DATASET_TYPE,
            dataset_name=_DATASET_NAME,
            metric_type=_METRICS[name],
            metric_name=label,
            metric_value=round(value, 4),
        )


def _list_scores(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Yield name, label and mean of each score that the hub knows."""
    positive = evaluation.get("positive")
    severity = (evaluation.get("severity") or {}).get("scores") or {}
    for scores, labels in ((evaluation.get("scores") or {}, LABELS), (severity, SEVERITY_LABELS)):
        for name, part in scores.items():
            if name in _METRICS and part.get("mean") is not None:
                label = labels.get(name, name.capitalize())
                yield name, add_positive(label, positive if name == "f1" else None), part["mean"]


# -------------------------------------------------------------------------------------------------------- text


def _write_sections(facts: CardFacts) -> Iterator[str]:
    manifest, evaluation = facts.manifest, facts.evaluation
    yield f"# {escape_markdown(facts.name)}"
    yield _introduce(manifest)
    yield "**For research only. This is not a medical device, and its output is not a diagnosis.**"
    if manifest.get("synthetic"):
        yield "The training recordings are **synthetic**: the model and its scores say nothing about people."
    yield f"## How to load it\n\n{_describe_loading(manifest)}"
    yield f"## Intended use and limits\n\n{join_paragraphs(_list_limits(manifest))}"
    yield f"## Training data\n\n{join_paragraphs(_describe_data(manifest))}"
    yield f"## What the files reveal\n\n{join_paragraphs(_list_disclosures(facts))}"
    yield f"## Training\n\n{join_paragraphs([*describe_inputs(manifest), *describe_training(manifest)])}"
    yield f"## Prediction\n\n{join_paragraphs(describe_inference(manifest))}"
    yield f"## Evaluation\n\n{join_paragraphs(_describe_scores(evaluation))}"
    yield f"## Software\n\n{describe_software(manifest, manifest['settings'])}"
    yield f"## License\n\n{_describe_license(facts.license)}"


def _introduce(manifest: Mapping[str, Any]) -> str:
    classes, severity = manifest.get("classes") or {}, manifest.get("severity")
    parts = [f"the class of a recording ({join_words(map(escape_markdown, classes))})"] if classes else []
    if severity:
        parts.append(f"its score on the scale {escape_markdown(severity['scale']['name'])}, with an interval")
    return (
        f"A model of `pdmr-classic` {manifest['libraries']['pdmr-classic']} that predicts {join_words(parts)}, from "
        "numbers that other programs, such as a face tracker and an audio encoder, computed from recordings of people. "
        "It sees neither images nor sound."
    )


def _describe_loading(manifest: Mapping[str, Any]) -> str:
    # In a list, so that the lines are as they are printed.
    lines = [
        "Download the folder, and install what `requirements.txt` lists (`pip install -r requirements.txt`). Then:",
        "",
        "```python",
        "from huggingface_hub import snapshot_download",
        "from pdmr_classic import DepressionModel, load_dataset",
        "",
        'model = DepressionModel.load(snapshot_download("ORG/NAME"))',
        'recordings = load_dataset("DATA")',
        "print(model.predict(recordings))",
        "```",
        "",
        "On the command line: `pdmr-classic predict DATA --model FOLDER --out results.jsonl`. `DATA` has the same "
        "modalities as the training data, from the same programs.",
        "",
        "This opens `model.skops`, which contains numbers and texts only; objects of a fixed list of types are made "
        "from them, and no code from the file is run. LightGBM and XGBoost parse their trees themselves, after these "
        "were checked: keep both up to date. `model.joblib` is the same model as a pickle, which can run any code when "
        "it is opened: `pdmr-classic` opens it with `--trust` only. `skops.io.load` returns the numbers and texts "
        "without the model around them.",
        "",
        f"The model needs {join_words(_list_versions(manifest['libraries']))}; other versions are refused.",
    ]
    return "\n".join(lines)


def _list_versions(libraries: Mapping[str, str]) -> Iterator[str]:
    for name, n_parts in (("pdmr-classic", 2), ("scikit-learn", 2), ("lightgbm", 1), ("xgboost", 1)):
        yield f"{name} {'.'.join(libraries[name].split('.')[:n_parts])}"


def _list_limits(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Intended: research on behaviour and depression, and comparison with other methods. Not intended: diagnosis, "
        "screening, monitoring of people who did not agree to it, or decisions about a person, such as on treatment, "
        "work or insurance."
    )
    classes, positive = manifest.get("classes") or {}, manifest.get("positive")
    yield (
        f"- It was trained on {format_count(manifest['n_recordings'], 'recording')} of "
        f"{format_count(manifest['n_subjects'], 'person', 'people')}. Other cameras, trackers, languages, tasks, ages "
        "or cultures may change its scores; evaluate it on recordings of your own first "
        "(`pdmr-classic validate`)."
    )
    if positive is not None and classes.get(positive):
        share = classes[positive] / sum(classes.values())
        yield (
            f"- {share:.0%} of the training recordings were {escape_markdown(positive)}. Where this share differs, "
            "probabilities and threshold are off: pass `--prevalence` to `pdmr-classic predict`."
        )
    yield (
        "- For people who were in the training data, predictions are better than for others; `predict` refuses "
        "recordings that were in the training data."
    )
    yield (
        "- Numbers of a face tracker are still data about a person: movements can identify people "
        "(`pdmr-classic audit`)."
    )


def _describe_data(manifest: Mapping[str, Any]) -> Iterator[str]:
    classes, views = manifest.get("classes") or {}, manifest.get("views") or {}
    rows = [
        ("recordings", manifest["n_recordings"]),
        *((f"recordings: {escape_markdown(label)}", count) for label, count in classes.items()),
        *((f"recordings with the view {escape_markdown(view)}", count) for view, count in views.items()),
        ("people", manifest["n_subjects"]),
        ("features", f"{len(manifest['features']):,}"),
    ]
    yield "\n".join(["| training data | number |", "|---|---|", *(f"| {name} | {count} |" for name, count in rows)])
    yield "Who was recorded, where and for what, and who assessed them, is not known to the program that wrote this."


def _list_disclosures(facts: CardFacts) -> Iterator[str]:
    manifest = facts.manifest
    if manifest.get("contains_training_rows"):
        yield (
            "- `model.skops` and `model.joblib` **contain rows of training features** (scaled, without id or label "
            "names), because a support vector machine stores them. Share them only if you may share these rows."
        )
    else:
        yield "- `model.skops` and `model.joblib` contain no rows of training features."
    if manifest.get("content_hashes"):
        yield (
            "- `model.json` and the models contain salted hashes of the training recordings. Recordings cannot be "
            "restored from them, but whoever has a recording can find out whether it was in the training data: this is "
            "how `predict` recognises training recordings."
        )
    if manifest.get("feature_ranges"):
        yield "- `model.json` and the models contain rounded percentiles of each feature over all training recordings."
    yield "- No file contains a name of a recording or of a person."
    if facts.evaluation is not None:
        yield "- `evaluation.json` is a summary, without the labels and predictions of single recordings."


def _describe_scores(evaluation: Mapping[str, Any] | None) -> Iterator[str]:
    if evaluation is None:
        yield (
            "No evaluation was given. `inner_scores` in `model.json` come from tuning on the same people; they are "
            "optimistic, and therefore not repeated here."
        )
        return
    yield from describe_evaluation(evaluation)
    yield from describe_results(evaluation)
    yield "These are scores of models that were trained in the same way on parts of the data, not of this very model."


def _describe_license(license_id: str | None) -> str:
    if license_id is None:
        return "No license was given. Without one, nobody but its authors may use or share the model: ask them."
    return f"`{license_id}`"
