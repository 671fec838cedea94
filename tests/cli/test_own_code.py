"""Own families, learners and estimators on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_code import STILLNESS, forget_plugins, own_modules
from program import TINY, invoke

SETTINGS = TINY.replace('["linear"]', '["linear", "mine"]').replace('"quality"', '"quality", "stillness"')


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "own_cli.py").write_text(STILLNESS)
    (tmp_path / "settings.toml").write_text(SETTINGS)
    with own_modules(tmp_path):
        yield tmp_path


def test_features_lists_own_families(folder: Path) -> None:
    result = invoke("features", "--plugin", "own_cli", "--json", cwd=folder)
    (family,) = [part for part in json.loads(result.stdout)["families"] if part["family"] == "stillness"]
    assert family["count"] == 23
    assert family["formula"].startswith("share of steps")


def test_a_model_with_own_code_is_trained_and_predicts_in_a_new_process(folder: Path, small_set: Path) -> None:
    options = ("--config", "settings.toml", "--plugin", "own_cli", "--jobs", "1")
    fitted = invoke("fit", small_set, *options, "--out", "m.joblib", cwd=folder)
    assert fitted.exit_code == 0, fitted.output
    manifest = json.loads((folder / "m.json").read_text())
    assert [(part["kind"], part["name"], part["module"]) for part in manifest["plugins"]] == [
        ("family", "stillness", "own_cli"),
        ("learner", "mine", "own_cli"),
    ]
    assert "video__pose_Rx__stillness.share" in manifest["features"]
    assert manifest["settings"]["plugins"] == {"modules": ["own_cli"]}

    forget_plugins()  # as in a new process
    predicted = invoke("predict", small_set, "--model", "m.joblib", "--out", "r.jsonl", "--jobs", "1", cwd=folder)
    assert predicted.exit_code == 0, predicted.output

    forget_plugins()
    (folder / "own_cli.py").write_text(STILLNESS.replace("0.1", "0.2"))
    changed = invoke("predict", small_set, "--model", "m.joblib", "--out", "r.jsonl", cwd=folder)
    assert changed.exit_code == 4
    assert "the feature family stillness has changed since the model was trained" in changed.stderr

    # A manifest may come from anyone, so its settings do not run code.
    refused = invoke("fit", small_set, "--config", "m.json", "--out", "n.joblib", cwd=folder)
    assert refused.exit_code == 2
    assert "pass each with --plugin or --estimator" in refused.stderr


@pytest.mark.parametrize(
    ("verb", "option", "message"),
    [
        ("fit", ("--plugin", "own_missing"), "there is no module own_missing"),
        ("extract", ("--plugin", "own_missing"), "there is no module own_missing"),
        ("evaluate", ("--estimator", "own_cli:tree"), "the module own_cli has no tree"),
    ],
)
def test_own_code_that_is_not_found_is_one_message(
    verb: str, option: tuple[str, ...], message: str, folder: Path, small_set: Path
) -> None:
    result = invoke(verb, small_set / "train", *option, cwd=folder)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
