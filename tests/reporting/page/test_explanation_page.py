"""The page of an explanation, made from a dict."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import inspect_page, needs_chromium

from pdmr_classic.errors import ConfigError
from pdmr_classic.reporting.page import explanation as page
from pdmr_classic.reporting.page._bars import plan_bars, plan_waterfall
from pdmr_classic.reporting.page._strip_plot import plan_strip
from pdmr_classic.reporting.page.explanation import check_page, render_explanation

SCRIPT = "<script>alert(1)</script>"
N_POINTS = 600


def make_strip(n_points: int = N_POINTS, n_lanes: int = 8) -> dict[str, Any]:
    """Return a strip of a recording of a minute, with a gap in its middle third."""
    third = n_points // 3
    wave = [0.1 + number % 7 / 3 for number in range(n_points)]
    gap = [*wave[:third], *[None] * third, *wave[2 * third :]]
    effects = [0.0, 0.8, None, -0.3, *[0.0] * 26]
    marks = [{"start_s": 2.0, "end_s": 4.0, "effect": 0.8}]
    part = {"effects": effects, "marks": marks, "sentence": "0:02 to 0:04: without it, the answer would be lower."}
    lane = {
        **{"name": "AU12", "label": "AU12", "unit": "of 5", "channels": ["AU12_r"], "kind": "action unit"},
        **{"contribution": 0.4, "mean": gap, "low": gap, "high": [None if v is None else v + 0.5 for v in gap], **part},
    }
    return {
        **{"view": "video", "start_s": 0.0, "end_s": 60.0, "step_s": 0.1, "valid_share": 0.67, "frame_rate_hz": 30.0},
        "time_s": [0.1 * number for number in range(n_points)],
        "valid": [0.0 if value is None else 1.0 for value in gap],
        **{"window_s": 2.0, "windows": [[2.0 * k, 2.0 * k + 2] for k in range(30)], "method": "Windows are hidden."},
        **{"whole": part, "lanes": [lane] * n_lanes},
    }


def make_recording(data_id: str = "001", **changes: Any) -> dict[str, Any]:
    return {
        **{"data_id": data_id, "status": "Depression", "probability": 0.82, "threshold": 0.4, "target": "Depression"},
        **{"log_odds": 1.5, "base": -0.5, "adjustments": {"limits": 0.1}, "by_view": {"video": 1.4, "audio": 0.5}},
        "by_family": {"au_activation": {"value": 1.4, "error": 0.2}, "audio_vector": {"value": 0.5, "error": 0.0}},
        "by_channel": {"video AU12_r": 1.4, "audio": 0.5},
        "features": [{"name": "video__AU12_r__mean", "value": 0.2, "contribution": 1.4, "percentile": "below 10%"}],
        **{"rest": 0.5, "sentences": ["Smiles less often than usual."], "strip": make_strip()},
        **changes,
    }


def make_explanation(*recordings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "schema": "pdmr-classic/explanation/1",
        **{
            "positive": "Depression",
            "classes": ["Depression", "Normal"],
            "unit": "log-odds",
            "method": ["svm: sampled."],
            "synthetic": False,
        },
        "method": ["Contributions add up to the log-odds.", "svm: sampled."],
        "stability": {"seeds": 5, "rank_correlation": 0.98, "max_sd": 0.02},
        **{"model": {"sha256": "ab"}, "recordings": list(recordings) or [make_recording()]},
        **{"n_recordings": len(recordings) or 1, "n_on_page": len(recordings) or 1, **changes},
    }


def plant(value: Any) -> Any:
    """Return the same structure with a script in front of every text, keys of contributions included."""
    if isinstance(value, dict):
        return {key: plant(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plant(part) for part in value]
    return SCRIPT + value if isinstance(value, str) else value


class Elements(HTMLParser):
    """Collects tags, ids and references."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("aria-labelledby", "href"):
                self.references += (value or "").removeprefix("#").split()


def test_text_of_files_stays_text() -> None:
    explanation = plant(make_explanation())
    (recording,) = explanation["recordings"]
    for name in ("by_view", "by_channel", "by_family", "adjustments"):
        recording[name] = {SCRIPT + key: part for key, part in recording[name].items()}
    html = render_explanation(explanation)
    assert "<script" not in html
    assert "script" not in Elements(html).tags
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 20


def test_control_characters_of_ids_are_escaped() -> None:
    html = render_explanation(make_explanation(make_recording("a\x1b[31m\u202eb")))
    assert r"a\x1b[31m\u202eb" in html
    assert "\u202e" not in html


def test_ids_of_elements_are_unique_and_referenced_ones_exist() -> None:
    html = render_explanation(make_explanation(*(make_recording(name) for name in ("a b", "a-b", "<", "é"))))
    elements = Elements(html)
    assert len(set(elements.ids)) == len(elements.ids) > 10
    assert set(elements.references) <= set(elements.ids)


def test_nothing_is_loaded_and_the_page_says_that_it_is_personal() -> None:
    html = render_explanation(make_explanation())
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?\s*(?:https?:|//|data:)", html) == []
    assert "Personal data." in html
    assert "not a diagnosis" in html


def test_the_same_explanation_gives_the_same_bytes_and_is_not_changed() -> None:
    explanation = make_explanation()
    before = copy.deepcopy(explanation)
    assert render_explanation(explanation) == render_explanation(explanation)
    assert explanation == before


def test_twenty_recordings_stay_below_three_megabytes() -> None:
    html = render_explanation(make_explanation(*(make_recording(f"{k:03d}") for k in range(20))))
    assert len(html.encode()) < 3_000_000


def test_the_page_says_how_many_recordings_it_leaves_out() -> None:
    recordings = [make_recording(name) for name in "abc"]
    html = render_explanation(make_explanation(*recordings, n_on_page=2, n_recordings=30))
    assert "the first 2 of 30 recordings" in html
    assert '<h2 id="recording-3' not in html


def test_recordings_without_usable_data_are_named_and_cannot_be_chosen() -> None:
    html = render_explanation(make_explanation(make_recording(), n_recordings=3, skipped=["004", "<i>5"]))
    assert "Left out, because they have no data that the model can use: 004, &lt;i&gt;5." in html
    assert "--id" not in html


def test_what_contributes_nothing_has_no_bar() -> None:
    families = {"spectral": {"value": 0.3, "error": 0.0}, "eyes": {"value": 0.0, "error": 0.0}}
    html = render_explanation(
        make_explanation(make_recording(by_family=families, by_view={"video": 0.3, "audio": 0.0}))
    )
    assert "spectral" in html
    assert ">eyes<" not in html
    assert "By modality" not in html


def test_a_recording_without_strip_says_why() -> None:
    html = render_explanation(make_explanation(make_recording(strip={"reason": "it comes from audio"})))
    assert "No strip chart: it comes from audio." in html


def test_a_score_has_no_probability() -> None:
    recording = make_recording(status="", probability=None, threshold=None, target="score")
    html = render_explanation(
        make_explanation(recording, positive=None, classes=[], unit="points of the score", stability=None)
    )
    assert "Probability" not in html
    assert "raises the score" in html


# --------------------------------------------------------------------------------------------- in Chromium


@needs_chromium
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_browser_finds_no_fault(tmp_path: Path, scheme: str, width: int) -> None:
    recordings = [make_recording(), make_recording("x" * 200), make_recording("no video", strip={"reason": "audio"})]
    page = render_explanation(make_explanation(*recordings))
    result = inspect_page(page, tmp_path, scheme=scheme, width=width)
    assert result["violations"] == []
    assert (result["width"], result["overflow"], result["wide"]) == (width, 0, [])


# ------------------------------------------------------------------------------------------------ geometry


def test_each_step_starts_where_the_last_one_ended() -> None:
    fall = plan_waterfall(-1.0, [("a", 0.5, 0.0), ("b", 2.0, 0.3), ("c", -1.0, 0.0)], threshold=0.5)
    b, c, a = fall["bars"]
    assert [bar["label"] for bar in fall["bars"]] == ["b", "c", "a"]
    assert b["x"] + b["width"] == pytest.approx(c["x"] + c["width"])
    assert c["x"] == pytest.approx(a["x"], abs=0.02)
    assert fall["answer"]["value"] == pytest.approx(0.5)
    assert fall["limit"] == fall["zero"]
    assert all(0 <= bar["x"] <= bar["x"] + bar["width"] <= 200 for bar in fall["bars"])


def test_small_steps_are_joined() -> None:
    fall = plan_waterfall(0.0, [(f"{k}", 1.0, 0.3) for k in range(16)])
    assert len(fall["bars"]) == 12
    assert fall["bars"][-1]["label"] == "5 others"
    assert fall["bars"][-1]["error"] == pytest.approx(0.3 * 5**0.5)


def test_contributions_of_zero_can_be_drawn() -> None:
    assert plan_waterfall(0.0, [])["bars"] == []
    assert plan_bars([("a", 0.0, 0.0)])[0]["width"] > 0


def test_gaps_interrupt_the_line_and_marks_cover_their_seconds() -> None:
    plan = plan_strip(make_strip(n_points=60, n_lanes=1))
    (lane,) = plan["lanes"]
    assert lane["line"].count("M") == 2
    assert lane["band"].count("Z") == 2
    assert plan["invalid"] == [(333.3, 333.3)]
    assert lane["marked"] == [{"x": 33.3, "width": 33.4, "up": True}]
    assert [tick["label"] for tick in plan["ticks"]] == ["0:00", "0:10", "0:20", "0:30", "0:40", "0:50", "1:00"]


def test_a_lane_without_values_is_empty() -> None:
    strip = make_strip(n_points=60, n_lanes=1)
    strip["lanes"][0] |= {name: [None] * 60 for name in ("mean", "low", "high")}
    assert plan_strip(strip)["lanes"][0]["line"] == ""


# ------------------------------------------------------------------------------------------------- target


def test_a_page_has_the_suffix_of_one(tmp_path: Path) -> None:
    check_page(tmp_path / "mine.html")
    with pytest.raises(ConfigError, match=r"does not end in \.html or \.htm"):
        check_page(tmp_path / "mine.pdf")


def test_a_page_without_jinja2_says_which_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'pdmr-classic\[report\]'"):
        check_page(tmp_path / "mine.html")
