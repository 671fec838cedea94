from __future__ import annotations

import builtins
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browser import inspect_page, needs_chromium
from sample_report import LONG, RTL, replace_text, sample_report

from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.reporting.page import _svg, render
from pdmr_classic.reporting.page.render import render_page, write_page
from pdmr_classic.reporting.page.report_page import render_report

_SCRIPT = "<script>alert('$x$')</script>"
_MAX_BYTES = 500_000


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(sample_report())


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without plots, which take most of the time."""
    monkeypatch.setattr(_svg, "draw_svg", lambda draw, name, title, description, **options: f"{title}: {description}")


def read_ids(page: str) -> list[str]:
    return re.findall(r' id="([^"]*)"', page)


# ------------------------------------------------------------------------------------------------ in Chromium


@needs_chromium
@pytest.mark.parametrize(
    ("scheme", "width", "background"), [("light", 1280, "255, 255, 255"), ("dark", 390, "18, 22, 26")]
)
def test_a_browser_finds_no_fault(page: str, tmp_path: Path, scheme: str, width: int, background: str) -> None:
    result = inspect_page(page, tmp_path, scheme=scheme, width=width)
    assert result["violations"] == []
    assert (result["width"], result["overflow"], result["wide"]) == (width, 0, [])
    assert result["background"] == f"rgb({background})"


@needs_chromium
def test_the_browser_would_find_faults(tmp_path: Path) -> None:
    page = render_page("base.html.j2", {"title": "Faults"}).replace(
        "</main>", '<div style="width: 500px; color: #aaa; background: #fff">pale and wide</div></main>'
    )
    result = inspect_page(page, tmp_path, scheme="light", width=390)
    assert "color-contrast" in {name for _, name, _ in result["violations"]}
    assert result["overflow"] > 0
    assert len(result["wide"]) == 1


# ------------------------------------------------------------------------------------------------- self-contained


def test_the_page_is_small_and_loads_nothing(page: str) -> None:
    assert len(page.encode()) < _MAX_BYTES
    assert not re.search(r"<(script|link|img|iframe|object|embed)\b|@import|url\((?!#)", page)
    assert {link[0] for link in re.findall(r'href="([^"]*)"', page)} == {"#"}
    assert "default-src 'none'" in page


def test_ids_are_unique_and_all_references_have_a_target(page: str) -> None:
    ids = read_ids(page)
    assert len(ids) == len(set(ids))
    references = (
        re.findall(r'(?:href="#|url\(#)([\w-]+)', page) + " ".join(re.findall(r'labelledby="([^"]+)"', page)).split()
    )
    assert set(references) <= set(ids)
    assert len(references) > 50


def test_headings_have_an_order(page: str) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_same_report_gives_the_same_bytes(page: str) -> None:
    code = "import sys; from sample_report import sample_report; from pdmr_classic.reporting.page.report_page import "
    code += "render_report; sys.stdout.buffer.write(render_report(sample_report()).encode())"
    paths = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "7"}
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment).stdout
    assert output.decode() == page


# ---------------------------------------------------------------------------------------------------- text of users


def test_a_script_in_any_text_stays_text() -> None:
    planted = replace_text(sample_report(), lambda text: f"{text} {_SCRIPT}")
    page = render_report(planted)
    assert "<script" not in page
    assert "<SCRIPT" not in page.upper().replace("&LT;SCRIPT", "")
    assert page.count("&lt;script") > 150


@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize(
    "text", ["", "$x^2$ \\frac{", "\x00\x1b[31m\u202e", "\u6f22\u5b57 \U0001f600", '"><b onload="x">', LONG]
)
def test_any_text_can_be_shown(text: str) -> None:
    page = render_report(replace_text(sample_report(), lambda _: text))
    assert page.endswith("</html>\n")
    assert "<b onload" not in page
    assert all(character.isprintable() or character == "\n" for character in page)


def test_text_from_right_to_left_does_not_reorder_its_surroundings(page: str) -> None:
    assert f"<bdi>{RTL}</bdi><span" in page


def test_an_empty_group_has_a_name(page: str) -> None:
    assert "<bdi>(empty)</bdi>" in page


# -------------------------------------------------------------------------------------------------------- sections


def section_ids(page: str) -> set[str]:
    return set(re.findall(r'<section id="([\w]+)"', page))


def test_every_section_is_shown_and_in_the_contents(page: str) -> None:
    sections = section_ids(page)
    assert len(sections) == 23
    assert re.findall(r'<li><a href="#(\w+)"', page) == re.findall(r'<section id="([\w]+)"', page)


@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize("key", sorted(set(sample_report()) - {"schema", "version", "title", "synthetic", "summary"}))
def test_each_section_can_be_absent_or_alone(key: str) -> None:
    report = sample_report()
    value = report.pop(key)
    without = section_ids(render_report(report))
    alone = section_ids(render_report({"title": "One", key: value}))
    assert 21 <= len(without) <= 23
    assert len(alone) <= 1


@pytest.mark.usefixtures("no_plots")
def test_a_report_of_nothing_is_a_page() -> None:
    page = render_report({"title": "Nothing"})
    assert section_ids(page) == set()
    assert "<nav" not in page
    assert "Synthetic recordings" not in page


def test_what_is_missing_is_listed_with_commands(page: str) -> None:
    assert "There is no audit." in page
    assert "<code>pdmr-classic audit DATA --out audit.json</code>" in page


def test_a_warning_is_not_repeated_as_a_conclusion(page: str) -> None:
    assert page.count("F1 cannot be distinguished from the floor.") == 1
    assert "Nothing to repair." in page


@pytest.mark.usefixtures("no_plots")
def test_several_classes_need_no_positive_class() -> None:
    report = sample_report()
    names = ["a", "b", "<c>"]
    report["positive"] = None
    report["confusion"] = {
        "classes": names,
        "counts": [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]],
        "shares": [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [None, None, None]],
        "sensitivity": None,
        "specificity": None,
    }
    for key in ("roc", "precision_recall", "threshold", "net_benefit"):
        del report[key]
    page = render_report(report)
    assert "predicted &lt;c&gt;" in page
    assert "Sensitivity -" not in page
    assert {"curves", "threshold"}.isdisjoint(section_ids(page))


# ------------------------------------------------------------------------------------------------------- bad places


@pytest.mark.parametrize(
    ("module", "library"), [("jinja2", "Jinja2"), ("markupsafe", "Jinja2"), ("matplotlib", "matplotlib")]
)
def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, module: str, library: str) -> None:
    real_import = builtins.__import__

    def fail(name: str, *args: Any, **options: Any) -> Any:
        if name.split(".")[0] == module:
            raise ImportError(name)
        return real_import(name, *args, **options)

    render._environment.cache_clear()
    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(ConfigError, match=f"a page needs {library}, which is not installed") as raised:
        render_report(sample_report())
    assert "pip install 'pdmr-classic[report]'" in str(raised.value)


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    path = write_page("<p>\u00e9</p>", tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8") == "<p>\u00e9</p>"
    with pytest.raises(TargetError, match="the output path is a folder"):
        write_page("", tmp_path)


def test_the_sample_is_json() -> None:
    assert json.loads(json.dumps(sample_report(), allow_nan=False)) == sample_report()
