"""Picture of a comparison: scores with their intervals, and how often each system is best."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdmr_classic.errors import ConfigError
from pdmr_classic.reporting.comparison_tables import list_targets, score_label, shorten_name, shown_scores, sort_systems
from pdmr_classic.storage.atomic import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLOT_SUFFIXES = (".svg", ".png", ".pdf")
_WIDTH_IN, _ROW_IN, _LINE_IN, _MARGIN_IN = 9.0, 0.16, 0.16, 1.6
_NAME_WIDTH = 32
_BLUE, _ORANGE, _GREY = "#1f5a96", "#c05a00", "#8a8a8a"  # also distinct in grey
_DPI = 150


def plot_comparison(comparison: Mapping[str, Any]) -> Figure:
    """Return a figure: main score and AUC of each system with 95% intervals, and shares of rank 1.

    If only severities were compared, their concordance and mean absolute error.

    Parameters
    ----------
    comparison : dict
        As returned by `compare`.

    Raises
    ------
    ConfigError
        matplotlib is not installed.
    """
    figure_class = _import_figure()
    comparison = list_targets(comparison)[0]
    systems = sort_systems(comparison)
    scores = shown_scores(comparison)
    labels = [textwrap.fill(shorten_name(name), _NAME_WIDTH) for name, _ in systems]
    row_in = _ROW_IN + _LINE_IN * (1 + max(label.count("\n") for label in labels))
    height = _MARGIN_IN + row_in * max(len(systems), 3)
    figure: Figure = figure_class(figsize=(_WIDTH_IN, height), layout="constrained")
    axes = figure.subplots(1, len(scores) + 1, sharey=True, width_ratios=[3] * len(scores) + [2])
    for axis, score in zip(axes, scores, strict=False):
        _plot_scores(axis, comparison, [part[score] for _, part in systems], score)
    shares = comparison["winners"][scores[0]]["shares_of_rank_1"]
    label = score_label({**comparison, "positive": None}, scores[0])
    _plot_shares(axes[-1], [shares.get(name, 0.0) for name, _ in systems], label)
    # A name may contain dollar signs, which are not formulas.
    axes[0].set_yticks(range(len(systems)), labels, parse_math=False)
    axes[0].invert_yaxis()
    return figure


def _import_figure() -> Any:
    try:
        # Not pyplot, which has a global state and may open a window.
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError(
            "--plot needs matplotlib, which is not installed",
            expected="matplotlib 3.9 or newer",
            hint="pip install 'pdmr-classic[plots]'",
        ) from None
    return Figure


def _plot_scores(axis: Axes, comparison: Mapping[str, Any], parts: list[Mapping[str, Any]], score: str) -> None:
    for row, part in enumerate(parts):
        if part["mean"] is None:
            continue
        if part["low"] is not None:
            axis.plot([part["low"], part["high"]], [row, row], color=_BLUE, linewidth=2, solid_capstyle="butt")
        axis.plot(part["mean"], row, "o", color=_BLUE, markersize=6)
    winner = comparison["winners"].get(score, {})
    if winner.get("corrected") is not None:
        label = f"best of {len(parts)},\ncorrected: {winner['corrected']:.3f}"
        axis.axvline(winner["corrected"], color=_ORANGE, linestyle="--", linewidth=1.5)
        axis.set_title(label, fontsize=9, color=_ORANGE)
    axis.set_xlabel(score_label(comparison, score), parse_math=False)
    axis.grid(axis="x", color="#dddddd", linewidth=0.8)
    _remove_frame(axis)


def _plot_shares(axis: Axes, shares: list[float], label: str) -> None:
    axis.barh(range(len(shares)), shares, color=_GREY, height=0.6)
    for row, share in enumerate(shares):
        axis.text(share + 0.02, row, f"{share:.0%}", va="center", fontsize=8)
    axis.set_xlim(0, 1.15)
    axis.set_xticks([0, 0.5, 1], ["0", "50%", "100%"])
    axis.set_xlabel(f"rank 1 by {label}")
    _remove_frame(axis)


def _remove_frame(axis: Axes) -> None:
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="y", length=0)


def save_plot(figure: Figure, path: str | Path) -> Path:
    """Write a figure atomically, in the format of the suffix; the same figure gives the same bytes.

    Raises
    ------
    TargetError
    """
    import matplotlib as mpl

    path = Path(path)
    kind = path.suffix.removeprefix(".")
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with mpl.rc_context({"svg.hashsalt": "pdmr-classic", "svg.fonttype": "none"}):
        return write_atomic(path, lambda file: figure.savefig(file, format=kind, dpi=_DPI, metadata=metadata))
