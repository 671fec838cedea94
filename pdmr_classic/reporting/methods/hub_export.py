"""`export_hub`: a model as a folder for the Hugging Face hub, with its model card."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError, Finding
from pdmr_classic.models.export.hub_files import HubExport, make_hub_files
from pdmr_classic.progress import Reporter
from pdmr_classic.reporting.methods._hub_evaluation import (
    UNVERIFIED,
    is_verified,
    read_own_evaluation,
    summarise_evaluation,
)
from pdmr_classic.reporting.methods._model_card import CardFacts, write_card
from pdmr_classic.storage.new_folder import find_new_folder, write_new_folder
from pdmr_classic.text import to_json

_CONTENT = "the model for the hub"
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}")
_NO_LICENSE = Finding(
    "no-license",
    "the model card says that there is no license, so nobody else may use the model",
    hint="choose one with --license, for example --license mit; a license of the data may restrict the choice",
)
_NO_EVALUATION = Finding(
    "no-evaluation",
    "the model card has no scores, because those of fit are optimistic",
    hint="run pdmr-classic evaluate DATA --out evaluation.json, and pass --evaluation evaluation.json",
)


def export_hub(
    model: str | Path,
    folder: str | Path,
    *,
    evaluation: str | Path | None = None,
    license_id: str | None = None,
    trust: bool = False,
    reporter: Reporter | None = None,
) -> HubExport:
    """Write a model as a folder for the Hugging Face hub; nothing is uploaded.

    The folder has the model as `model.skops`, which opens without trust, and as `model.joblib`; the manifest
    `model.json`; the model card `README.md`; `config.json` and `requirements.txt`; and a summary of the evaluation
    without single recordings, if one is given.

    Parameters
    ----------
    model : path-like
        A `.joblib` file; see `DepressionModel.load` for `trust` and `reporter`.
    folder : path-like
        A new or empty folder.
    evaluation : path-like, optional
        Written by `evaluate`, on the data and with the settings of the model.
    license_id : str, optional
        Identifier of the license of the model on the hub.

    Raises
    ------
    ConfigError
        The extra `hub` is not installed, the license is not an identifier, or the model cannot be converted.
    ArtifactError
        The model cannot be opened.
    DataError
        The evaluation is not one of this model.
    TargetError
        The folder is in use, or cannot be written.
    """
    target = find_new_folder(folder, _CONTENT)
    _check_license(license_id)
    converted = make_hub_files(model, trust=trust, reporter=reporter)
    scores = None if evaluation is None else read_own_evaluation(evaluation, converted.manifest)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", target.name).strip("-.") or "model"
    card = write_card(CardFacts(name, converted.task, converted.manifest, scores, license_id))
    files = {"README.md": card.encode(), **converted.files}
    if scores is not None:
        files["evaluation.json"] = (to_json(summarise_evaluation(scores), indent=1) + "\n").encode()
    write_new_folder(folder, files, _CONTENT)
    return HubExport(
        Path(folder),
        {file: len(content) for file, content in files.items()},
        converted.n_rows,
        f"hf upload ORG/{name} {shlex.quote(str(folder))} . --private",
        (*converted.findings, *_find_gaps(scores, license_id)),
    )


def _check_license(license_id: str | None) -> None:
    if license_id is not None and not _LICENSE.fullmatch(license_id):
        raise ConfigError(
            "--license must be an identifier of the hub",
            expected="for example mit, apache-2.0, cc-by-nc-4.0 or other",
            found=repr(license_id)[:80],
            hint="see https://huggingface.co/docs/hub/repositories-licenses",
        )


def _find_gaps(scores: Mapping[str, Any] | None, license_id: str | None) -> Iterator[Finding]:
    if scores is None:
        yield _NO_EVALUATION
    elif not is_verified(scores):
        yield UNVERIFIED
    if license_id is None:
        yield _NO_LICENSE
