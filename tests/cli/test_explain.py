"""`pdmr-classic explain` on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from program import Result, invoke
from smile_set import SETTINGS, fit_smile_model, write_smile_set

from pdmr_classic import fit, load_dataset
from pdmr_classic.reporting.explanation.explain_data import Scope
from pdmr_classic.reporting.page import explanation as page


def explain(data: Path, model: Path, *args: str | Path, cwd: Path) -> Result:
    return invoke("explain", data, "--model", model, "--jobs", "1", "--no-cache", *args, cwd=cwd)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_smile_set(tmp_path_factory.mktemp("smiles"))


@pytest.fixture(scope="module")
def model(data: Path) -> Path:
    """Return the file of a model in which smiles count."""
    return fit_smile_model(data).save(data.parent / "smiles.joblib")


@pytest.fixture(scope="module")
def explained(data: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the JSON of all test recordings, with the `html` of their page."""
    folder = tmp_path_factory.mktemp("explain")
    result = explain(data, model, "--json", "--seeds", "2", "--out", "page.html", cwd=folder)
    assert result.exit_code == 0, result.output
    return {**json.loads(result.stdout), "html": (folder / "page.html").read_text("utf-8")}


def test_all_recordings_are_in_the_json_and_contributions_add_up(explained: dict[str, Any]) -> None:
    recordings = explained["recordings"]
    assert [own["data_id"] for own in recordings] == ["007", "burst", "hidden"]
    assert (explained["schema"], explained["positive"]) == ("pdmr-classic/explanation/1", "Depression")
    for own in recordings:
        parts = own["base"] + sum(own["adjustments"].values())
        families = sum(part["value"] for part in own["by_family"].values())
        for total in (families, sum(own["by_view"].values())):
            assert parts + total == pytest.approx(own["log_odds"], abs=1e-6)
        assert parts + sum(own["by_view"].values()) == pytest.approx(own["log_odds"], abs=1e-6)


def test_recordings_have_strip_charts_and_sentences(explained: dict[str, Any]) -> None:
    own = next(own for own in explained["recordings"] if own["data_id"] == "burst")
    assert own["strip"]["view"] == "video"
    assert own["strip"]["lanes"]
    assert 0 < len(own["sentences"]) <= 5


def test_the_page_has_every_recording(explained: dict[str, Any]) -> None:
    assert explained["page"] == "page.html"
    for own in explained["recordings"]:
        assert f": {own['status']}</h2>" in explained["html"]
        assert f">{own['data_id']}</a>" in explained["html"]


def test_the_terminal_shows_the_answer_families_and_sentences(data: Path, model: Path, tmp_path: Path) -> None:
    result = explain(data, model, "--id", "burst", "--seeds", "1", cwd=tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("burst: ")
    for text in ("base (no feature known)", "answer", "By modality: ", "\n1. ", "\n2. ", "(AU12)"):
        assert text in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert list(tmp_path.iterdir()) == []


def test_a_recording_without_video_has_no_strip(data: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "set/audio").mkdir(parents=True)
    source = data / "test/audio/burst.csv"
    shutil.copy(source, tmp_path / "set/audio" / f"<script>{source.suffix}")
    result = explain(tmp_path / "set", model, "--out", "e.html", "--seeds", "1", "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.output
    (own,) = json.loads(result.stdout)["recordings"]
    assert own["data_id"] == "<script>"
    assert own["strip"] == {"reason": "nothing in the answer is behaviour over time: it comes from audio"}
    html = (tmp_path / "e.html").read_text("utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_an_id_given_twice_or_in_another_spelling_is_one_recording(data: Path, model: Path, tmp_path: Path) -> None:
    options = ("--id", "007", "--id", "007", "--id", "7", "--seeds", "1", "--json")
    result = explain(data, model, *options, cwd=tmp_path)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert [own["data_id"] for own in printed["recordings"]] == ["007"]
    assert printed["n_recordings"] == 1


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_processes(
    explained: dict[str, Any], data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdmr_classic.reporting.explanation._strip_charts._BYTES_PER_WORKER", 1)
    result = explain(data, model, "--json", "--seeds", "2", "--jobs", "2", cwd=tmp_path)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["recordings"] == explained["recordings"]


# ------------------------------------------------------------------------------------------------ bad input


def test_an_unknown_id_names_similar_ones(data: Path, model: Path, tmp_path: Path) -> None:
    result = explain(data, model, "--id", "burts", "--id", "zz", cwd=tmp_path)
    assert result.exit_code == 3
    assert "there is no recording with these ids" in result.stderr
    assert "found:    'burts', 'zz'" in result.stderr
    assert "similar: " in result.stderr
    assert "'burst'" in result.stderr


@pytest.mark.parametrize(("out", "code", "message"), [("e.pdf", 2, "does not end in .html"), (".", 5, "is a folder")])
def test_a_page_that_cannot_be_written_is_refused_before_the_model_is_loaded(
    out: str, code: int, message: str, data: Path, tmp_path: Path
) -> None:
    result = explain(data, tmp_path / "none.joblib", "--out", out, cwd=tmp_path)
    assert (result.exit_code, message in result.stderr) == (code, True)


def test_without_the_extra_only_the_page_is_refused(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    result = explain(data, model, "--id", "burst", "--out", "e.html", cwd=tmp_path)
    assert result.exit_code == 2
    assert "pip install 'pdmr-classic[report]'" in result.stderr
    assert explain(data, model, "--id", "burst", "--seeds", "1", cwd=tmp_path).exit_code == 0


def test_a_model_of_another_account_needs_trust(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdmr_classic.models.persistence.artifact.is_recorded", lambda digest: False)
    result = explain(data, model, "--id", "burst", cwd=tmp_path)
    assert result.exit_code == 4
    assert "--trust" in result.stderr


def test_a_recording_without_usable_data_is_named(data: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "set/audio").mkdir(parents=True)
    shutil.copy(data / "test/audio/burst.csv", tmp_path / "set/audio")
    (tmp_path / "set/audio/broken.csv").write_text("a\nb\n")
    result = explain(tmp_path / "set", model, "--id", "broken", cwd=tmp_path)
    assert result.exit_code == 3
    assert "1 recording has no data that the model can use" in result.stderr
    assert "choose other recordings with --id" in result.stderr
    result = explain(tmp_path / "set", model, "--seeds", "1", "--json", cwd=tmp_path)
    assert json.loads(result.stdout)["skipped"] == ["broken"]
    assert "not listed here" not in explain(tmp_path / "set", model, "--seeds", "1", cwd=tmp_path).stdout


def test_training_recordings_are_explained_only_on_request(data: Path, model: Path, tmp_path: Path) -> None:
    options = ("--id", "00", "--seeds", "1")
    result = explain(data / "train", model, *options, cwd=tmp_path)
    assert (result.exit_code, "--allow-overlap" in result.stderr) == (3, True)
    assert explain(data / "train", model, *options, "--allow-overlap", cwd=tmp_path).exit_code == 0


def test_a_model_of_a_score_alone_is_explained_with_a_strip_chart(data: Path, tmp_path: Path) -> None:
    scored = tmp_path / "scored"
    shutil.copytree(data, scored)
    scores = [f"{number:02d},{4 + 8 * (number % 2) + number % 3},S{number}" for number in range(16)]
    (scored / "train" / "labels.csv").write_text("\n".join(["data_id,severity,subject_id", *scores, ""]))
    settings = SETTINGS.override({"data.target": "severity", "severity.learners": ["ridge"]})
    model = fit(load_dataset(scored, split="train", settings=settings.data), settings=settings)
    file = model.save(tmp_path / "score.joblib")
    result = explain(scored, file, "--id", "burst", "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.output
    explanation = json.loads(result.stdout)
    (recording,) = explanation["recordings"]
    assert explanation["unit"] == "points of the score"
    assert max(abs(effect) for effect in recording["strip"]["whole"]["effects"]) > 0.1
    shown = explain(scored, file, "--id", "burst", cwd=tmp_path).stdout
    assert f"burst: score {recording['log_odds']:.2f}" in shown


# -------------------------------------------------------------------------------------------------- scope


def test_without_ids_the_terminal_and_the_page_show_the_first_recordings() -> None:
    terminal = Scope.choose(chosen=False, page=False, everything=False)
    on_page = Scope.choose(chosen=False, page=True, everything=False)
    as_json = Scope.choose(chosen=False, page=True, everything=True)
    assert (terminal.n_explained, terminal.n_strips, terminal.n_listed) == (5, 5, 5)
    assert (on_page.n_explained, on_page.n_strips, on_page.n_on_page) == (20, 20, 20)
    assert (as_json.n_explained, as_json.n_strips, as_json.n_on_page) == (None, 20, 20)
    assert Scope.choose(chosen=True, page=False, everything=False) == Scope()
