"""`pdmr-classic report`, and `--report` of fit and evaluate: page, dict, and files that do not belong together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from program import QUICK, Result, invoke

from pdmr_classic import make_synthetic

ID, SUBJECT = "Rq7xRec", "Zw9kSub"
SCRIPT = "<script>alert(1)</script>"
FIT = ("--config", "quick.toml", "--jobs", "1", "--no-cache")
EVALUATE = (*FIT, "--folds", "2", "--repeats", "2", "--by", "gender", "--no-stress")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a set with distinctive ids, a model, an evaluation of it with a report, and results."""
    folder = tmp_path_factory.mktemp("report")
    make_synthetic(folder / "made", subjects=12, segments=2, seconds=(4, 5))
    for split in ("train", "test"):
        plant_ids(folder / "made" / split, folder / "data" / split)
    (folder / "quick.toml").write_text(QUICK)
    for command in (
        ("fit", "data", *FIT, "--out", "mine.joblib"),
        ("evaluate", "data", *EVALUATE, "--report", "page"),
        ("predict", "data", "--model", "mine.joblib", "--jobs", "1", "--no-cache", "--proba", "--out", "results.jsonl"),
    ):
        result = invoke(*command, cwd=folder)
        assert result.exit_code == 0, result.stderr
    shutil.copy(folder / "data/test/labels.csv", folder / "labels.csv")
    return folder


def plant_ids(source: Path, target: Path) -> None:
    """Copy a split under ids and subjects that are found again in any text."""
    labels = pd.read_csv(source / "labels.csv", dtype=str)
    names = {old: f"{ID}{old}_{SUBJECT}" for old in labels["data_id"]}
    for path in (path for view in ("video", "audio") for path in (source / view).iterdir()):
        (target / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target / path.parent.name / f"{names[path.stem]}.csv")
    named = labels.assign(data_id=labels["data_id"].map(names), subject_id=SUBJECT + labels["subject_id"])
    named.to_csv(target / "labels.csv", index=False)


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    """Return a copy of the files that a test may change."""
    for name in ("mine.json", "mine.joblib", "evaluation.json", "results.jsonl", "labels.csv"):
        shutil.copy(made / name, tmp_path)
    return tmp_path


def report(workspace: Path, *args: str) -> Result:
    return invoke("report", *args, cwd=workspace)


def read_json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text())
    assert isinstance(content, dict)
    return content


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = read_json(path)
    change(content)
    path.write_text(json.dumps(content))


# ------------------------------------------------------------------------------------------------ the page


def test_the_page_is_self_contained_and_says_where_it_is(workspace: Path) -> None:
    result = report(workspace, "evaluation.json", "mine.joblib", "--out", "out/mine.html")
    assert result.exit_code == 0, result.stderr
    assert "Written: out/mine.html" in result.stdout
    page = (workspace / "out/mine.html").read_text()
    assert "<script" not in page
    assert 20_000 < len(page) < 3_000_000


def test_json_is_printed_alone_and_no_page_is_written(workspace: Path) -> None:
    result = report(workspace, "evaluation.json", "--json")
    content = json.loads(result.stdout)
    assert content["schema"] == "pdmr-classic/report/1"
    assert result.stderr == ""
    assert not (workspace / "report.html").exists()


def test_evaluate_writes_page_and_dict(made: Path) -> None:
    assert sorted(path.name for path in (made / "page").iterdir()) == ["report.html", "report.json"]
    content = read_json(made / "page/report.json")
    assert [source["file"] for source in content["sources"]] == ["evaluation.json"]
    assert {"flow", "headline", "confusion", "roc", "calibration", "net_benefit", "members"} <= set(content)


def test_fit_writes_a_report_that_says_what_is_missing(made: Path, tmp_path: Path) -> None:
    result = invoke("fit", made / "data", "--config", made / "quick.toml", *FIT[2:], "--report", "page", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "page/report.html" in result.stdout
    content = read_json(tmp_path / "page/report.json")
    assert "optimistic" in content["summary"][1]
    assert "there is no evaluation" in content["missing"][0]["what"]
    assert "--config pdmr-classic.json" in content["missing"][0]["hint"]
    assert "there is no evaluation" in (tmp_path / "page/report.html").read_text()


def test_a_folder_with_other_files_is_refused_before_the_work(made: Path, tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page/thesis.docx").write_text("")
    result = invoke("evaluate", made / "data", "--report", "page", cwd=tmp_path)
    assert result.exit_code == 5
    assert "the folder of the report is not empty" in result.stderr
    assert "thesis.docx" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_a_foreign_report_json_is_refused(made: Path, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    result = invoke("fit", made / "data", "--report", ".", cwd=tmp_path)
    assert result.exit_code == 5
    assert "would overwrite another file" in result.stderr


# ------------------------------------------------------------------------------------------------- content


def test_all_files_of_one_model_share_a_page(workspace: Path) -> None:
    (workspace / "comparison.json").write_text(invoke("compare", "evaluation.json", "--json", cwd=workspace).stdout)
    files = ("evaluation.json", "mine.json", "comparison.json", "results.jsonl", "--labels", "labels.csv")
    content = json.loads(report(workspace, *files, "--json").stdout)
    assert [source["kind"] for source in content["sources"]] == ["evaluation", "manifest", "comparison", "results"]
    assert content["results"]["n"] == 8
    counts = content["results"]["confusion"]["counts"]
    assert sum(map(sum, counts)) == 8
    assert counts[0][0] / sum(counts[0]) == content["results"]["scores"]["recall"]["value"]
    assert content["comparison"]["rows"][0]["rank_1"] is not None
    evaluation = read_json(workspace / "evaluation.json")
    assert content["scores"]["f1"]["mean"] == evaluation["scores"]["f1"]["mean"]
    assert {row["kind"] for row in content["headline"]["rows"]} >= {"model", "floor", "shortcut", "view"}


def test_the_command_in_the_report_repeats_the_evaluation(workspace: Path) -> None:
    content = json.loads(report(workspace, "evaluation.json", "--json").stdout)
    assert content["how"]["command"] == "pdmr-classic evaluate DATA --config evaluation.json"
    changed = {setting["name"]: setting["value"] for setting in content["how"]["settings"]}
    assert changed["evaluation.folds"] == 2
    assert "learning.seed" not in changed


# ------------------------------------------------------------------------------------------------- privacy


def test_no_id_is_shown_unless_asked_for(workspace: Path) -> None:
    files = ("evaluation.json", "mine.joblib", "results.jsonl", "--labels", "labels.csv", "--out", "page.html")
    for options in ((), ("--json",)):
        result = report(workspace, *files, *options)
        assert result.exit_code == 0, result.stderr
        text = result.output + (workspace / "page.html").read_text()
        assert ID not in text
        assert SUBJECT not in text


def test_with_ids_names_the_recordings_that_were_wrong(workspace: Path) -> None:
    lines = [json.loads(line) for line in (workspace / "results.jsonl").read_text().splitlines()]
    labels = pd.read_csv(workspace / "labels.csv", dtype=str).set_index("data_id")
    other = {"Depression": "Normal", "Normal": "Depression"}
    lines[0]["status"] = other[labels.loc[lines[0]["data_id"], "status"]]
    (workspace / "results.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result = report(workspace, "results.jsonl", "--labels", "labels.csv", "--with-ids", "--json", "--out", "page.html")
    mistakes = json.loads(result.stdout)["ids"]["mistakes"]
    assert lines[0]["data_id"] in [mistake["data_id"] for mistake in mistakes]
    assert lines[0]["data_id"] in (workspace / "page.html").read_text()


def test_leakage_warnings_do_not_name_the_copies(workspace: Path) -> None:
    warning = {"code": "near-copies-between-subjects", "what": "2 recordings are nearly identical", "found": f"{ID}001"}
    edit(workspace / "evaluation.json", lambda content: content["warnings"].append(warning))
    assert ID not in report(workspace, "evaluation.json", "--json").stdout
    assert ID in report(workspace, "evaluation.json", "--json", "--with-ids").stdout


def test_scripts_in_classes_columns_and_ids_stay_text(workspace: Path) -> None:
    for name in ("evaluation.json", "results.jsonl", "labels.csv"):
        text = (workspace / name).read_text()
        quoted = json.dumps(SCRIPT) if name != "labels.csv" else SCRIPT
        text = text.replace('"Normal"', quoted).replace("Normal", SCRIPT).replace('"gender"', json.dumps(SCRIPT))
        (workspace / name).write_text(text.replace(ID, f"{SCRIPT}{ID}".replace("/", "")))
    options = ("--labels", "labels.csv", "--with-ids", "--out", "page.html")
    result = report(workspace, "evaluation.json", "results.jsonl", *options)
    assert result.exit_code == 0, result.stderr
    page = (workspace / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


# ----------------------------------------------------------------------------------------------- bad input


def change_class_counts(content: dict[str, Any]) -> None:
    content["data"]["classes"]["Normal"] += 1


def change_fingerprint(content: dict[str, Any]) -> None:
    content["data"]["fingerprint"] = "0" * 32


def change_trials(content: dict[str, Any]) -> None:
    content["settings"]["learning"]["trials"] = 40


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_class_counts, "the evaluation is of other data than the manifest"),
        (change_fingerprint, "the evaluation is of other data than the manifest"),
        (change_trials, "learning.trials = 40"),
    ],
)
def test_an_evaluation_of_another_model_is_refused(
    workspace: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(workspace / "evaluation.json", change)
    result = report(workspace, "mine.json", "evaluation.json")
    assert result.exit_code == 3
    assert message in result.stderr
    assert "evaluation.json" in result.stderr
    assert not (workspace / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "not json", "the file is not JSON"),
        ("a.json", '{"schema": "other/1"}', "a report cannot be made from this file"),
        ("a.json", "3", "a report cannot be made from this file"),
        ("a.json", '{"schema": "pdmr-classic/evaluation/99"}', "was written by another version"),
        ("a.json", '{"schema": "pdmr-classic/model/1"}', "the manifest was written by another version"),
        ("a.json", '{"schema": "pdmr-classic/audit/1"}', "the audit is corrupt"),
        ("a.json", '{"schema": "pdmr-classic/validation/2"}', "the validation was written by another version"),
        ("a.json", '{"schema": "pdmr-classic/comparison/2"}', "the comparison was written by another version"),
        ("a.json", '{"held_out": "new people", "systems": {}}', "a report cannot be made from this file"),
    ],
)
def test_a_file_that_no_report_can_show_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    result = report(tmp_path, name)
    assert result.exit_code == 3
    assert message in result.stderr
    assert name in result.stderr


def test_a_missing_file_and_a_missing_model_are_named(tmp_path: Path) -> None:
    assert "no.json" in report(tmp_path, "no.json").stderr
    result = report(tmp_path, "no.joblib")
    assert result.exit_code == 4
    assert "the model file does not exist" in result.stderr


def test_a_folder_is_refused_as_a_folder(tmp_path: Path) -> None:
    result = report(tmp_path, tmp_path.as_posix())
    assert result.exit_code == 3
    assert "a report cannot be made from a folder" in result.stderr
    assert "CSV" not in result.stderr


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("evaluation.json", "evaluation.json"), "the same file is given twice"),
        (("evaluation.json", "other.json"), "pdmr-classic compare joins evaluations"),
        (("results.jsonl",), "the results have no labels to be compared with"),
        (("evaluation.json", "--out", "report.pdf"), "does not end in .html"),
        ((), "Missing argument"),
    ],
)
def test_wrong_use_has_one_clear_message(workspace: Path, files: tuple[str, ...], message: str) -> None:
    shutil.copy(workspace / "evaluation.json", workspace / "other.json")
    edit(workspace / "other.json", lambda content: content.update(version="0.0.1"))
    result = report(workspace, *files)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_results_of_unknown_recordings_are_counted_and_named(workspace: Path) -> None:
    with (workspace / "results.jsonl").open("a") as file:
        file.write('{"data_id": "zz1", "status": "Normal", "probability": 0.1}\n')
        file.write('{"data_id": "zz2", "status": "Normal", "probability": 0.1}\n')
    result = report(workspace, "results.jsonl", "--labels", "labels.csv")
    assert result.exit_code == 3
    assert "2 results have no label" in result.stderr
    assert "zz1, zz2" in result.stderr


def test_without_the_extra_the_hint_names_it(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = report(workspace, "evaluation.json")
    assert result.exit_code == 2
    assert "pip install 'pdmr-classic[report]'" in result.stderr
    assert report(workspace, "evaluation.json", "--json").exit_code == 0


def test_methods_are_written_instead_of_the_page(workspace: Path) -> None:
    result = invoke("report", "evaluation.json", "mine.json", "--methods", "methods.md", cwd=workspace)
    assert result.exit_code == 0, result.stderr
    text = (workspace / "methods.md").read_text(encoding="utf-8")
    assert "TO FILL IN" in text
    assert "## Results" in text
    assert ID not in text
    assert SUBJECT not in text
    assert not (workspace / "report.html").exists()
    both = invoke("report", "mine.json", "--methods", "methods.md", "--out", "page.html", cwd=workspace)
    assert both.exit_code == 0, both.stderr
    assert (workspace / "page.html").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("results.jsonl", "--labels", "labels.csv", "--methods", "methods.md"), "without a model or an evaluation"),
        (("evaluation.json", "--methods", "methods.txt"), "end in .md"),
    ],
)
def test_methods_need_a_model_or_an_evaluation(workspace: Path, args: tuple[str, ...], message: str) -> None:
    result = invoke("report", *args, cwd=workspace)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(workspace.glob("methods.*"))
