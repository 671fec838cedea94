"""Models on disk: a joblib file, and beside it a JSON manifest that is checked before anything is unpickled."""

from __future__ import annotations

import glob
import hashlib
import importlib.metadata
import io
import json
import platform
from pathlib import Path
from typing import Any

import joblib

from pdmr_classic.errors import ArtifactError, ConfigError, Finding, TargetError
from pdmr_classic.io.atomic import check_writable, rename, write_atomic, write_text_atomic

_SCHEMAS = "pdmr-classic/model/"
SCHEMA = f"{_SCHEMAS}2"
# Their pickles may not load, or mean something else, across these.
_LIBRARIES = ("pdmr-classic", "scikit-learn", "lightgbm", "xgboost-cpu", "xgboost", "numpy", "scipy")


def manifest_path(path: Path) -> Path:
    """Return where the manifest of a model file stands.

    Examples
    --------
    >>> manifest_path(Path("models/mine.joblib")).as_posix()
    'models/mine.json'
    """
    return path.with_suffix(".json")


def save_artifact(model: Any, path: str | Path, facts: dict[str, Any]) -> Path:
    """Write a model and its manifest.

    Parameters
    ----------
    model : object
    path : path-like
        Ends in `.joblib`.
    facts : dict
        What the manifest says of the model, ready for JSON.

    Raises
    ------
    ConfigError
        The name does not end in `.joblib`.
    TargetError
        One of the files cannot be written, or the manifest would overwrite a file that is none.
    """
    path = Path(path)
    check_model_place(path)
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=3)
    data = buffer.getvalue()
    manifest = {
        "schema": SCHEMA,
        "sha256": hashlib.sha256(data).hexdigest(),
        "python": platform.python_version(),
        "libraries": _versions(),
        **facts,
    }
    _replace_pair(path, data, manifest)
    return path


def _replace_pair(path: Path, data: bytes, manifest: dict[str, Any]) -> None:
    """Replace model and manifest as if they were one file.

    The manifest's rename is the moment of change. Until then the old pair stands; from then on the new model is found
    under a name made of its hash, which the manifest holds, until it has taken its own.
    """
    waiting = write_atomic(path, lambda file: file.write(data), under=_waiting(path, manifest["sha256"]))
    try:
        write_text_atomic(manifest_path(path), json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    except BaseException:
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


def check_model_place(path: Path) -> None:
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
    if place.exists() and not _is_manifest(place):
        raise TargetError(
            "the model's manifest would overwrite another file",
            file=place,
            expected="an earlier manifest, or nothing",
            found="a file that is no manifest",
            mend="choose another --out",
        )


def _is_manifest(path: Path) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and str(found.get("schema", "")).startswith(_SCHEMAS)


def load_artifact(path: str | Path) -> tuple[Any, dict[str, Any], list[Finding]]:
    """Read a model after its manifest was checked: schema and SHA-256.

    joblib executes code when it loads. The hash shows that the file is the one that the manifest was written for, not
    who wrote the two: load only models that you, or someone you trust, made.

    Returns
    -------
    model, manifest, findings
        The findings name libraries of other versions than the model was made with.

    Raises
    ------
    ArtifactError
        A file is missing, the manifest is none or of another schema, or the hash differs.
    """
    path = Path(path)
    manifest = read_manifest(path)
    waiting = _waiting(path, manifest["sha256"])
    try:
        data = (waiting if waiting.is_file() else path).read_bytes()
    except OSError as error:
        raise ArtifactError(
            "the model file cannot be read", file=path, found=error.strerror, mend="train one: pdmr-classic fit DATA"
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    if digest != manifest["sha256"]:
        raise ArtifactError(
            "the model file is not the one that its manifest describes; it was not opened",
            file=path,
            expected=f"SHA-256 {manifest['sha256'][:16]}…",
            found=f"{digest[:16]}…",
            mend="copy both files together again, or train anew",
        )
    findings = _other_versions(path, manifest)
    try:
        return joblib.load(io.BytesIO(data)), manifest, findings
    except Exception as error:
        raise ArtifactError(
            "the model file cannot be opened",
            file=path,
            found=f"{type(error).__name__}: {error}",
            mend="; ".join([*(str(finding.found) for finding in findings), "train anew"]),
        ) from error


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
            "there is no model", file=path, expected="a .joblib file", mend="train one: pdmr-classic fit DATA"
        )
    try:
        manifest = json.loads(place.read_text(encoding="utf-8"))
    except OSError:
        raise ArtifactError(
            "the model has no manifest; it was not opened",
            file=path,
            expected=f"{place.name} beside it",
            mend="copy both files together, or train anew",
        ) from None
    except ValueError as error:
        raise ArtifactError("the model's manifest is no JSON", file=place, found=str(error)) from None
    if (
        not isinstance(manifest, dict)
        or manifest.get("schema") != SCHEMA
        or not isinstance(manifest.get("sha256"), str)
    ):
        found = manifest.get("schema") if isinstance(manifest, dict) else type(manifest).__name__
        raise ArtifactError(
            "the model's manifest is of another schema; the model was not opened",
            file=place,
            expected=SCHEMA,
            found=repr(found),
            mend="train anew with this version",
        )
    return manifest


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _other_versions(path: Path, manifest: dict[str, Any]) -> list[Finding]:
    now, then = _versions(), manifest.get("libraries", {})
    changed = [f"{name} {then[name]} (here {now[name]})" for name in then if name in now and then[name] != now[name]]
    if not changed:
        return []
    return [Finding("other-versions", "the model was made with other versions", file=path, found=", ".join(changed))]
