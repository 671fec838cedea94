"""Curves of a report: one function per plot, from a section of the report to an SVG element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pdmr_classic.reporting.page import _svg as svg
from pdmr_classic.reporting.page._agreement import find_agreement
from pdmr_classic.reporting.page._formats import format_percent, format_score
from pdmr_classic.reporting.page._sentences import describe_agreement, describe_net_benefit, describe_threshold

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Section = Mapping[str, Any]
_SQUARE = (358, 330)
_MARGINS = (52, 8, 44, 8)
_LEGEND_MARGINS = (52, 8, 44, 44)
_SHARES = ([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
_NO_LINE: dict[str, Any] = {"linewidth": 0}
# Line styles differ as well as colours: for grey paper, and for readers who do not tell the colours apart.
_CHANCE: dict[str, Any] = {"color": svg.MUTED, "linestyle": (0, (2, 2)), "linewidth": 1.1}


def plot_roc(roc: _Section) -> Markup:
    """Return the ROC curve averaged over folds, with its band."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _draw_band(axes, roc["fpr"], roc["tpr_low"], roc["tpr_high"])
        axes.plot([0, 1], [0, 1], **_CHANCE)
        axes.plot(roc["fpr"], _gaps(roc["tpr_mean"]), color=svg.ACCENT, linewidth=2)
        _set_unit_axes(axes, "1 \N{MINUS SIGN} specificity", "Sensitivity")

    return svg.draw_svg(
        draw,
        name="roc",
        title="ROC curve",
        size=_SQUARE,
        margins=_MARGINS,
        description=f"Area under the curve {format_score(roc['auc'])}.",
    )


def plot_precision_recall(curve: _Section) -> Markup:
    """Return the precision-recall curve averaged over folds, with its band."""
    share = curve["positive_share"]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _draw_band(axes, curve["recall"], curve["precision_low"], curve["precision_high"])
        axes.axhline(share, **_CHANCE)
        axes.plot(curve["recall"], _gaps(curve["precision_mean"]), color=svg.ACCENT, linewidth=2)
        _set_unit_axes(axes, "Recall (sensitivity)", "Precision")

    description = f"Precision by chance is {format_percent(share)}, the share of the positive class."
    return svg.draw_svg(
        draw,
        name="precision-recall",
        title="Precision-recall curve",
        size=_SQUARE,
        margins=_MARGINS,
        description=description,
    )


def plot_calibration(calibration: _Section) -> Markup:
    """Return observed against predicted shares in bins, above the number of recordings in each bin."""
    bins = calibration["bins"]
    predicted = [part["predicted"] for part in bins]

    def draw(figure: Figure) -> None:
        axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1], gridspec_kw={"hspace": 0.08})
        axes.plot([0, 1], [0, 1], **_CHANCE)
        for part in bins:
            if part["low"] is not None:
                axes.plot([part["predicted"]] * 2, [part["low"], part["high"]], color=svg.MUTED, linewidth=1)
        axes.plot(predicted, _gaps([part["observed"] for part in bins]), color=svg.ACCENT, linewidth=1, alpha=0.5)
        axes.plot(predicted, _gaps([part["observed"] for part in bins]), "o", color=svg.ACCENT, markersize=5)
        _set_unit_axes(axes, "", "Observed share")
        counts.bar(predicted, [part["n"] for part in bins], width=0.025, color=svg.MUTED)
        counts.set_xlabel("Predicted probability")
        counts.set_ylabel("n")
        counts.locator_params(axis="y", nbins=2, integer=True)
        counts.grid(axis="x", visible=False)

    slope, intercept = (format_score(calibration.get(name)) for name in ("slope", "intercept"))
    return svg.draw_svg(
        draw,
        name="calibration",
        title="Calibration curve",
        size=(358, 400),
        margins=_MARGINS,
        description=f"Calibration slope {slope}, intercept {intercept}; ideal are 1 and 0.",
    )


def plot_threshold(threshold: _Section) -> Markup:
    """Return F1, precision, recall and specificity for each threshold, with the chosen one."""
    chosen = threshold.get("chosen")
    styles: dict[str, tuple[str, dict[str, Any]]] = {
        "f1": ("F1", {"color": svg.ACCENT, "linewidth": 2.2}),
        "precision": ("precision", {"color": svg.SECOND, "linestyle": (0, (6, 2))}),
        "recall": ("sensitivity (recall)", {"color": svg.INK, "linestyle": (0, (3, 1.5))}),
        "specificity": ("specificity", {"color": svg.MUTED, "linestyle": (0, (1, 1.2))}),
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        if chosen is not None:
            axes.axvspan(chosen["low"], chosen["high"], color=svg.ACCENT_SOFT, **_NO_LINE)
            axes.axvline(chosen["median"], color=svg.ACCENT, linewidth=1)
        for name, (label, style) in styles.items():
            if threshold.get(name):
                axes.plot(threshold["grid"], _gaps(threshold[name]), label=label, **style)
        _set_unit_axes(axes, "Threshold", "Score")
        figure.legend(loc="upper left", ncols=2, borderaxespad=0)

    return svg.draw_svg(
        draw,
        name="threshold",
        title="Scores for each threshold",
        size=(358, 360),
        margins=_LEGEND_MARGINS,
        description=describe_threshold(threshold),
    )


def plot_net_benefit(net_benefit: _Section, name: str = "net-benefit") -> Markup:
    """Return the decision curve: net benefit of the model, of acting on everyone, and of acting on no one."""
    grid, model, everyone = (net_benefit[name] for name in ("grid", "model", "all"))
    top = max([value for value in [*model, *everyone] if value is not None], default=1.0)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        if net_benefit.get("low"):
            _draw_band(axes, grid, net_benefit["low"], net_benefit["high"])
        axes.axhline(0, color=svg.INK, linewidth=1, label="no one")
        axes.plot(grid, _gaps(everyone), color=svg.SECOND, linestyle=(0, (6, 2)), label="everyone")
        axes.plot(grid, _gaps(model), color=svg.ACCENT, linewidth=2.2, label="the model")
        axes.set_xlim(-0.02, 1.02)
        # The curve of acting on everyone falls without limit.
        axes.set_ylim(-0.3 * top - 0.01, 1.1 * top + 0.01)
        axes.set_xticks(*_SHARES)
        axes.set_xlabel("Threshold")
        axes.set_ylabel("Net benefit")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="upper left", ncols=3, borderaxespad=0)

    return svg.draw_svg(
        draw,
        name=name,
        title="Decision curve",
        size=(358, 360),
        margins=_LEGEND_MARGINS,
        description=describe_net_benefit(net_benefit),
    )


def plot_severity(severity: _Section) -> Markup:
    """Return predicted against true scores, with their intervals."""
    points = severity["points"]
    low, high = _severity_limits(points)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([low, high], [low, high], **_CHANCE)
        for point in points:
            if point.get("low") is not None:
                axes.plot([point["truth"]] * 2, [point["low"], point["high"]], color=svg.ACCENT_SOFT, linewidth=1.2)
        axes.plot(*_columns(points, "truth", "predicted"), "o", color=svg.ACCENT, markersize=4, alpha=0.75, mew=0)
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_xlabel("True score")
        axes.set_ylabel("Predicted score")

    return svg.draw_svg(
        draw,
        name="severity",
        title="Predicted against true scores",
        size=_SQUARE,
        margins=_MARGINS,
        description="Points on the diagonal are predicted exactly; vertical lines are prediction intervals.",
    )


def plot_residuals(severity: _Section) -> Markup:
    """Return the Bland-Altman plot: difference against mean of predicted and true scores, with limits of agreement."""
    points = severity["points"]
    mean, differences, agreement = find_agreement(points)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axhline(0, color=svg.MUTED, linewidth=0.8)
        axes.axhline(agreement["bias"], color=svg.SECOND, linewidth=1.4)
        for name in ("low", "high"):
            axes.axhline(agreement[name], color=svg.SECOND, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.plot(mean, differences, "o", color=svg.ACCENT, markersize=4, alpha=0.75, mew=0)
        axes.set_xlabel("Mean of true and predicted score")
        axes.set_ylabel("Predicted \N{MINUS SIGN} true")

    return svg.draw_svg(
        draw,
        name="residuals",
        title="Bland-Altman plot",
        size=_SQUARE,
        margins=_MARGINS,
        description=describe_agreement(points),
    )


def _severity_limits(points: Sequence[_Section]) -> tuple[float, float]:
    values = [point[name] for point in points for name in ("truth", "predicted", "low", "high")]
    numbers = [value for value in values if value is not None]
    margin = 0.04 * (max(numbers) - min(numbers)) or 1.0
    return min(numbers) - margin, max(numbers) + margin


def _columns(rows: Sequence[_Section], *names: str) -> list[list[Any]]:
    return [[row[name] for row in rows] for name in names]


def _gaps(values: Sequence[float | None]) -> list[float]:
    """Return the values with NaN, where a line has a gap, for None."""
    return [float("nan") if value is None else value for value in values]


def _draw_band(axes: Axes, x: Sequence[float], low: Sequence[float | None], high: Sequence[float | None]) -> None:
    axes.fill_between(x, _gaps(low), _gaps(high), color=svg.ACCENT_SOFT, **_NO_LINE)


def _set_unit_axes(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xticks(*_SHARES)
    axes.set_yticks(*_SHARES)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
