"""Pages of docs/: the Python in recipes runs, commands exist, settings are those of the package."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
from own_code import own_modules
from program import invoke

from pdmr_classic import Settings, make_synthetic

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = [
    DOCS / f"{name}.md" for name in ("index", "report", "explanations", "submission", "cluster", "studies", "urls")
]
RECIPES = [*sorted((DOCS / "recipes").glob("*.md")), DOCS / "extending.md"]


def read_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


WITH_PYTHON = [page for page in RECIPES if read_blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_the_python_of_a_recipe_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_synthetic(tmp_path / "DATA", subjects=24, segments=1, seconds=(2, 3), seed=1)
    monkeypatch.chdir(tmp_path)
    variables: dict[str, object] = {}
    with own_modules(tmp_path):
        monkeypatch.syspath_prepend(tmp_path)
        for block in read_blocks(page, "python"):
            if file := re.match(r"# (\w+\.py)\n", block):
                (tmp_path / file[1]).write_text(block, encoding="utf-8")
            else:
                exec(compile(block, page.name, "exec"), variables)  # noqa: S102 (our own pages)
    if page.stem == "third_modality":
        assert "text" in invoke("check", "DATA", cwd=tmp_path).stdout


@pytest.mark.parametrize("page", [*RECIPES, *GUIDES], ids=lambda page: page.stem)
def test_the_options_on_a_page_exist(page: Path, tmp_path: Path) -> None:
    blocks = [block for language in ("console", "bash", "powershell") for block in read_blocks(page, language)]
    for line in re.findall(r"pdmr-classic (\w.*)$", "\n".join(blocks), re.MULTILINE):
        verb, *words = shlex.split(line)
        shown = invoke(verb, "--help", cwd=tmp_path).stdout
        assert all(word.split("=")[0] in shown for word in words if word.startswith("--")), line


def test_the_settings_page_is_up_to_date() -> None:
    reference = runpy.run_path(str(DOCS / "settings_reference.py"))
    expected = reference["settings_page"]()
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == expected, "run: python docs/settings_reference.py"


def test_the_example_on_the_settings_page_can_be_loaded(tmp_path: Path) -> None:
    (example,) = read_blocks(DOCS / "settings.md", "toml")
    (tmp_path / "settings.toml").write_text(example, encoding="utf-8")
    settings = Settings.load(tmp_path / "settings.toml")
    assert (settings.learning.trials, settings.learning.learners) == (40, ("svm", "linear"))
