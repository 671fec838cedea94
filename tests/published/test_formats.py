"""Each data set that docs/formats.md names, in its published form, through the commands that the page shows."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from program import TINY, invoke
from sets import make_daic_woz, make_e_daic, make_mpdd_young, make_opensmile, make_pyfeat

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
SETS: dict[str, Callable[[Path], Path]] = {
    "DAIC-WOZ": make_daic_woz,
    "E-DAIC": make_e_daic,
    "MPDD-AVG2026": make_mpdd_young,
    "PYFEAT": make_pyfeat,
    "OPENSMILE": make_opensmile,
}
VERBS = ["check", "evaluate", "fit", "predict", "score"]


def read_commands(folder: str) -> list[list[str]]:
    """Return the commands of the page that name a data folder, without the name of the program."""
    lines = re.findall(r"^\$ pdmr-classic (.*?)(?:\s+#.*)?$", PAGE.read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines if re.search(rf"(^| ){re.escape(folder)}(/| |$)", line)]


@pytest.mark.parametrize("name", SETS)
def test_the_page_shows_one_command_per_step(name: str) -> None:
    assert [command[0] for command in read_commands(name)] == VERBS


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), SETS.items(), ids=SETS)
def test_a_published_layout_is_used_with_one_command_per_step(
    name: str, make: Callable[[Path], Path], tmp_path: Path
) -> None:
    make(tmp_path / name)
    (tmp_path / "quick.toml").write_text(TINY + "[evaluation]\nfolds = 2\nrepeats = 1\nstress = false\n")
    outputs = {}
    for verb, *arguments in read_commands(name):
        options = ["--config", "quick.toml"] if verb in ("fit", "evaluate") else []
        result = invoke(verb, *arguments, *options, "--json", cwd=tmp_path)
        assert result.exit_code == 0, f"{verb}: {result.output}"
        outputs[verb] = json.loads(result.stdout)
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    # The planted effect is strong: chance means that files, labels or names were not understood.
    assert outputs["score"]["f1"] > 0.8
    assert {row["status"] for row in results} == {"Depression", "Normal"}


@pytest.mark.slow
def test_events_of_mpdd_become_one_row_per_person(tmp_path: Path) -> None:
    make_mpdd_young(tmp_path / "MPDD")
    (tmp_path / "quick.toml").write_text(TINY)
    train, test = (tmp_path / f"MPDD/MPDD-AVG2026-{name}/Young" for name in ("trainval", "test"))
    result = invoke("fit", train, "--events", "event", "--config", "quick.toml", "--out", "m.joblib", cwd=tmp_path)
    assert result.exit_code == 0, result.output
    result = invoke("predict", test, "--model", "m.joblib", "--out", "r.jsonl", cwd=tmp_path)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [row["data_id"] for row in rows] == [str(number) for number in range(17, 23)]
    assert [row["status"] for row in rows] == ["Normal", "Depression"] * 3
