"""Codebook files: arrays (.npz, never unpickled) next to a JSON manifest with the hash of their bytes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pdmr_classic.audio.fit_codebook import MAX_FRAMES
from pdmr_classic.audio.log_mel import HOP, N_BANDS, POWER_FLOOR, RATE_HZ, WINDOW
from pdmr_classic.audio.netvlad import Codebook
from pdmr_classic.audio.scan import LOUD_QUANTILE, QUIETEST_DB, SILENCE_DB
from pdmr_classic.environment import describe_environment
from pdmr_classic.errors import ArtifactError, ConfigError, DataError
from pdmr_classic.io.audio.embeddings import NETVLAD_CLUSTERS
from pdmr_classic.storage.atomic import check_writable, refuse_foreign_file, write_atomic, write_text_atomic
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.text import to_json

_SCHEMA_PREFIX = "pdmr-classic/codebook/"
SCHEMA = f"{_SCHEMA_PREFIX}1"
SETTINGS: dict[str, Any] = {
    "rate_hz": RATE_HZ,
    "window_samples": WINDOW,
    "hop_samples": HOP,
    "bands": N_BANDS,
    "power_floor": POWER_FLOOR,
    "clusters": NETVLAD_CLUSTERS,
    "mean_removed": True,
    "silence_db": SILENCE_DB,
    "loud_quantile": LOUD_QUANTILE,
    "quietest_db": QUIETEST_DB,
    "max_frames": MAX_FRAMES,
}
_SUFFIX = ".npz"
_HINT = "fit it again with --fit, then embed all recordings again"


@dataclass(frozen=True, eq=False)
class TrainedCodebook:
    """A codebook and what it was fitted on.

    Attributes
    ----------
    codebook : Codebook
    contents : frozenset of str
        Hashes of the training files.
    split : str
        Split that they belong to: train, dev, test, or "" if unknown.
    """

    codebook: Codebook
    contents: frozenset[str]
    split: str = ""


class _Training(BaseModel):
    model_config = ConfigDict(strict=True)

    contents: list[str] = Field(min_length=1)
    split: str


class _ManifestFields(BaseModel):
    model_config = ConfigDict(strict=True)

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    settings: dict[str, Any]
    training: _Training


def check_codebook_writable(path: Path) -> None:
    """Raise before the work any error that `save_codebook` would raise after it.

    Raises
    ------
    ConfigError
        The name does not end in `.npz`.
    TargetError
        A file cannot be written, or the manifest would overwrite a file that is not the manifest of a codebook.
    """
    if path.suffix != _SUFFIX:
        raise ConfigError(
            f"the name of a codebook must end in {_SUFFIX}", expected=f"{path.stem}{_SUFFIX}", found=path.name
        )
    check_writable(path)
    check_writable(_manifest_path(path))
    refuse_foreign_file(_manifest_path(path), _SCHEMA_PREFIX, "the manifest of the codebook")


def save_codebook(trained: TrainedCodebook, path: Path, training: dict[str, Any]) -> None:
    """Write a codebook and its manifest.

    Parameters
    ----------
    trained : TrainedCodebook
    path : Path
    training : dict
        Further facts about the training files, for the manifest.

    Raises
    ------
    ConfigError, TargetError
        See `check_codebook_writable`.
    """
    check_codebook_writable(path)
    codebook, buffer = trained.codebook, io.BytesIO()
    np.savez(buffer, scale=codebook.scale, centres=codebook.centres, sharpness=np.float64(codebook.sharpness))
    data = buffer.getvalue()
    environment = describe_environment()
    environment["libraries"] |= {name: importlib.metadata.version(name) for name in ("soundfile", "soxr")}
    manifest = {
        "schema": SCHEMA,
        "sha256": hashlib.sha256(data).hexdigest(),
        **environment,
        "settings": SETTINGS,
        "training": {"split": trained.split, **training, "contents": sorted(trained.contents)},
    }
    write_atomic(path, lambda file: file.write(data))
    write_text_atomic(_manifest_path(path), to_json(manifest, indent=1) + "\n")


def load_codebook(path: Path) -> TrainedCodebook:
    """Load a codebook after checking its manifest and its hash; no code in the file is executed.

    Raises
    ------
    ArtifactError
        A file is missing, damaged or not a codebook of this version, or the two do not belong together.
    """
    manifest = _read_manifest(path)
    data = _read(path)
    digest = hashlib.sha256(data).hexdigest()
    if digest != manifest.sha256:
        raise _codebook_error(
            "the codebook does not match its manifest", path, f"SHA-256 {manifest.sha256[:16]}…", f"{digest[:16]}…"
        )
    return TrainedCodebook(_parse(data, path), frozenset(manifest.training.contents), manifest.training.split)


def _manifest_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except DataError as error:
        raise _codebook_error(
            "the codebook cannot be read", path, "a .npz file and its .json", error.finding.found
        ) from None


def _read_manifest(path: Path) -> _ManifestFields:
    file = _manifest_path(path)
    try:
        manifest = json.loads(_read(file))
    except (ValueError, RecursionError) as error:
        raise _codebook_error("the manifest of the codebook is not valid JSON", file, "JSON", str(error)) from None
    schema = manifest.get("schema") if isinstance(manifest, dict) else type(manifest).__name__
    if schema != SCHEMA:
        raise _codebook_error("this is not the manifest of a codebook of this version", file, SCHEMA, repr(schema)[:80])
    try:
        fields = _ManifestFields.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _codebook_error("the manifest of the codebook is corrupt", file, first["msg"], where) from None
    if fields.settings != SETTINGS:
        other = sorted(key for key in {*SETTINGS, *fields.settings} if SETTINGS.get(key) != fields.settings.get(key))
        raise _codebook_error(
            "the codebook was fitted with other settings",
            file,
            ", ".join(f"{key} {SETTINGS.get(key)}" for key in other),
            ", ".join(f"{key} {fields.settings.get(key)}" for key in other),
        )
    return fields


def _parse(data: bytes, path: Path) -> Codebook:
    shapes = {"scale": (N_BANDS,), "centres": (NETVLAD_CLUSTERS, N_BANDS), "sharpness": ()}
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            values = {name: np.asarray(arrays[name], dtype=np.float64) for name in shapes}
    except Exception as error:  # zipfile and numpy raise errors of many kinds
        raise _codebook_error("the codebook is damaged", path, "arrays", f"{type(error).__name__}: {error}") from None
    for name, shape in shapes.items():
        if values[name].shape != shape or not np.isfinite(values[name]).all():
            found = f"shape {values[name].shape}"
            raise _codebook_error("the codebook is damaged", path, f"{name} of finite numbers, shape {shape}", found)
    return Codebook(values["scale"], values["centres"], float(values["sharpness"]))


def _codebook_error(what: str, file: Path, expected: str, found: str | None) -> ArtifactError:
    return ArtifactError(what, file=file, expected=expected, found=found, hint=_HINT)
