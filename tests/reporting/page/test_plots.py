"""Plots as inline SVG."""

from __future__ import annotations

import re

import matplotlib as mpl
import pytest
from sample_report import sample_report

from pdmr_classic.reporting.page import _plots
from pdmr_classic.reporting.page._svg import ACCENT, SECOND, draw_svg

REPORT = sample_report()
PLOTS = {
    "roc": (_plots.plot_roc, REPORT["roc"]),
    "precision-recall": (_plots.plot_precision_recall, REPORT["precision_recall"]),
    "calibration": (_plots.plot_calibration, REPORT["calibration"]),
    "threshold": (_plots.plot_threshold, REPORT["threshold"]),
    "net-benefit": (_plots.plot_net_benefit, REPORT["net_benefit"]),
    "severity": (_plots.plot_severity, REPORT["severity"]),
    "residuals": (_plots.plot_residuals, REPORT["severity"]),
}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_takes_colours_and_fonts_from_the_page(name: str) -> None:
    plot, section = PLOTS[name]
    text = str(plot(section))
    assert not re.search(r"#[0-9a-f]{6}\b|font-family|xmlns|<style|<metadata|<\?xml", text)
    assert "var(--accent)" in text
    assert text.count("<text") > 8
    assert len(text) < 40_000
    assert {identifier.partition("-")[0] for identifier in re.findall(r' id="([^"]+)"', text)} == {
        name.partition("-")[0]
    }


def test_a_plot_has_a_title_and_a_description() -> None:
    text = str(_plots.plot_roc(REPORT["roc"]))
    assert 'role="img" aria-labelledby="roc-title roc-desc"' in text
    assert '<title id="roc-title">ROC curve</title>' in text
    assert '<desc id="roc-desc">Area under the curve 0.838 (0.44 to 0.97).</desc>' in text


def test_a_plot_does_not_depend_on_the_settings_of_the_user() -> None:
    before = _plots.plot_roc(REPORT["roc"])
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "lines.color": "red", "svg.fonttype": "path"}):
        assert _plots.plot_roc(REPORT["roc"]) == before
        assert mpl.rcParams["font.size"] == 30


def test_title_and_description_are_escaped() -> None:
    text = str(draw_svg(lambda figure: figure.subplots(), name="x", title="<b>", description="</desc><script>"))
    assert '<title id="x-title">&lt;b&gt;</title>' in text
    assert "<script" not in text


@pytest.mark.parametrize(
    "changes",
    [
        {"f1": [None] * 101, "precision": [None] * 101},
        {"grid": [0.5], "f1": [0.1], "precision": [None], "recall": [1.0], "specificity": [0.0], "chosen": None},
    ],
)
def test_undefined_scores_are_gaps(changes: dict[str, object]) -> None:
    text = str(_plots.plot_threshold({**REPORT["threshold"], **changes}))
    assert "nan" not in text.lower().replace("dominant", "")


def test_severity_may_have_one_point_without_an_interval() -> None:
    severity = {"points": [{"truth": 3.0, "predicted": 3.0, "low": None, "high": None}]}
    assert "Predicted against true scores" in _plots.plot_severity(severity)
    assert "Bland-Altman" in _plots.plot_residuals(severity)


def test_the_chosen_threshold_and_its_range_are_drawn() -> None:
    with_choice = _plots.plot_threshold(REPORT["threshold"])
    without = _plots.plot_threshold({**REPORT["threshold"], "chosen": None})
    assert with_choice.count("var(--accent-soft)") == without.count("var(--accent-soft)") + 1
    assert ACCENT != SECOND
