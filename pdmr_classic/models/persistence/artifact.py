"""Save and load models: a joblib file next to a JSON manifest, which is checked before anything is unpickled.

A manifest is distributed with its model, so it does not prove who made them. Models trained under this account are
also in the user's record (`_trust.py`); any other model is opened only on request. A `.skops` file (`skops_file.py`)
needs no trust: it contains data, and no code.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import warnings
from pathlib import Path
from typing import Annotated, Any

import joblib
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pdmr_classic.environment import describe_environment
from pdmr_classic.errors import ArtifactError, ConfigError, DataError, Finding
from pdmr_classic.models.persistence._recorded_plugins import import_recorded_plugins, record_plugins
from pdmr_classic.models.persistence._trust import is_recorded, record_digest, record_folder
from pdmr_classic.models.persistence._versions import check_versions
from pdmr_classic.models.persistence.skops_file import SKOPS_SUFFIX, load_skops, require_skops
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.storage.atomic import check_writable, refuse_foreign_file, rename, write_atomic, write_text_atomic
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.storage.location import parse_location
from pdmr_classic.text import to_json

_SCHEMA_PREFIX = "pdmr-classic/model/"
SCHEMA = f"{_SCHEMA_PREFIX}7"
SKOPS_FILE = f"model{SKOPS_SUFFIX}"
"""Name of the model that is opened in a folder."""
DIGEST, SKOPS_DIGEST = "sha256", "skops_sha256"
"""Keys of the manifest for the SHA-256 of a `.joblib` and of a `.skops` file."""


class _ManifestFields(BaseModel):
    """Fields of a manifest that must be valid before its model is opened."""

    model_config = ConfigDict(strict=True)

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    skops_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    libraries: dict[str, Annotated[str, Field(pattern="^[0-9A-Za-z.+!-]{1,40}$")]]
    features: list[str] = Field(min_length=1)
    plugins: list[dict[str, str | None]] = []

    @field_validator("features")
    @classmethod
    def _check_unique(cls, features: list[str]) -> list[str]:
        if len(set(features)) < len(features):
            raise ValueError("feature names must be unique")
        return features


def manifest_path(path: Path) -> Path:
    """Return the path of a model's manifest.

    Examples
    --------
    >>> manifest_path(Path("models/mine.joblib")).as_posix()
    'models/mine.json'
    """
    return path.with_suffix(".json")


def save_artifact(
    model: Any, path: str | Path, metadata: dict[str, Any], *, compact: bool = False, reporter: Reporter | None = None
) -> Path:
    """Write a model and its manifest, and record the model as trained under this account.

    Parameters
    ----------
    model : object
    path : path-like
        Must end in `.joblib`.
    metadata : dict
        Content of the manifest, JSON-serialisable; must contain `features`, the names of the model's columns.
    compact : bool
        Write the manifest on one line.
    reporter : Reporter, optional
        Receives a note if the model cannot be recorded.

    Raises
    ------
    ConfigError
        The name does not end in `.joblib`.
    TargetError
        A file cannot be written, or the manifest would overwrite a file that is not a manifest.
    """
    path = Path(path)
    check_model_writable(path)
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=3)
    data = buffer.getvalue()
    manifest = {
        "schema": SCHEMA,
        "sha256": hashlib.sha256(data).hexdigest(),
        **describe_environment(),
        **metadata,
    }
    record_plugins(metadata.get("plugins", ()))
    # Record first: after an interruption in between, an unrecorded model would be refused to the user who made it.
    if not record_digest(manifest["sha256"]):
        (reporter or LogReporter()).note(_not_recorded_finding())
    text = to_json(manifest, indent=None if compact else 1) + "\n"
    _replace_model_and_manifest(path, data, text, manifest["sha256"])
    return path


def _not_recorded_finding() -> Finding:
    return Finding(
        "not-recorded",
        "could not record that you trained this model; predict will need --trust to open it",
        expected="a folder that only you can write to",
        found=str(record_folder() or "no home directory"),
        hint="set XDG_STATE_HOME to a folder that only you can write to, and run fit again",
    )


def _replace_model_and_manifest(path: Path, data: bytes, text: str, sha256: str) -> None:
    """Replace a model and its manifest in one atomic step: the rename of the manifest.

    Before it, the old pair is valid. After it, the new model is found under its staging name, which contains the hash
    from the manifest, until it is renamed.
    """
    staged = write_atomic(path, lambda file: file.write(data), staging_path=_staging_path(path, sha256))
    target = manifest_path(path)
    try:
        write_text_atomic(target, text)
    except BaseException:
        # If interrupted after the rename, while syncing the folder, the new manifest is in place and needs its model.
        if not (target.is_file() and target.read_bytes() == text.encode()):
            staged.unlink(missing_ok=True)
        raise
    rename(staged, path)
    for leftover in _find_staged(path):
        leftover.unlink(missing_ok=True)


def _staging_path(path: Path, sha256: str) -> Path:
    """Return the temporary path of a model whose manifest is not in place yet."""
    return path.with_name(f".{path.stem}.{sha256[:16]}{path.suffix}")


def _find_staged(path: Path) -> list[Path]:
    """Return the staged models that interrupted runs left behind."""
    return list(path.parent.glob(f".{glob.escape(path.stem)}.{'[0-9a-f]' * 16}{path.suffix}"))


def check_model_writable(path: Path) -> None:
    """Raise before the training any error that `save_artifact` would raise after it.

    Raises
    ------
    ConfigError
        The path does not end in `.joblib` (its manifest ends in `.json`).
    TargetError
        A file cannot be written, or the manifest would overwrite a file that is not a manifest.
    """
    if path.suffix != ".joblib":
        raise ConfigError(
            "the name of a model file must end in .joblib", expected=f"{path.stem}.joblib", found=path.name
        )
    check_writable(path)
    check_writable(_staging_path(path, "0" * 64))  # the longest file name
    target = manifest_path(path)
    check_writable(target)
    refuse_foreign_file(target, _SCHEMA_PREFIX, "the model's manifest")


def load_artifact(path: str | Path, *, trust: bool = False) -> tuple[Any, dict[str, Any], list[Finding]]:
    """Load a model after checking everything that can be checked without opening it.

    joblib executes code when it loads a file. The checks, in order: the manifest is valid and has this schema; the
    SHA-256 of the bytes to load matches the manifest; the library versions are compatible; the SHA-256 is in the
    user's record. The hash shows that the file is complete and unchanged; only the record shows that it was made on
    this account. This does not protect against anyone who can write to the record or run programs as this user.

    A `.skops` file, or a folder that contains `model.skops`, needs no record and no trust: see `load_skops`.

    Parameters
    ----------
    path : path-like
    trust : bool
        Open a model that is not in the record because you trust its source. All other checks still apply.

    Returns
    -------
    model, manifest, findings
        The findings list libraries whose version differs from the one the model was trained with.

    Raises
    ------
    ArtifactError
        A file is missing, a check fails, or the file cannot be loaded.
    ConfigError
        A `.skops` file is to be opened without skops.
    """
    path = find_model_file(parse_location(path))
    manifest = read_manifest(path)
    is_skops = path.suffix == SKOPS_SUFFIX
    data = read_model_bytes(path, manifest, SKOPS_DIGEST if is_skops else DIGEST)
    findings = check_versions(path, manifest["libraries"])
    if is_skops:
        require_skops()
    elif not trust and not is_recorded(manifest["sha256"]):
        raise ArtifactError(
            "the model was not trained under this account and was not opened",
            code="not-recorded",
            file=path,
            expected="a model that was trained here, because a model file can execute any code",
            found=f"SHA-256 {manifest['sha256'][:16]}… is not in "
            f"{record_folder() or 'a record: there is no home directory'}",
            hint="train a model here, or pass --trust (trust=True) if you trust the source of this one",
        )
    import_recorded_plugins(manifest.get("plugins", ()), path, trust=trust)
    # Not at the top: reading a manifest does not need scikit-learn, whose import takes seconds.
    from sklearn.exceptions import InconsistentVersionWarning

    try:
        with warnings.catch_warnings():
            # `check_versions` already reports versions that differ.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            return load_skops(data, path) if is_skops else joblib.load(io.BytesIO(data)), manifest, findings
    except ArtifactError:
        raise
    except Exception as error:
        raise ArtifactError(
            "the model file cannot be opened",
            file=path,
            found="; ".join([f"{type(error).__name__}: {error}", *(str(finding.found) for finding in findings)]),
            hint="install the library versions that the model was trained with, or train it again"
            if findings
            else "train the model again",
        ) from error


def find_model_file(path: Path) -> Path:
    """Return the path of a model: of a folder that `export --hub` wrote, that of its model.skops."""
    return path / SKOPS_FILE if path.is_dir() else path


def read_model_bytes(path: Path, manifest: dict[str, Any], key: str = DIGEST) -> bytes:
    """Return the bytes of a model, whose SHA-256 must be that of its manifest.

    Raises
    ------
    ArtifactError
    """
    try:
        data = _read_staged_or_final(_staging_path(path, manifest["sha256"]), path)
    except DataError as error:
        raise ArtifactError(
            "the model file cannot be read",
            file=path,
            found=error.finding.found,
            hint="fix its permissions, or pass another file with --model",
        ) from None
    digest, expected = hashlib.sha256(data).hexdigest(), manifest.get(key)
    if digest != expected:
        raise ArtifactError(
            "the model file does not match its manifest and was not opened",
            file=path,
            expected=f"SHA-256 {expected[:16]}…" if expected else f"a manifest with {key}",
            found=f"{digest[:16]}…",
            hint="copy both files together again, or train the model again",
        )
    return data


def _read_staged_or_final(staged: Path, path: Path) -> bytes:
    """Return the bytes of the staged model if it exists, otherwise of `path`: another run may be renaming it."""
    try:
        return read_bytes(staged)
    except DataError:
        return read_bytes(path)


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the checked manifest of a model file, or of the model in a folder, without opening the model.

    Raises
    ------
    ArtifactError
        The model or its manifest is missing, or the manifest is not valid or has another schema.
    """
    path = find_model_file(path)
    manifest_file = manifest_path(path)
    if not path.is_file() and not _find_staged(path):
        raise ArtifactError(
            "the model file does not exist",
            file=path,
            expected="a .joblib file, or a .skops file",
            hint="check --model, or train a model: pdmr-classic fit DATA",
        )
    try:
        manifest = json.loads(read_bytes(manifest_file))
    except DataError:
        raise ArtifactError(
            "the model has no manifest and was not opened",
            file=path,
            expected=f"{manifest_file.name} next to it",
            hint="copy both files together, or train the model again",
        ) from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError("the manifest is not valid JSON", file=manifest_file, found=str(error)) from None
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        schema = manifest.get("schema") if isinstance(manifest, dict) else type(manifest).__name__
        raise ArtifactError(
            "unsupported schema version in the manifest; the model was not opened",
            file=manifest_file,
            expected=SCHEMA,
            found=repr(schema)[:80],
            hint="train the model again with this version",
        )
    try:
        _ManifestFields.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        raise ArtifactError(
            "the manifest is corrupt, and the model was not opened",
            file=manifest_file,
            column=".".join(map(str, first["loc"])),
            expected=first["msg"],
            found=repr(first["input"])[:80],
            hint="copy both files together again, or train the model again",
        ) from None
    return manifest
