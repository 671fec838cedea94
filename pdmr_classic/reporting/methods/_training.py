"""How the data were described, and how the model was trained and predicts, from the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pdmr_classic.features.catalog import find_families
from pdmr_classic.features.names import AUDIO, MATERIAL, QUALITY, VIDEO, feature_view
from pdmr_classic.features.registry import Family, load_families
from pdmr_classic.models.learners.search_spaces import is_tuned
from pdmr_classic.reporting.methods._wording import blank, count_words, escape_markdown, join_words
from pdmr_classic.text import format_count

_LEARNERS = {
    "lightgbm": "gradient-boosted trees (LightGBM) [@ke2017]",
    "xgboost": "gradient-boosted trees (XGBoost) [@chen2016]",
    "svm": "a support vector machine with an RBF kernel [@cortes1995]",
    "linear": "L2-penalised logistic regression",
    "extra_trees": "extremely randomised trees [@geurts2006]",
    "lite_trees": "few extremely randomised trees [@geurts2006]",
    "lite_ridge": "a ridge classifier [@hoerl1970]",
    "lightgbm_regressor": "gradient-boosted regression trees (LightGBM) [@ke2017]",
    "lightgbm_median": "gradient-boosted median regression (LightGBM) [@ke2017]",
    "xgboost_regressor": "gradient-boosted regression trees (XGBoost) [@chen2016]",
    "svr": "support vector regression with an RBF kernel [@cortes1995]",
    "ridge": "ridge regression [@hoerl1970]",
    "ordinal": "ordinal logistic regression",
    "extra_trees_regressor": "extremely randomised regression trees [@geurts2006]",
}
_TRACKERS = {
    "openface2": "OpenFace 2 [@baltrusaitis2018]",
    "openface3": "OpenFace 3",
    "clnf": "OpenFace 0.x (CLNF)",
    "pyfeat": "py-feat",
    "libreface": "LibreFace",
    "mediapipe": "MediaPipe",
}
_METRICS = {
    "f1": "the F1 score of {positive}",
    "macro_f1": "macro-averaged F1",
    "balanced_accuracy": "balanced accuracy",
}


def describe_data(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield paragraphs about the training data and the predictors."""
    classes = manifest.get("classes") or {}
    counts = f" ({count_words(classes)})" if classes else ""
    people = format_count(manifest["n_subjects"], "subject")
    yield (
        f"The model was developed on {format_count(manifest['n_recordings'], 'recording')} of {people}{counts}. "
        f"The outcome was {_outcome(manifest)}. {blank('who assessed the outcome, how, and when')}"
    )
    yield from describe_inputs(manifest)


def describe_inputs(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield paragraphs about the modalities and the predictors."""
    yield from _describe_modalities(manifest)
    yield from _describe_predictors(manifest)


def _outcome(manifest: Mapping[str, Any]) -> str:
    severity = manifest.get("severity")
    label = "the class in the label table"
    if not severity:
        return label
    scale = severity["scale"]
    score = f"the score `{severity['column']}` ({scale['name']}, {scale['low']:g} to {scale['high']:g})"
    return f"{label} and {score}" if manifest["settings"]["data"]["target"] == "both" else score


def _describe_modalities(manifest: Mapping[str, Any]) -> Iterator[str]:
    measurements, reading = manifest.get("measurements") or {}, manifest["settings"]["reading"]
    tracker = (measurements.get("trackers") or {}).get(VIDEO)
    rates = measurements.get("frame_rate_hz")
    if VIDEO in _modalities(manifest):
        program = f", with {_TRACKERS.get(tracker, escape_markdown(tracker))}" if tracker else ""
        rate = f" The median frame rate was {rates[1]:g} Hz." if rates else ""
        yield (
            f"Video: behaviour had been measured beforehand{program}; the video itself was not available.{rate} Frames "
            f"with a tracking confidence below {reading['min_confidence']:g}, and runs of identical frames longer than "
            f"{reading['frozen_s']:g} s, were treated as missing."
        )
    if AUDIO in _modalities(manifest):
        width = find_families(manifest["features"]).count("audio_vector")
        yield f"Audio: one precomputed vector of {width:,} numbers per recording; the sound itself was not available."
    others = sorted(_modalities(manifest) - {VIDEO, AUDIO, QUALITY, MATERIAL})
    if others:
        yield f"Further {'view' if len(others) == 1 else 'views'}: {join_words(map(escape_markdown, others))}."
    excluded = sum(len(names) for names in (manifest.get("excluded_channels") or {}).values())
    if excluded:
        yield (
            f"{format_count(excluded, 'channel was', 'channels were')} excluded because they marked recordings rather "
            "than behaviour (clocks, counters, constants)."
        )


def _modalities(manifest: Mapping[str, Any]) -> set[str]:
    return {feature_view(name) for name in manifest["features"]}


def _describe_predictors(manifest: Mapping[str, Any]) -> Iterator[str]:
    names = [name for name in manifest["features"] if feature_view(name) != QUALITY]
    yield (
        f"Each recording was summarised by {format_count(len(names), 'predefined feature')}. Duration, frame rate and "
        "tracking quality were measured, too, but withheld from the learners, because they can reveal the label. The "
        "families of features were:"
    )
    counts, families = Counter(find_families(names)), load_families()
    for name, count in counts.items():
        yield f"- {name} ({count:,}): {_describe_family(families.get(name))}"


def _describe_family(family: Family | None) -> str:
    if family is None:
        return "features of a further view."
    return f"{family.summary.rstrip('.')}. Source: {family.facts.get('source', 'this package')}."


def describe_training(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield paragraphs about views, base learners, tuning, stacking, threshold and severity."""
    learning = manifest["settings"]["learning"]
    yield (
        "All splits were made by subject: no subject was in both the training and the held-out part of any split, for "
        "tuning, stacking, calibration or the choice of the threshold."
    )
    if manifest.get("base_learners"):
        yield _describe_learners(manifest["base_learners"], learning, manifest["n_inner_folds"])
        yield from _describe_stack(manifest, learning)
    severity = manifest.get("severity")
    if severity:
        yield _describe_severity(severity, manifest["settings"])
    yield from _describe_options(learning, manifest["settings"]["data"])
    yield from _describe_sampling(manifest.get("sampling") or (manifest.get("severity") or {}).get("sampling"))
    yield _describe_missing()


def _describe_learners(learners: list[dict[str, Any]], learning: Mapping[str, Any], n_folds: int) -> str:
    views = list(dict.fromkeys(part["view"] for part in learners))
    names = list(dict.fromkeys(part["learner"] for part in learners))
    on_views = join_words(escape_markdown(view) for view in views)
    return (
        f"Base learners were {_name_learners(names)}, each trained on {format_count(len(views), 'view')} ({on_views}), "
        "with missing values imputed, and columns selected and scaled, inside each fold where a learner needed it. "
        f"{_describe_tuning(names, learning, n_folds, 'log loss')} {_name_libraries(names)}"
    )


def _name_learners(names: Iterable[str]) -> str:
    return join_words(_LEARNERS.get(name, f"the user's own learner `{name}`") for name in names)


def _describe_tuning(names: Sequence[str], learning: Mapping[str, Any], n_folds: int, loss: str) -> str:
    """Say which hyperparameters were tuned, and how; of the user's own learners, the manifest does not say whether."""
    tuned = [name for name in names if is_tuned(name)]
    # The only trial is that of the default hyperparameters.
    if learning["trials"] == 1 or not tuned:
        return "No hyperparameter was tuned: they had their default values."
    fixed = [name for name in names if name in _LEARNERS and name not in tuned]
    others = f" Those of {_name_learners(fixed)} had their default values." if fixed else ""
    limit = f", no new ones after {learning['timeout']:g} s" if learning.get("timeout") else ""
    return (
        f"Hyperparameters were tuned with Optuna [@akiba2019] ({learning['trials']} trials per learner and "
        f"view{limit}), minimising the {loss} over {format_count(n_folds, 'grouped inner fold')} in "
        f"{format_count(learning['repeats'], 'repeat')}.{others}"
    )


def _name_libraries(learners: Sequence[str]) -> str:
    kinds = " ".join(_LEARNERS.get(name, "") for name in learners)
    libraries = [library for library in ("LightGBM", "XGBoost") if library in kinds]
    return f"Implementations: {join_words(['scikit-learn [@pedregosa2011]', *libraries])}."


def _describe_stack(manifest: Mapping[str, Any], learning: Mapping[str, Any]) -> Iterator[str]:
    calibration = "a softmax with one slope" if manifest.get("positive") is None else "a sigmoid [@platt1999]"
    yield (
        f"The scores of the base learners were calibrated by {calibration} and averaged in log-odds with non-negative "
        "weights (stacked generalisation [@wolpert1992]), both fitted on out-of-fold scores of held-out "
        "subjects. There was one such meta-learner for each set of available modalities, so that a recording without a "
        "modality was predicted from the others."
    )
    for modalities, part in (manifest.get("combiners") or {}).items():
        yield f"- {escape_markdown(modalities)}: {escape_markdown(part['summary'])}."
    positive = manifest.get("positive")
    if positive is None:
        yield "The most probable class was predicted."
    elif learning.get("threshold") is not None:
        label = escape_markdown(positive)
        yield f"A recording was classified as {label} from a fixed probability of {learning['threshold']:g}."
    elif manifest.get("metric") in _METRICS:
        metric = _METRICS[manifest["metric"]].format(positive=escape_markdown(positive))
        yield (
            f"The decision threshold ({manifest['threshold']:.3f}) maximised {metric} on out-of-fold probabilities. "
            "No class weights were tuned: the probabilities were trained with a proper score, and the threshold took "
            "account of class imbalance."
        )


def _describe_severity(severity: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(part["learner"] for part in severity["base_learners"]))
    scale, level = severity["scale"]["name"], settings["severity"]["level"]
    source = " [@kroenke2009]" if scale == "phq8" else ""
    return (
        f"The score was predicted by a stack of {_name_learners(names)}. "
        f"{_describe_tuning(names, settings['learning'], severity['n_inner_folds'], 'squared error')} "
        f"Scale: {escape_markdown(scale)}{source}. Prediction intervals with a nominal coverage of {level:.0%} were "
        "made by conformal prediction [@vovk2005] on the errors for held-out subjects."
    )


def _describe_options(learning: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[str]:
    if data.get("events"):
        yield "Each person had recordings of several events, which were summarised in one row of features per person."
    if data.get("weights"):
        yield f"Recordings were weighted in training by the column {escape_markdown(data['weights'])}."
    if learning.get("suppress_identity"):
        yield (
            "Differences between subjects of the same class were reduced by nuisance attribute projection "
            "[@solomonoff2005], fitted inside each fold, as far as tuning preferred it."
        )
    if learning.get("join_views"):
        yield (
            "Canonical variates of each pair of views [@hotelling1936] were added where they correlated in held-out "
            "subjects."
        )
    if learning.get("experts"):
        yield (
            f"An expert model was trained for each value of {escape_markdown(learning['experts'])}, and combined with "
            "the common model by weights fitted on held-out subjects."
        )


def _describe_sampling(sampling: Mapping[str, Any] | None) -> Iterator[str]:
    if sampling:
        samples = f"random samples of whole subjects with at most {sampling['max_rows']} recordings"
        if sampling["all_rows"]:
            yield (
                f"Boosting was trained on all {sampling['n_used']} recordings, by histograms; the other base learners "
                f"and all preprocessing on {samples}."
            )
        else:
            yield f"Of {sampling['n_used']} recordings, base learners and preprocessing were trained on {samples}."
        yield (
            f"Hyperparameters were tuned on {sampling['n_sampled']} recordings of {sampling['n_sampled_subjects']} "
            "subjects."
        )


def _describe_missing() -> str:
    return (
        "Nothing was imputed across modalities. Within a modality, features that could not be computed were imputed by "
        "the median of the training fold where a learner cannot handle missing values."
    )


def describe_inference(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield paragraphs about prediction and reproducibility."""
    rows = "contains" if manifest.get("contains_training_rows") else "does not contain"
    yield (
        "For a new recording, the same features are computed and passed to the base learners of the modalities that it "
        "has; the meta-learner of this set gives the probability. Recordings that were measured in another way than in "
        "training (tracker, units, frame rate) or that were in the training set are refused. Inference needs no GPU. "
        f"The model file {rows} rows of training features."
    )


def describe_software(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return the paragraph about versions, seed and machine; `facts` has `python`, `libraries` and `machine`."""
    libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    machine = facts["machine"]
    results = "give other results in another run, because several processes tuned together, and depend on their timing"
    if "shared_studies" not in facts:
        results = "give the same results on the same type of processor"
    return (
        f"Software: Python {facts['python']}, {libraries}. Machine: {escape_markdown(machine['cpu'])} "
        f"({machine['architecture']}). The random seed was {settings['learning']['seed']}; the same seed, data, "
        f"settings and versions {results}."
    )
