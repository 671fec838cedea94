from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError


def write_settings(folder: Path, text: str, name: str = "settings.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_toml_file_overrides_only_what_it_names(tmp_path: Path) -> None:
    path = write_settings(
        tmp_path,
        '[data]\npositive = "Réaction"\n[reading]\nfps = 25\n[learning]\nlearners = ["svm"]\ntimeout = 1.5\n',
    )
    settings = Settings.load(str(path))
    assert settings.data.positive == "Réaction"
    assert settings.reading.fps == 25.0
    assert settings.learning.learners == ("svm",)
    assert settings.learning.timeout == 1.5
    assert settings.reading.min_confidence == Settings().reading.min_confidence
    assert settings.learning.folds == Settings().learning.folds


@pytest.mark.parametrize("name", ["DAIC-WOZ", "daic_woz"])
def test_the_case_of_a_layout_does_not_matter(name: str) -> None:
    assert Settings().override({"data.layout": name}).data.layout == "daic-woz"


@pytest.mark.parametrize(
    ("target", "learns_status", "learns_score"),
    [("status", True, False), (" Both ", True, True), ("severity", False, True), ("Status", True, False)],
)
def test_the_target_tells_which_labels_are_learned(target: str, learns_status: bool, learns_score: bool) -> None:
    data = Settings().override({"data.target": target}).data
    assert (data.learns_status, data.learns_score) == (learns_status, learns_score)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert Settings.load(write_settings(tmp_path, "")) == Settings()


def test_settings_are_read_from_the_manifest_of_a_fit(tmp_path: Path) -> None:
    settings = Settings().override({"learning.seed": 7, "data.classes": ("PD", "Control")})
    manifest = {"schema": 1, "settings": settings.model_dump(mode="json")}
    assert Settings.load(write_settings(tmp_path, json.dumps(manifest), "model.json")) == settings


@pytest.mark.parametrize(("fps", "expected"), [(30.0, None), (25.0, 25.0)])
def test_the_frame_rate_that_older_models_assume_does_not_replace_timestamps(
    tmp_path: Path, fps: float, expected: float | None
) -> None:
    reading = {"fps": fps, "min_confidence": 0.8, "frozen_s": 1.0, "landmarks": True}
    manifest = write_settings(tmp_path, json.dumps({"settings": {"reading": reading}}), "model.json")
    settings = Settings.load(manifest).reading
    assert (settings.fps, settings.min_confidence) == (expected, 0.8)
    assert Settings.from_manifest(Settings().override({"reading.fps": fps}).model_dump()).reading.fps == fps


def test_a_manifest_without_a_newer_section_still_loads(tmp_path: Path) -> None:
    settings = Settings().override({"learning.seed": 7})
    manifest = {"settings": settings.model_dump(mode="json", exclude={"evaluation"})}
    assert Settings.load(write_settings(tmp_path, json.dumps(manifest), "model.json")) == settings


def test_every_setting_has_a_description() -> None:
    sections = [type(getattr(Settings(), name)) for name in Settings.model_fields]
    fields = {(section, name): field for section in sections for name, field in section.model_fields.items()}
    assert [key for key, field in fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("[learning]\ntrails = 3\n", "learning.trails", "3"),
        ("[learnin]\ntrials = 3\n", "learnin", "{'trials': 3}"),
        ("fps = 25\n", "fps", "25"),
        ('[learning]\ntrials = "many"\n', "learning.trials", "'many'"),
        ("[learning]\ntrials = 0\n", "learning.trials", "0"),
        ("[learning]\ntrials = 2.5\n", "learning.trials", "2.5"),
        ("[learning]\nlearners = []\n", "learning.learners", "[]"),
        ("[learning]\nfolds = 1\n", "learning.folds", "1"),
        ("[learning]\nseed = -1\n", "learning.seed", "-1"),
        ("[learning]\nseed = 4294967296\n", "learning.seed", "4294967296"),
        ("[evaluation]\nfolds = 1\n", "evaluation.folds", "1"),
        ("[evaluation]\nrepeats = 0\n", "evaluation.repeats", "0"),
        ('[evaluation]\nby = "gender"\n', "evaluation.by", "'gender'"),
        ("[reading]\nfps = 0\n", "reading.fps", "0"),
        ("[reading]\nmin_confidence = 70\n", "reading.min_confidence", "70"),
        ("learning = 3\n", "learning", "3"),
    ],
)
def test_an_invalid_setting_is_reported_with_its_value(tmp_path: Path, text: str, name: str, found: str) -> None:
    path = write_settings(tmp_path, text)
    with pytest.raises(ConfigError, match="setting") as raised:
        Settings.load(path)
    finding = raised.value.finding
    assert finding.file == path
    assert name in (finding.found, finding.what.removeprefix("the setting ").removesuffix(" is not valid"))
    assert finding.found in (found, name)
    assert finding.expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "fps = = 3"),
        ("a.toml", "just prose\n"),
        ("a.json", "{"),
        ("a.json", "{}"),
        ("a.json", "[1, 2]"),
        ("a.json", "3"),
    ],
)
def test_a_file_that_is_not_a_settings_file_is_refused(tmp_path: Path, name: str, text: str) -> None:
    path = write_settings(tmp_path, text, name)
    with pytest.raises(ConfigError, match="cannot be parsed") as raised:
        Settings.load(path)
    assert raised.value.finding.file == path
    assert "TOML" in str(raised.value.finding.expected)


def test_a_manifest_whose_settings_are_not_an_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not valid"):
        Settings.load(write_settings(tmp_path, '{"settings": null}', "a.json"))


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b'[data]\npositive = "R\xe9action"\n')
    with pytest.raises(ConfigError, match="cannot be parsed"):
        Settings.load(path)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbf[reading]\nfps = 25\n")
    assert Settings.load(path).reading.fps == 25.0


@pytest.mark.parametrize("name", ["missing.toml", "missing.json", "."])
def test_a_settings_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as raised:
        Settings.load(tmp_path / name)
    assert raised.value.finding.found
    assert raised.value.exit_code == 2


def test_override_ignores_none_and_does_not_change_the_original() -> None:
    base = Settings().override({"data.positive": "PD"})
    changed = base.override({"data.positive": None, "learning.trials": 3, "reading.fps": 50.0})
    assert (changed.data.positive, changed.learning.trials, changed.reading.fps) == ("PD", 3, 50.0)
    assert base.learning.trials == Settings().learning.trials


@pytest.mark.parametrize(
    ("name", "value"), [("learning.trials", 0), ("learning.trails", 3), ("nosuch.trials", 3), ("trials", 3)]
)
def test_override_refuses_the_same_settings_as_a_file(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match="setting") as raised:
        Settings().override({name: value})
    assert name.split(".")[0] in str(raised.value)


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().learning.trials = 3  # type: ignore[misc]


def test_settings_survive_json() -> None:
    settings = Settings().override({"learning.learners": ("svm",), "features.families": ("audio",)})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_pickled_settings_from_before_a_setting_existed_have_its_default() -> None:
    older = Settings()
    state = older.__getstate__()
    del state["__dict__"]["plugins"]
    restored = Settings.__new__(Settings)
    restored.__setstate__(state)
    assert restored == Settings()
