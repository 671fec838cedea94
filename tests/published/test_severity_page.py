"""docs/severity.md: its commands run, and results, scales and settings are those of the package."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from program import TINY, invoke

from pdmr_classic import Settings
from pdmr_classic.io.labels.scales import SCALES, Scale, choose_scale

PAGE = (Path(__file__).parents[2] / "docs" / "severity.md").read_text(encoding="utf-8")
QUICK = TINY + '[severity]\nlearners = ["ridge"]\n[evaluation]\nfolds = 3\nstress = false\n'


def read_commands() -> list[list[str]]:
    """Return the commands of the page, without the name of the program."""
    return [shlex.split(line) for line in re.findall(r"^\$ pdmr-classic (.*)$", PAGE, re.MULTILINE)]


def read_results() -> list[list[dict[str, object]]]:
    """Return the lines of results that the page shows after each `grep`."""
    blocks = re.findall(r"^\$ grep .*\n((?:\{.*\n)+)", PAGE, re.MULTILINE)
    return [[json.loads(line) for line in block.splitlines()] for block in blocks]


def describe_scale(scale: Scale) -> str:
    lowest = zip(scale.class_names, (scale.low, *scale.cutoffs), strict=True)
    classes = ", ".join(f"{name} {score:g}" for name, score in lowest)
    return f"| `{scale.name}` | {scale.low:g} to {scale.high:g} | {classes} | {scale.clinical_cutoff:g} |"


def test_the_page_lists_all_scales() -> None:
    shown = re.findall(r"^\| `\w+` \| .*$", PAGE, re.MULTILINE)
    assert shown == [describe_scale(scale) for scale in SCALES.values()]


def test_the_settings_of_the_page_replace_the_cutoffs_of_a_scale(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "settings.toml").write_text(example, encoding="utf-8")
    scale, _ = choose_scale(Settings.load(tmp_path / "settings.toml"), "HAMD", [0, 30])
    assert (scale.name, scale.cutoffs, scale.clinical_cutoff) == ("hamd17", (8.0, 17.0, 24.0), 8.0)
    assert scale.class_names == ("none", "mild", "moderate", "severe")


@pytest.mark.slow
def test_the_commands_of_the_page_run_and_write_the_results_that_it_shows(tmp_path: Path) -> None:
    (tmp_path / "quick.toml").write_text(QUICK, encoding="utf-8")
    for verb, *arguments in read_commands():
        options = ["--config", "quick.toml"] if verb in ("fit", "evaluate") else []
        result = invoke(verb, *arguments, *options, cwd=tmp_path)
        assert result.exit_code == 0, f"{verb}: {result.output}"
    assert (tmp_path / "evaluation.json").is_file()
    for name, shown in zip(("severity.jsonl", "both.jsonl"), read_results(), strict=True):
        lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        written = {row["data_id"]: row for row in map(json.loads, lines)}
        assert [list(row) for row in shown] == [list(written[row["data_id"]]) for row in shown]
