"""Settings as options of the verbs: each is defined once, for Typer and the library alike."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from program import invoke
from typer.main import get_command

from pdmr_classic.cli._options import EVALUATION_SETTINGS, FIT_SETTINGS, SETTINGS, Jobs
from pdmr_classic.cli._with_settings import with_changes, with_settings
from pdmr_classic.cli.app import app
from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError

VERBS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def list_options(verb: str) -> list[str]:
    """Return the first name of each of a verb's options, in the order of its help."""
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    return [option.opts[0] for option in command.params if option.opts[0].startswith("--")]


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
    # A required option has a star.
    names = re.findall(r"^│ (?:[* ] {2})?(--[a-z-]+)", invoke(verb, "--help", cwd=tmp_path).stdout, re.MULTILINE)
    assert [name for name in names if name != "--help"] == list_options(verb)
    assert len(set(names)) == len(names) == len(list_options(verb)) + 1


def test_help_groups_the_options_of_a_verb_in_panels(tmp_path: Path) -> None:
    text = invoke("evaluate", "--help", cwd=tmp_path).stdout
    panels = {part.split(" ")[0]: re.findall(r"^│ --([a-z-]+)", part, re.MULTILINE) for part in text.split("╭─ ")}
    files = ["layout", "video-pattern", "audio-pattern", "tracker", "face", "fps", "view"]
    labels = ["labels", "id-column", "label-column", "map", "cutoff", "groups", "positive"]
    labels += ["covariates", "events", "baseline"]
    assert list(panels)[1:] == [
        *("Arguments", "Options", "Files", "Labels", "Severity", "Learning", "Evaluation", "General")
    ]
    assert (panels["Options"], panels["Files"], panels["Labels"]) == (["out", "report", "help"], files, labels)
    assert panels["Severity"] == ["target", "score-column", "scale", "level"]
    assert panels["Evaluation"] == [
        "fold",
        "join",
        "folds",
        "repeats",
        "by",
        "prevalence",
        "leave",
        "no-stress",
        "confounds",
        "nuisance",
        "estimator",
    ]
    general = ["plugin", "config", "jobs", "backend", "scheduler", "no-cache", "json", "debug", "quiet", "verbose"]
    assert panels["General"] == general


def test_evaluate_accepts_every_option_of_fit_but_those_of_shared_studies() -> None:
    assert set(list_options("fit")) - {"--storage", "--study", "--tune-only"} < set(list_options("evaluate"))


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


def test_a_verb_with_changes_gets_only_the_options_that_are_given(arguments: list[Any]) -> None:
    @with_changes("data.layout", "reading.fps")
    def verb(*, changes: dict[str, Any], jobs: Jobs = None) -> None:
        arguments.extend([changes, jobs])

    verb(fps=25.0, jobs=2)
    assert arguments == [{"reading.fps": 25.0}, 2]
    with pytest.raises(ConfigError, match=r"data\.layout is not valid[^\0]*'woz'"):
        verb(layout="woz")


@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_options_for_files_default_to_the_settings_of_training(verb: str, tmp_path: Path) -> None:
    text = " ".join(invoke(verb, "--help", cwd=tmp_path).stdout.replace("│", " ").split())
    for name in ("--layout", "--video-pattern", "--audio-pattern", "--tracker", "--face", "--fps", "--id-column"):
        option = re.split(rf"{name} [A-Z]+ ", text)[1].partition(" --")[0]
        assert "(default: as in training)" in option, name
        assert option.count("default") == 1
