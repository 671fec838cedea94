"""The methods and results of a model in Markdown: a technical report, and a draft of the TRIPOD+AI checklist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pdmr_classic._version import __version__
from pdmr_classic.errors import ConfigError
from pdmr_classic.reporting.methods._checklist import checklist
from pdmr_classic.reporting.methods._evaluation import describe_evaluation, describe_results
from pdmr_classic.reporting.methods._references import number_citations
from pdmr_classic.reporting.methods._training import (
    describe_data,
    describe_inference,
    describe_software,
    describe_training,
)
from pdmr_classic.reporting.methods._wording import blank, join_paragraphs
from pdmr_classic.reporting.report.build import read_contents
from pdmr_classic.storage.atomic import check_writable, write_text_atomic
from pdmr_classic.text import format_list

METHODS_SUFFIXES = (".md",)
_NEEDS_MANIFEST = "This section needs the manifest of a model: pass models/NAME.json, which `pdmr-classic fit` writes."
_NEEDS_EVALUATION = (
    "There is no evaluation, and the scores of `fit` are optimistic. Run `pdmr-classic evaluate DATA --out "
    "evaluation.json`, and pass that file, too."
)


def write_methods(manifest: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None) -> str:
    """Return a technical report in Markdown: data, training, inference, evaluation, results, checklist, references.

    Everything is taken from the two files. What they do not say is a blank, marked "TO FILL IN", or a note that says
    which file is missing; nothing is assumed.

    Parameters
    ----------
    manifest : dict, optional
        Of a model.
    evaluation : dict, optional
        As returned by `evaluate`.

    Raises
    ------
    ValueError
        Both are missing.

    References
    ----------
    Collins et al. 2024 (TRIPOD+AI).
    """
    facts = manifest if manifest is not None else evaluation
    if facts is None:
        raise ValueError("a manifest or an evaluation is required")
    sections = _write_sections(manifest, evaluation)
    body = "\n\n".join(f"## {title}\n\n{join_paragraphs(paragraphs)}" for title, paragraphs in sections)
    numbered, sources = number_citations(body)
    references = "\n".join(f"{number}. {source}" for number, source in enumerate(sources, start=1))
    note = "These recordings are synthetic: the scores say nothing about people.\n\n" if facts.get("synthetic") else ""
    return f"# Technical report (draft)\n\n{note}{_INTRODUCTION}\n\n{numbered}\n\n## References\n\n{references}\n"


_INTRODUCTION = (
    f"Written by pdmr-classic {__version__} from the files of a model and its evaluation. Passages marked TO FILL IN "
    "are for the authors. The model is for research; its output is not a diagnosis."
)


def write_methods_file(paths: Sequence[str | Path], out: str | Path) -> Path:
    """Write the technical report of a model, an evaluation, or both, given as files.

    Raises
    ------
    ConfigError
        There is neither a model nor an evaluation among the files, or the name does not end in .md.
    DataError, ArtifactError
        As `build_report`.
    TargetError
        The file cannot be written.
    """
    check_writable(out, METHODS_SUFFIXES)
    contents = read_contents(paths)
    manifest, evaluation = contents.get("manifest"), contents.get("evaluation")
    if manifest is None and evaluation is None:
        raise ConfigError(
            "the methods cannot be described without a model or an evaluation",
            expected="the manifest of a model, an evaluation, or both",
            found=format_list(contents),
            hint="pass models/NAME.json, evaluation.json, or both",
        )
    return write_text_atomic(out, write_methods(manifest, evaluation))


def _write_sections(
    manifest: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None
) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Data", describe_data(manifest) if manifest is not None else [_NEEDS_MANIFEST]
    yield "Training", describe_training(manifest) if manifest is not None else [_NEEDS_MANIFEST]
    yield "Inference", describe_inference(manifest) if manifest is not None else [_NEEDS_MANIFEST]
    yield "Evaluation", describe_evaluation(evaluation) if evaluation is not None else [_NEEDS_EVALUATION]
    yield "Results", describe_results(evaluation) if evaluation is not None else [_NEEDS_EVALUATION]
    yield (
        "Reproducibility",
        [_describe_software(manifest, evaluation), blank("where code, model and data are available")],
    )
    yield (
        "TRIPOD+AI checklist (draft)",
        [
            "Item numbers are those of TRIPOD+AI [@collins2024]; the wording is ours.",
            checklist(manifest, evaluation),
        ],
    )


def _describe_software(manifest: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None) -> str:
    if manifest is not None:
        return describe_software(manifest, manifest["settings"])
    return describe_software((evaluation or {})["environment"], (evaluation or {})["settings"])
