"""Settings as options of the verbs: each is defined once, for Typer and the library alike."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from program import invoke
from typer.main import get_command

from pdmr_classic.cli._options import EVALUATION_SETTINGS, FIT_SETTINGS, SETTINGS, Jobs, with_settings
from pdmr_classic.cli.app import app
from pdmr_classic.config import Settings

VERBS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def list_options(verb: str) -> list[str]:
    """Return the long names of a verb's options, in the order of its help."""
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    return [name for option in command.params for name in option.opts if name.startswith("--")]


def read_default(setting: str) -> Any:
    section, name = setting.split(".")
    return getattr(getattr(Settings(), section), name)


# ------------------------------------------------------------------------------------------------ the table


@pytest.mark.parametrize("setting", SETTINGS)
def test_each_option_is_a_setting_and_shows_its_default(setting: str) -> None:
    default, (_, option) = read_default(setting), get_args(SETTINGS[setting])
    if isinstance(default, int | float | str) and not isinstance(default, bool):
        shown = f"{default:g}" if isinstance(default, float) else str(default)
        assert f"(default: {shown})" in option.help


def test_no_two_settings_have_the_same_option() -> None:
    assert len({setting.split(".")[1] for setting in SETTINGS}) == len(SETTINGS)


# ------------------------------------------------------------------------------------------------ the verbs


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_lists_each_option_once(verb: str, tmp_path: Path) -> None:
    names = re.findall(r"^│ (--[a-z-]+)", invoke(verb, "--help", cwd=tmp_path).stdout, re.MULTILINE)
    assert names == [*list_options(verb), "--help"]
    assert len(set(names)) == len(names)


def test_help_lists_options_of_the_verb_then_settings_then_common_options() -> None:
    own, settings = ["--labels", "--out"], ["--layout", "--video-pattern", "--audio-pattern", "--tracker", "--face"]
    settings += ["--id-column", "--label-column", "--map", "--cutoff", "--groups", "--positive", "--fps"]
    settings += ["--trials", "--timeout", "--seed", "--metric", "--threshold", "--no-training-rows", "--config"]
    assert list_options("fit") == [*own, *settings, "--jobs", "--no-cache", "--json", "--debug"]


def test_evaluate_accepts_every_option_of_fit() -> None:
    assert set(list_options("fit")) < set(list_options("evaluate"))


# -------------------------------------------------------------------------------------------- with_settings


@pytest.fixture
def arguments() -> list[Any]:
    return []


@pytest.fixture
def verb(arguments: list[Any]) -> Any:
    @with_settings(*EVALUATION_SETTINGS, *FIT_SETTINGS)
    def verb(data: str = "", *, settings: Settings, jobs: Jobs = None) -> None:
        arguments.extend([data, settings, jobs])

    return verb


def test_a_verb_can_be_called_with_its_options_as_keywords(verb: Any, arguments: list[Any]) -> None:
    verb("here", trials=3, by=["site"], training_rows=False, jobs=2)
    expected = {"learning.trials": 3, "evaluation.by": ("site",), "learning.training_rows": False}
    assert arguments == ["here", Settings().override(expected), 2]


def test_options_that_are_not_given_come_from_the_settings_file(
    verb: Any, arguments: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text("[learning]\ntrials = 4\nseed = 1\n[evaluation]\nstress = false\n")
    verb(config=tmp_path / "mine.toml", seed=2)
    expected = {"learning.trials": 4, "learning.seed": 2, "evaluation.stress": False}
    assert arguments[1] == Settings().override(expected)


def test_an_unknown_option_is_refused(verb: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'trails'"):
        verb(trails=3)
