"""Models on disk: a joblib file, and beside it a JSON manifest that is checked before anything is unpickled.

A manifest travels with its model and proves nothing about who made the two. What was made on this account stands in the
user's own record as well (`record.py`); anything else is opened only on request.
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
from sklearn.exceptions import InconsistentVersionWarning

from pdmr_classic.errors import ArtifactError, ConfigError, DataError, Finding
from pdmr_classic.models.persistence._trust import is_recorded, record, record_folder
from pdmr_classic.models.persistence.versions import check_versions, describe_environment
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.storage.atomic import check_writable, refuse_foreign_file, rename, write_atomic, write_text_atomic
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.text import to_json

_SCHEMAS = "pdmr-classic/model/"
SCHEMA = f"{_SCHEMAS}3"


class _Shape(BaseModel):
    """What a manifest must hold before the model beside it is looked at."""

    model_config = ConfigDict(strict=True)

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    libraries: dict[str, Annotated[str, Field(pattern="^[0-9A-Za-z.+!-]{1,40}$")]]
    features: list[str] = Field(min_length=1)

    @field_validator("features")
    @classmethod
    def _once_each(cls, features: list[str]) -> list[str]:
        if len(set(features)) < len(features):
            raise ValueError("a feature is named twice")
        return features


def manifest_path(path: Path) -> Path:
    """Return where the manifest of a model file stands.

    Examples
    --------
    >>> manifest_path(Path("models/mine.joblib")).as_posix()
    'models/mine.json'
    """
    return path.with_suffix(".json")


def save_artifact(model: Any, path: str | Path, facts: dict[str, Any], *, reporter: Reporter | None = None) -> Path:
    """Write a model and its manifest, and record it as one that was made here.

    Parameters
    ----------
    model : object
    path : path-like
        Ends in `.joblib`.
    facts : dict
        What the manifest says of the model, ready for JSON; among it `features`, the names of its columns.
    reporter : Reporter, optional
        Is told where the record cannot be kept.

    Raises
    ------
    ConfigError
        The name does not end in `.joblib`.
    TargetError
        One of the files cannot be written, or the manifest would overwrite a file that is none.
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
        **facts,
    }
    # First: were the run to end in between, a model that stands there unrecorded would be refused to its own maker.
    if not record(manifest["sha256"]):
        (reporter or LogReporter()).note(_unrecorded())
    _replace_pair(path, data, manifest)
    return path


def _unrecorded() -> Finding:
    return Finding(
        "not-recorded",
        "the model could not be recorded as yours: later runs will open it with --trust only",
        expected="a folder that you alone can write to",
        found=str(record_folder() or "no home folder"),
        hint="set XDG_STATE_HOME to one, and save again",
    )


def _replace_pair(path: Path, data: bytes, manifest: dict[str, Any]) -> None:
    """Replace model and manifest as if they were one file.

    The manifest's rename is the moment of change. Until then the old pair stands; from then on the new model is found
    under a name made of its hash, which the manifest holds, until it has taken its own.
    """
    waiting = write_atomic(path, lambda file: file.write(data), under=_waiting(path, manifest["sha256"]))
    place, text = manifest_path(path), to_json(manifest, indent=1) + "\n"
    try:
        write_text_atomic(place, text)
    except BaseException:
        # Ended after the rename, while the folder was synced: the new manifest stands, and needs the new model.
        if not (place.is_file() and place.read_bytes() == text.encode()):
            waiting.unlink(missing_ok=True)
        raise
    rename(waiting, path)
    for left_over in _all_waiting(path):
        left_over.unlink(missing_ok=True)


def _waiting(path: Path, sha256: str) -> Path:
    """Return where a model waits until its manifest is in place."""
    return path.with_name(f".{path.stem}.{sha256[:16]}{path.suffix}")


def _all_waiting(path: Path) -> list[Path]:
    """Return the models that runs which were ended in between have left waiting."""
    return list(path.parent.glob(f".{glob.escape(path.stem)}.{'[0-9a-f]' * 16}{path.suffix}"))


def check_model_writable(path: Path) -> None:
    """Raise now what `save_artifact` would raise after long work.

    Raises
    ------
    ConfigError
        The file does not end in `.joblib`: its manifest takes the name with `.json`.
    TargetError
        It cannot be written, or the manifest would overwrite a file that is none.
    """
    if path.suffix != ".joblib":
        raise ConfigError("a model file ends in .joblib", expected=f"{path.stem}.joblib", found=path.name)
    check_writable(path)
    check_writable(_waiting(path, "0" * 64))  # the longest of the names
    place = manifest_path(path)
    check_writable(place)
    refuse_foreign_file(place, _SCHEMAS, "the model's manifest")


def load_artifact(path: str | Path, *, trust: bool = False) -> tuple[Any, dict[str, Any], list[Finding]]:
    """Read a model, after everything that can be known without opening it was checked.

    joblib runs code when it loads. In this order: the manifest is one, of this schema, with versions and a list of
    features; the SHA-256 of the bytes that will be loaded is the manifest's; the versions go together with those
    here; the SHA-256 stands in the user's own record. The hash shows that a file is whole and unchanged, and only the
    record that it was made on this account: whoever can write to that folder, or run programs as this user, is not
    kept out.

    Parameters
    ----------
    path : path-like
    trust : bool
        Open a model that is not in the record, from somebody you trust. Every other check stays.

    Returns
    -------
    model, manifest, findings
        The findings name libraries of other versions than the model was made with.

    Raises
    ------
    ArtifactError
        A file is missing, one of the checks fails, or the file holds no model.
    """
    path = Path(path)
    manifest = read_manifest(path)
    waiting = _waiting(path, manifest["sha256"])
    try:
        data = _either(waiting, path)
    except DataError as error:
        raise ArtifactError(
            "the model file cannot be read",
            file=path,
            found=error.finding.found,
            hint="train one: pdmr-classic fit DATA",
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    if digest != manifest["sha256"]:
        raise ArtifactError(
            "the model file is not the one that its manifest describes; it was not opened",
            file=path,
            expected=f"SHA-256 {manifest['sha256'][:16]}…",
            found=f"{digest[:16]}…",
            hint="copy both files together again, or train anew",
        )
    findings = check_versions(path, manifest["libraries"])
    if not trust and not is_recorded(digest):
        raise ArtifactError(
            "this model was not made on this account; it was not opened",
            code="not-recorded",
            file=path,
            expected="a model that fit wrote here: a model file can run any program in your name",
            found=f"SHA-256 {digest[:16]}… is not in {record_folder() or 'any record, without a home folder'}",
            hint="train one, or pass --trust (trust=True) if you trust whoever made this one",
        )
    try:
        with warnings.catch_warnings():
            # That versions differ is told by us, once.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            return joblib.load(io.BytesIO(data)), manifest, findings
    except Exception as error:
        raise ArtifactError(
            "the model file cannot be opened",
            file=path,
            found=f"{type(error).__name__}: {error}",
            hint="; ".join([*(str(finding.found) for finding in findings), "train anew"]),
        ) from error


def _either(waiting: Path, path: Path) -> bytes:
    """Return the bytes of the model that waits, else of the one in place: a run may rename it at this very moment."""
    try:
        return read_bytes(waiting)
    except DataError:
        return read_bytes(path)


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the checked manifest of a model file, without opening the model.

    Raises
    ------
    ArtifactError
        There is no model or no manifest, or it is of another schema.
    """
    place = manifest_path(path)
    if not path.is_file() and not _all_waiting(path):
        raise ArtifactError(
            "there is no model", file=path, expected="a .joblib file", hint="train one: pdmr-classic fit DATA"
        )
    try:
        manifest = json.loads(read_bytes(place))
    except DataError:
        raise ArtifactError(
            "the model has no manifest; it was not opened",
            file=path,
            expected=f"{place.name} beside it",
            hint="copy both files together, or train anew",
        ) from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError("the model's manifest is no JSON", file=place, found=str(error)) from None
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        found = manifest.get("schema") if isinstance(manifest, dict) else type(manifest).__name__
        raise ArtifactError(
            "the model's manifest is of another schema; the model was not opened",
            file=place,
            expected=SCHEMA,
            found=repr(found)[:80],
            hint="train anew with this version",
        )
    try:
        _Shape.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        raise ArtifactError(
            "the model's manifest is damaged; the model was not opened",
            file=place,
            column=".".join(map(str, first["loc"])),
            expected=first["msg"],
            found=repr(first["input"])[:80],
            hint="copy both files together again, or train anew",
        ) from None
    return manifest
