"""`export --pdmr` and `export --mpdd`: results in the form of a challenge, and the ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdmr_classic.progress import Reporter

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pdmr_classic.errors import Finding


def export_submission(
    form: str,
    results: Path,
    out: Path,
    *,
    ternary: Path | None = None,
    cutoffs: str | None = None,
    data: Path | None,
    model: Path | None,
    reporter: Reporter,
) -> tuple[dict[str, Any], Callable[[Any], RenderableType]]:
    """Write the file of a challenge, `form` pdmr or mpdd, and its line in the ledger; return summary and table.

    Raises
    ------
    ConfigError, DataError, ArtifactError, TargetError
    """
    from pdmr_classic.io.submission_files import write_mpdd, write_pdmr
    from pdmr_classic.io.submission_ledger import check_ledger, ledger_path, record_submission
    from pdmr_classic.reporting.submission_table import submission_table, summarise_submission

    check_ledger(results)
    origin, notes = _find_origin(form, results, model)
    if form == "pdmr":
        submission = write_pdmr(results, out, data=data)
    else:
        submission = write_mpdd(results, out, ternary=ternary, cutoffs=_parse_cutoffs(cutoffs), data=data)
    n_submissions, findings = record_submission(submission, results, **origin)
    for finding in (*notes, *findings):
        reporter.note(finding)
    return summarise_submission(submission, ledger_path(results), n_submissions), submission_table


def _parse_cutoffs(text: str | None) -> list[float] | None:
    from pdmr_classic.errors import ConfigError

    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError("--cutoffs must be two numbers", expected="such as 5,10", found=repr(text)) from None


def _find_origin(form: str, results: Path, model: Path | None) -> tuple[dict[str, Any], list[Finding]]:
    """Return hash and seed of the model that predicted: of `model`, or from the notes next to the results."""
    from pdmr_classic.errors import ConfigError, Finding
    from pdmr_classic.io.results import read_notes
    from pdmr_classic.models.persistence.artifact import read_manifest

    notes, findings = read_notes(results)
    noted = {"model_sha256": notes.get("model_sha256"), "seed": notes.get("seed")}
    if model is None:
        if noted["model_sha256"] is None:
            what = "the ledger does not say which model predicted"
            hint = "name it: pdmr-classic export MODEL …"
            findings.append(Finding("unknown-model", what, file=results, hint=hint))
        return noted, findings
    manifest = read_manifest(model)
    if noted["model_sha256"] not in (None, manifest["sha256"]):
        raise ConfigError(
            "MODEL is not the model that made the results",
            file=model,
            expected=f"SHA-256 {noted['model_sha256'][:16]}…, as in the notes next to the results",
            found=f"{manifest['sha256'][:16]}…",
            hint="pass the model that predicted, or predict again",
        )
    settings = manifest.get("settings", {})
    if form == "mpdd" and (scale := settings.get("severity", {}).get("scale")) not in (None, "phq9"):
        what = "phq9_pred has scores of another scale, unchanged"
        hint = "train with scores of the PHQ-9"
        findings.append(Finding("other-scale", what, file=model, expected="phq9", found=scale, hint=hint))
    seed = settings.get("learning", {}).get("seed")
    return {"model_sha256": manifest["sha256"], "seed": seed}, findings
