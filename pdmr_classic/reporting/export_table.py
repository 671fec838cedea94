"""Result of `export` as a dict and as a table."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from pdmr_classic.models.export.hub_files import HubExport
from pdmr_classic.models.export.onnx_file import OnnxExport
from pdmr_classic.reporting.tables import new_table


def summarise_export(written: OnnxExport) -> dict[str, Any]:
    """Return what was written, JSON-serialisable."""
    return {
        "out": str(written.path),
        "n_bytes": written.n_bytes,
        "n_features": written.n_features,
        "classes": written.classes,
        "n_check_rows": written.n_rows,
        "largest_difference": written.difference,
    }


def export_table(summary: dict[str, Any]) -> RenderableType:
    """Show the size and the check of an exported model."""
    table = new_table("export", "")
    table.add_row("size", f"{summary['n_bytes'] / 1e6:.2f} MB")
    table.add_row("input", f"features: double [n, {summary['n_features']}]")
    table.add_row("output", f"label [n]; probabilities [n, {len(summary['classes'])}]: {', '.join(summary['classes'])}")
    checked = f"{summary['n_check_rows']} random rows: equal labels, probabilities within"
    table.add_row("check", f"{checked} {summary['largest_difference']:.0e}")
    return Group(table, "", Text(f"Written: {summary['out']}"))


def summarise_hub_export(written: HubExport) -> dict[str, Any]:
    """Return what was written, JSON-serialisable."""
    return {
        "out": str(written.folder),
        "files": written.sizes,
        "n_check_rows": written.n_rows,
        "upload": written.upload,
    }


def hub_export_table(summary: dict[str, Any]) -> RenderableType:
    """Show the files of a folder for the hub, and how to upload it."""
    table = new_table("file", "size")
    for name, size in summary["files"].items():
        table.add_row(name, f"{size / 1e6:.2f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB")
    check = f"{summary['n_check_rows']} random rows: model.skops predicts exactly what the model predicts"
    upload = Text(f"Nothing was uploaded. To upload it:\n  {summary['upload']}")
    return Group(table, "", Text(f"Written: {summary['out']}"), Text(f"Checked: {check}"), upload)
