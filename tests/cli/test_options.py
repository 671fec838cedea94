"""Settings as options of the verbs: each stands once in a table, and Typer and the library see the same."""

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


def options_of(verb: str) -> list[str]:
    """Return the long names of a verb's options, in the order of its help."""
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    return [name for option in command.params for name in option.opts if name.startswith("--")]


def default_of(setting: str) -> Any:
    section, name = setting.split(".")
    return getattr(getattr(Settings(), section), name)


# ------------------------------------------------------------------------------------------------ the table


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_option_of_the_table_is_a_setting_and_tells_its_default(setting: str) -> None:
    default, (_, option) = default_of(setting), get_args(SETTINGS[setting])
    if isinstance(default, int | float | str) and not isinstance(default, bool):
        assert option.help.endswith(f"(default: {default:g})." if isinstance(default, float) else f"(default: {default}).")


def test_no_two_settings_have_the_same_option() -> None:
    assert len({setting.split(".")[1] for setting in SETTINGS}) == len(SETTINGS)


# ------------------------------------------------------------------------------------------------ the verbs


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_lists_each_option_once(verb: str, tmp_path: Path) -> None:
    listed = re.findall(r"^│ (--[a-z-]+)", invoke(verb, "--help", cwd=tmp_path).stdout, re.MULTILINE)
    assert listed == [*options_of(verb), "--help"]
    assert len(set(listed)) == len(listed)


def test_a_verb_lists_its_own_options_then_settings_then_what_all_verbs_have() -> None:
    own, settings = ["--labels", "--out"], ["--groups", "--positive", "--fps", "--trials", "--timeout", "--seed"]
    settings += ["--metric", "--threshold", "--no-training-rows", "--config"]
    assert options_of("fit") == [*own, *settings, "--jobs", "--no-cache", "--json", "--debug"]


def test_evaluate_takes_every_setting_that_fit_takes() -> None:
    assert set(options_of("fit")) < set(options_of("evaluate"))


# -------------------------------------------------------------------------------------------- with_settings


@pytest.fixture
def received() -> list[Any]:
    return []


@pytest.fixture
def verb(received: list[Any]) -> Any:
    @with_settings(*EVALUATION_SETTINGS, *FIT_SETTINGS)
    def verb(data: str = "", *, settings: Settings, jobs: Jobs = None) -> None:
        received.extend([data, settings, jobs])

    return verb


def test_a_verb_is_a_function_with_its_options_as_keywords(verb: Any, received: list[Any]) -> None:
    verb("here", trials=3, by=["site"], training_rows=False, jobs=2)
    expected = {"learning.trials": 3, "evaluation.by": ("site",), "learning.training_rows": False}
    assert received == ["here", Settings().override(expected), 2]


def test_what_is_not_given_is_left_as_the_file_has_it(verb: Any, received: list[Any], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[learning]\ntrials = 4\nseed = 1\n[evaluation]\nstress = false\n")
    verb(config=tmp_path / "mine.toml", seed=2)
    expected = {"learning.trials": 4, "learning.seed": 2, "evaluation.stress": False}
    assert received[1] == Settings().override(expected)


def test_an_option_that_a_verb_does_not_have_is_refused(verb: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'trails'"):
        verb(trails=3)
