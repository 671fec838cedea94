"""Build a report as one plain dict, from which a page is made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pdmr_classic._version import __version__
from pdmr_classic.reporting.report._consistency import check_consistency
from pdmr_classic.reporting.report._evaluation import build_evaluation, build_model
from pdmr_classic.reporting.report._missing import list_missing
from pdmr_classic.reporting.report._other_files import build_audit, build_comparison, build_validation
from pdmr_classic.reporting.report._parts import list_modalities
from pdmr_classic.reporting.report._provenance import build_provenance
from pdmr_classic.reporting.report._sources import (
    AUDIT,
    COMPARISON,
    EVALUATION,
    MANIFEST,
    RESULTS,
    VALIDATION,
    Source,
    read_part,
    read_sources,
)
from pdmr_classic.reporting.report._summary import summarise_evaluation, summarise_files, summarise_model
from pdmr_classic.reporting.report._warnings import list_warnings

SCHEMA_PREFIX = "pdmr-classic/report/"
SCHEMA = f"{SCHEMA_PREFIX}1"
_OTHER_FILES = {AUDIT: build_audit, COMPARISON: build_comparison, VALIDATION: build_validation}


def build_report(
    paths: Sequence[str | Path], *, with_ids: bool = False, labels: str | Path | None = None
) -> dict[str, Any]:
    """Build a report from files that belong together.

    Parameters
    ----------
    paths : sequence of path-like
        At most one of each kind: the manifest of a model (or the model, which is not opened), an evaluation, a
        comparison, a validation, an identity audit, and results of `predict`.
    with_ids : bool
        Name recordings, where the files do: without it, a report has no id of a recording or subject.
    labels : path-like, optional
        Labels of the results.

    Returns
    -------
    dict
        JSON-serialisable, `schema` "pdmr-classic/report/1". A section that cannot be filled is absent, and `missing`
        says why and what to do. Numbers are unrounded; None where a value is undefined.

    Raises
    ------
    ConfigError
        A file is given twice, two files are of the same kind, or results are given without labels.
    DataError
        A file cannot be read, is of no known kind or of another version, or the files are not of the same data and
        model.
    ArtifactError
        A model has no valid manifest.
    """
    sources = read_sources([Path(path) for path in paths])
    check_consistency(sources)
    contents = {kind: source.content for kind, source in sources.items()}
    sections: dict[str, Any] = {}
    if RESULTS in sources:
        contents[RESULTS], sections = _build_results(sources, labels, with_ids=with_ids)
    sections |= _build_main(sources)
    for kind, build in _OTHER_FILES.items():
        if kind in sources:
            sections[kind] = read_part(sources[kind], partial(build, sources[kind].content))
    warnings = list_warnings(contents, with_ids=with_ids)
    report = {
        "schema": SCHEMA,
        "version": __version__,
        "title": _choose_title(contents),
        "synthetic": any(bool(content.get("synthetic")) for content in contents.values()),
        "summary": read_part(_main_source(sources), lambda: _summarise(contents, warnings)),
        "sources": [source.describe() for source in sources.values()],
        "missing": list_missing(sources, sections, with_ids=with_ids),
        "warnings": warnings,
        **sections,
    }
    return {name: _replace_non_finite(part) for name, part in report.items()}


def read_contents(paths: Sequence[str | Path]) -> dict[str, Mapping[str, Any]]:
    """Return the content of files that belong together by their kind, such as "manifest" or "evaluation".

    Raises
    ------
    ConfigError, DataError, ArtifactError
        As `build_report`.
    """
    sources = read_sources([Path(path) for path in paths])
    check_consistency(sources)
    return {kind: source.content for kind, source in sources.items()}


def _build_results(
    sources: Mapping[str, Source], labels: str | Path | None, *, with_ids: bool
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return the scores of the results, and the sections made from them."""
    # Not at the top: it imports the readers of label tables, which other reports do not need.
    from pdmr_classic.reporting.report._results import build_results, list_mistakes, score_source

    context = sources.get(EVALUATION) or sources.get(MANIFEST)
    settings = {} if context is None else context.content.get("settings") or {}
    scores = score_source(sources[RESULTS], labels, settings)
    sections: dict[str, Any] = {RESULTS: build_results(scores)}
    if with_ids:
        sections["ids"] = {"mistakes": list_mistakes(sources[RESULTS], labels, settings)}
    return scores, sections


def _main_source(sources: Mapping[str, Source]) -> Source:
    return sources.get(EVALUATION) or sources.get(MANIFEST) or next(iter(sources.values()))


def _build_main(sources: Mapping[str, Source]) -> dict[str, Any]:
    """Return the sections from the evaluation and the model."""
    evaluation, manifest = sources.get(EVALUATION), sources.get(MANIFEST)
    source = evaluation or manifest
    if source is None:
        return {}
    model = {} if manifest is None else manifest.content
    sections: dict[str, Any] = read_part(
        source, lambda: build_model(model) if evaluation is None else build_evaluation(evaluation.content, model)
    )
    sections["how"] = read_part(source, lambda: build_provenance(source))
    return sections


def _summarise(contents: Mapping[str, Mapping[str, Any]], warnings: Sequence[Mapping[str, Any]]) -> list[str]:
    evaluation, manifest = contents.get(EVALUATION), contents.get(MANIFEST)
    modalities = list_modalities(evaluation or {}, manifest or {})
    if evaluation is not None:
        return summarise_evaluation(evaluation, modalities, warnings)
    if manifest is not None:
        return summarise_model(manifest, modalities)
    return summarise_files(contents)


def _choose_title(contents: Mapping[str, Mapping[str, Any]]) -> str:
    content = contents.get(EVALUATION) or contents.get(MANIFEST) or next(iter(contents.values()))
    positive = content.get("positive")
    if EVALUATION in contents:
        what = "Evaluation"
    elif MANIFEST in contents:
        what = "Model"
    else:
        what = f"{next(iter(contents)).capitalize()}"
    return f"{what}: recognition of {positive}" if positive else what


def _replace_non_finite(value: Any) -> Any:
    """Replace NaN and infinite numbers, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {str(key): _replace_non_finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_non_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
