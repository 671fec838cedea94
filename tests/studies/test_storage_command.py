"""`fit --storage` and `--tune-only`: two programs, one database, one model, and no password anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from postgres import PASSWORD, Server
from program import invoke

from pdmr_classic import DepressionModel

SETTINGS = """
[learning]
learners = ["linear"]
trials = 3
repeats = 1
folds = 3
importance = false
[features]
families = ["distribution", "quality", "audio_vector"]
"""


@pytest.fixture
def folder(small_set: Path, tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(SETTINGS)
    (tmp_path / "set").symlink_to(small_set)
    return tmp_path


def test_a_helper_tunes_and_the_fit_trains_the_model_from_its_trials(
    folder: Path, new_database: Callable[[], str]
) -> None:
    url = new_database()
    command = ("fit", "set", "--config", "mine.toml", "--jobs", "1", "--storage", url)
    helper = invoke(*command, "--tune-only", "--json", cwd=folder)
    assert helper.exit_code == 0, helper.output
    summary = json.loads(helper.stdout)
    assert summary["trials"] == {"audio/linear": 3, "both/linear": 3, "video/linear": 3}
    assert not list(folder.glob("models/*")), "no model, no journal"

    again = invoke(*command, "--tune-only", cwd=folder)
    assert "0 (enough are finished or running)" in again.stdout
    assert "No model was trained" in again.stdout

    trained = invoke(*command, "--out", "models/mine.joblib", cwd=folder)
    assert trained.exit_code == 0, trained.output
    assert "the model depends on the timing of the processes" in " ".join(trained.stderr.split())
    assert sorted(path.name for path in folder.glob("models/*")) == ["mine.joblib", "mine.json"]
    manifest = (folder / "models/mine.json").read_text()
    assert json.loads(manifest)["shared_studies"] == "pdmr-classic"
    DepressionModel.load(folder / "models/mine.joblib")
    for text in (helper.output, again.output, trained.output, manifest):
        assert PASSWORD not in text
        assert PASSWORD.replace("@", "%40").replace("/", "%2F") not in text

    other = invoke(*command, "--seed", "1", "--out", "models/other.joblib", cwd=folder)
    assert other.exit_code == 2
    assert "different data, settings or library versions" in other.stderr
    assert "different --study" in other.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--tune-only",), 2, "--tune-only needs --storage"),
        (("--study", "mine"), 2, "--study needs --storage"),
        (("--storage", "sqlite:///x.db"), 2, "SQLite does not lock its file reliably"),
        (("--storage", "postgresql://h/d", "--tune-only", "--report", "page"), 2, "--tune-only trains none"),
        (("--storage", "postgresql://me:s3cret@/d?host=/no/such/folder"), 5, "is running"),
        (("--storage", "postgresql://me:s3cret@/d?host=/no/such/folder", "--debug"), 5, "is running"),
    ],
)
def test_wrong_use_is_refused_before_any_file_is_read(
    tmp_path: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    result = invoke("fit", "missing", *options, "--jobs", "1", cwd=tmp_path)
    assert result.exit_code == code
    assert message in result.stderr
    assert "s3cret" not in result.output


def test_a_lost_database_ends_the_command_with_one_message_and_it_goes_on_later(
    folder: Path, new_database: Callable[[], str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pdmr_classic.models.ensemble import _tuning

    url = new_database()
    command = ("fit", "set", "--config", "mine.toml", "--jobs", "1", "--storage", url, "--tune-only", "--json")
    score, calls = _tuning.compute_fold_scores, []

    def stop_server(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            server.stop()
        return score(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(_tuning, "compute_fold_scores", stop_server)
    try:
        lost = invoke(*command, cwd=folder)
    finally:
        server.start()
    assert lost.exit_code == 5
    assert "connection to the database of the studies was lost" in lost.stderr
    assert "run the same command again" in lost.stderr
    assert lost.stderr.count("error:") == 1
    assert PASSWORD not in lost.output
    later = invoke(*command, cwd=folder)
    assert later.exit_code == 0, later.output
    trials = json.loads(later.stdout)["trials"]
    assert sorted(trials) == ["audio/linear", "both/linear", "video/linear"]
    # Of three, one was finished before. The lost one counts as running for a minute; later, it is run again.
    assert set(trials.values()) <= {1, 2}
