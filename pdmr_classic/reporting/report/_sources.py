"""Read the files that a report is made from, and tell what kind each is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation.compare import check_evaluation
from pdmr_classic.storage.bytes import read_bytes

EVALUATION, MANIFEST, COMPARISON = "evaluation", "manifest", "comparison"
VALIDATION, AUDIT, RESULTS = "validation", "audit", "results"
_SCHEMAS = {
    "pdmr-classic/evaluation/": EVALUATION,
    "pdmr-classic/model/": MANIFEST,
    "pdmr-classic/comparison/": COMPARISON,
    "pdmr-classic/validation/": VALIDATION,
    "pdmr-classic/audit/": AUDIT,
}
_READABLE = {
    COMPARISON: "pdmr-classic/comparison/1",
    VALIDATION: "pdmr-classic/validation/1",
    AUDIT: "pdmr-classic/audit/1",
}
_MAKERS = {
    MANIFEST: "train the model again with this version",
    COMPARISON: "run compare again with this version",
    VALIDATION: "run validate again with this version",
    AUDIT: "run audit again with this version",
}
_MODEL_SUFFIXES = (".joblib", ".skops")
_RESULT_SUFFIXES = (".jsonl", ".csv")
_EXPECTED = (
    "a model or its manifest, an evaluation, what compare, validate or audit print with --json, or results of predict"
)
_SECOND = {
    EVALUATION: "pdmr-classic compare joins evaluations; a report takes its output (compare A.json B.json --json)",
}


@dataclass(frozen=True)
class Source:
    """One file of a report.

    Attributes
    ----------
    kind : str
    path : Path
        As given; of a model, its manifest.
    content : dict
        Empty for results, which are read with their labels.
    sha256 : str
        Of the bytes of the file.
    """

    kind: str
    path: Path
    content: Mapping[str, Any]
    sha256: str

    def describe(self) -> dict[str, Any]:
        """Return the source as part of a report, without its folder."""
        environment = self.content.get("environment") or self.content
        libraries = environment.get("libraries") or {}
        return {
            "kind": self.kind,
            "file": self.path.name,
            "sha256": self.sha256,
            "schema": self.content.get("schema"),
            "version": self.content.get("version") or libraries.get("pdmr-classic"),
        }


def read_sources(paths: Sequence[Path]) -> dict[str, Source]:
    """Return the source of each kind.

    Raises
    ------
    ConfigError
        No file is given, one is given twice, or two are of the same kind.
    DataError
        A file cannot be read, or is of no kind that a report can show.
    ArtifactError
        A model has no valid manifest.
    """
    if not paths:
        raise ConfigError("there is nothing to report", code="no-sources", expected=_EXPECTED)
    sources: dict[str, Source] = {}
    for source in map(_read_source, paths):
        if source.kind in sources:
            raise _second_source_error(sources[source.kind], source)
        sources[source.kind] = source
    return sources


def _second_source_error(first: Source, second: Source) -> ConfigError:
    if first.path.resolve() == second.path.resolve() or first.sha256 == second.sha256:
        return ConfigError(
            "the same file is given twice", code="duplicate-source", file=second.path, hint="pass each file once"
        )
    return ConfigError(
        f"there are two files of the kind {first.kind}",
        code="duplicate-source",
        file=second.path,
        expected=f"one {first.kind}",
        found=f"{first.path.name} and {second.path.name}",
        hint=_SECOND.get(first.kind, "make a report of each"),
    )


def _read_source(path: Path) -> Source:
    if path.suffix in _MODEL_SUFFIXES:
        return _read_model(path)
    if path.is_dir():
        raise DataError(
            "a report cannot be made from a folder",
            code="unknown-source",
            file=path,
            expected=_EXPECTED,
            found="a folder",
            hint="pass the files in it",
        )
    if path.suffix in _RESULT_SUFFIXES:
        return Source(RESULTS, path, {}, _hash(read_bytes(path)))
    data = read_bytes(path)
    content = _parse(data, path)
    if isinstance(content, list):
        return Source(RESULTS, path, {}, _hash(data))
    kind = _find_kind(content, path)
    if kind == EVALUATION:
        check_evaluation(content, path)
    _check_version(kind, content, path)
    return Source(kind, path, content, _hash(data))


def _read_model(path: Path) -> Source:
    # Not at the top: it imports scikit-learn, which other reports do not need.
    from pdmr_classic.models.persistence.artifact import manifest_path, read_manifest

    manifest = manifest_path(path)
    return Source(MANIFEST, manifest, read_manifest(path), _hash(read_bytes(manifest)))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _parse(data: bytes, path: Path) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(
            "the file is not JSON", code="not-json", file=path, expected=_EXPECTED, found=str(error)
        ) from None


def _find_kind(content: Any, path: Path) -> str:
    schema = str(content.get("schema", "")) if isinstance(content, dict) else ""
    kind = next((kind for prefix, kind in _SCHEMAS.items() if schema.startswith(prefix)), None)
    if kind is None:
        raise DataError(
            "a report cannot be made from this file",
            code="unknown-source",
            file=path,
            expected=_EXPECTED,
            found=f"schema {schema!r}" if schema else "JSON without a schema",
        )
    return kind


def _check_version(kind: str, content: Mapping[str, Any], path: Path) -> None:
    expected = _READABLE.get(kind)
    if kind == MANIFEST:
        from pdmr_classic.models.persistence.artifact import SCHEMA

        expected = SCHEMA
    if expected is not None and content["schema"] != expected:
        raise DataError(
            f"the {kind} was written by another version",
            code="other-schema",
            file=path,
            expected=f"the schema {expected!r}",
            found=repr(content["schema"]),
            hint=_MAKERS[kind],
        )


def read_part(source: Source, build: Callable[[], Any]) -> Any:
    """Return what is built from a source; raise if the source lacks something that it should have.

    Raises
    ------
    DataError
    """
    try:
        return build()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"the {source.kind} is corrupt",
            code="bad-source",
            file=source.path,
            expected="a file as it is written by this version of pdmr-classic",
            found=f"{type(error).__name__}: {error}",
            hint="make the file again",
        ) from error
