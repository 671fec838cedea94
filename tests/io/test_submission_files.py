"""Files for challenges: their form, their ids and classes, and the ledger."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pdmr_classic.errors import ConfigError, DataError, TargetError
from pdmr_classic.io.submission_files import write_mpdd, write_pdmr
from pdmr_classic.io.submission_ledger import check_ledger, ledger_path, record_submission

SEVERITIES = {"1": 1.5, "10": 14.126, "2": 31.0}


def write_lines(path: Path, rows: dict[str, Any], **more: dict[str, Any]) -> Path:
    lines = [
        {"data_id": data_id, "status": status} | {name: values[data_id] for name, values in more.items()}
        for data_id, status in rows.items()
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def make_test_set(root: Path, data_ids: list[str]) -> Path:
    for split, names in (("train", ["x"]), ("test", data_ids)):
        (root / split / "audio").mkdir(parents=True)
        for name in names:
            (root / split / "audio" / f"{name}.csv").write_text("0.1,0.2,0.3\n")
    return root


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_lines(
        tmp_path / "results.jsonl",
        {"10": "Depression", "2": "Normal", "1": "Normal"},
        severity=SEVERITIES,
        probability={"10": 0.75, "2": 0.25, "1": 0.5},
    )


# ---------------------------------------------------------------------------------------------------- PDMR


def read_blocks(text: str) -> list[dict[str, str]]:
    decoder, blocks, place = json.JSONDecoder(), [], 0
    while place < len(text):
        block, place = decoder.raw_decode(text, place)
        blocks.append(block)
        place += 1
    return blocks


def test_a_block_has_only_id_and_class(results: Path, tmp_path: Path) -> None:
    written = write_pdmr(results, tmp_path / "pdmr.txt")
    assert written.path.read_text().startswith('{\n  "data_id": "1",\n  "status": "Normal"\n}\n{\n')
    assert read_blocks(written.path.read_text()) == [
        {"data_id": "1", "status": "Normal"},
        {"data_id": "10", "status": "Depression"},
        {"data_id": "2", "status": "Normal"},
    ]
    assert (written.n_recordings, written.classes) == (3, {"Depression": 1, "Normal": 2})


@pytest.mark.parametrize("data_id", ['q"uote', "line\nbreak", "<script>", "é\u2028"])
def test_every_id_is_valid_in_a_block(data_id: str, tmp_path: Path) -> None:
    written = write_pdmr(write_lines(tmp_path / "r.jsonl", {data_id: "Normal"}), tmp_path / "pdmr.txt")
    assert read_blocks(written.path.read_text()) == [{"data_id": data_id, "status": "Normal"}]


def test_the_ids_must_be_those_of_the_test_folder(results: Path, tmp_path: Path) -> None:
    complete = make_test_set(tmp_path / "complete", ["1", "2", "10"])
    assert write_pdmr(results, tmp_path / "pdmr.txt", data=complete).is_checked
    other = make_test_set(tmp_path / "other", ["1", "3", "4", "10"])
    with pytest.raises(DataError, match=r"the same ids[^\0]*2 missing: '3', '4'; 1 unknown: '2'"):
        write_pdmr(results, tmp_path / "new.txt", data=other)
    assert not (tmp_path / "new.txt").exists()


def test_a_repeated_id_is_refused(tmp_path: Path) -> None:
    line = '{"data_id": "1", "status": "Normal"}\n'
    (tmp_path / "r.jsonl").write_text(line * 2)
    with pytest.raises(DataError, match=r"the results repeat a data_id[^\0]*1 repeated"):
        write_pdmr(tmp_path / "r.jsonl", tmp_path / "pdmr.txt")
    (tmp_path / "r.jsonl").write_text(line + line.replace("Normal", "Depression"))
    with pytest.raises(DataError, match="conflicting"):
        write_pdmr(tmp_path / "r.jsonl", tmp_path / "pdmr.txt")


@pytest.mark.parametrize(
    ("status", "match"),
    [
        ("Uncertain", r"1 recording is Uncertain[^\0]*without --abstain"),
        ("depression", "class that the challenge does not know[^\0]*'depression'"),
        ("PD", "class that the challenge does not know[^\0]*Depression or Normal[^\0]*'PD'"),
    ],
)
def test_only_the_two_classes_of_the_challenge_are_accepted(status: str, match: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", {"1": "Normal", "2": status})
    with pytest.raises(DataError, match=match):
        write_pdmr(path, tmp_path / "pdmr.txt")


def test_results_without_classes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"data_id": "1", "severity": 3.5}\n')
    with pytest.raises(DataError, match="scores, but no classes"):
        write_pdmr(tmp_path / "r.jsonl", tmp_path / "pdmr.txt")


def test_the_results_are_not_overwritten(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.json", {"1": "Normal"})
    path.write_text('[{"data_id": "1", "status": "Normal"}]')
    with pytest.raises(ConfigError, match="--out is the results file"):
        write_pdmr(path, path)
    with pytest.raises(ConfigError, match=r"does not end in \.txt or \.json"):
        write_pdmr(path, tmp_path / "labels.csv")


# ---------------------------------------------------------------------------------------------------- MPDD


@pytest.mark.parametrize(("name", "write"), [("model.json", write_pdmr), ("other.zip", write_mpdd)])
def test_other_files_are_not_overwritten(name: str, write: Any, results: Path, tmp_path: Path) -> None:
    out = tmp_path / name
    options: dict[str, Any] = {"cutoffs": (5, 10)} if write is write_mpdd else {}
    out.write_text('{"schema": "pdmr-classic/model/7"}')
    with pytest.raises(TargetError, match="would overwrite another file"):
        write(results, out, **options)
    assert "schema" in out.read_text()
    out.unlink()
    assert write(results, out, **options).sha256 == write(results, out, **options).sha256


def read_zip(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_archive_has_both_tables_at_its_root(results: Path, tmp_path: Path) -> None:
    three = write_lines(tmp_path / "three.jsonl", {"1": "none", "10": "mild", "2": "severe"})
    written = write_mpdd(results, tmp_path / "m.zip", ternary=three)
    assert read_zip(written.path) == {
        "binary.csv": "id,binary_pred,phq9_pred\n1,0,1.50\n10,1,14.13\n2,0,27.00\n",
        "ternary.csv": "id,ternary_pred,phq9_pred\n1,0,1.50\n10,1,14.13\n2,2,27.00\n",
    }


def test_three_classes_may_come_from_the_score_with_stated_cutoffs(results: Path, tmp_path: Path) -> None:
    text = read_zip(write_mpdd(results, tmp_path / "m.zip", cutoffs=[2, 14]).path)["ternary.csv"]
    assert text.splitlines()[1:] == ["1,1,1.50", "10,2,14.13", "2,2,27.00"]


def test_the_same_rows_give_the_same_bytes(results: Path, tmp_path: Path) -> None:
    first = write_mpdd(results, tmp_path / "a.zip", cutoffs=[5, 10])
    lines = results.read_text().splitlines()
    results.write_text("\n".join(reversed(lines)))
    second = write_mpdd(results, tmp_path / "b.zip", cutoffs=[5, 10])
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256


@pytest.mark.parametrize("options", [{}, {"cutoffs": [5, 10], "ternary": "three.jsonl"}])
def test_three_classes_have_one_origin(options: dict[str, Any], results: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="either from other results or from the score"):
        write_mpdd(results, tmp_path / "m.zip", **options)


@pytest.mark.parametrize("cutoffs", [[5], [10, 5], [0, 5], [5, 28], [5, float("nan")]])
def test_cutoffs_are_two_increasing_scores(cutoffs: list[float], results: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two increasing PHQ-9 scores"):
        write_mpdd(results, tmp_path / "m.zip", cutoffs=cutoffs)


def test_scores_are_needed(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", {"1": "Normal"})
    with pytest.raises(DataError, match="no scores, which phq9_pred needs"):
        write_mpdd(path, tmp_path / "m.zip", cutoffs=[5, 10])


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ({"1": "none", "10": "mild"}, "the same ids[^\0]*1 missing: '2'"),
        ({"1": "none", "10": "mild", "2": "moderate"}, "does not know[^\0]*'moderate'"),
    ],
)
def test_the_results_of_three_classes_must_fit(rows: dict[str, str], match: str, results: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        write_mpdd(results, tmp_path / "m.zip", ternary=write_lines(tmp_path / "three.jsonl", rows))


def make_mpdd_test_set(root: Path) -> Path:
    for person in ("17", "18"):
        for event in ("E1", "E2"):
            path = root / "Audio" / "wav2vec" / person / f"{event}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
    return root


def test_equal_predictions_of_a_person_are_one_row(tmp_path: Path) -> None:
    data = make_mpdd_test_set(tmp_path / "Young")
    status = {"17_E1": "Normal", "17_E2": "Normal", "18_E1": "Depression", "18_E2": "Depression"}
    scores = {"17_E1": 3, "17_E2": 3, "18_E1": 12, "18_E2": 12}
    path = write_lines(tmp_path / "r.jsonl", status, severity=scores)
    written = write_mpdd(path, tmp_path / "m.zip", cutoffs=[5, 10], data=data)
    assert read_zip(written.path)["binary.csv"] == "id,binary_pred,phq9_pred\n17,0,3.00\n18,1,12.00\n"
    persons = write_lines(tmp_path / "p.jsonl", {"17": "Normal", "18": "Depression"}, severity={"17": 3, "18": 12})
    assert write_mpdd(persons, tmp_path / "p.zip", cutoffs=[5, 10], data=data).sha256 == written.sha256


def test_different_predictions_of_a_person_are_refused(tmp_path: Path) -> None:
    data = make_mpdd_test_set(tmp_path / "Young")
    status = dict.fromkeys(["17_E1", "17_E2", "18_E1", "18_E2"], "Normal")
    path = write_lines(tmp_path / "r.jsonl", status, severity={"17_E1": 3, "17_E2": 4, "18_E1": 1, "18_E2": 1})
    with pytest.raises(DataError, match=r"different predictions[^\0]*'17'[^\0]*--pool-subjects"):
        write_mpdd(path, tmp_path / "m.zip", cutoffs=[5, 10], data=data)


# -------------------------------------------------------------------------------------------------- ledger


def submit(results: Path, number: int) -> tuple[int, list[str]]:
    changed = write_lines(results.with_name("other.jsonl"), {str(number): "Normal"})
    n_files, findings = record_submission(write_pdmr(changed, results.with_name("pdmr.txt")), results)
    return n_files, [finding.code for finding in findings]


def test_the_ledger_warns_at_the_sixth_submission(results: Path) -> None:
    assert [submit(results, number) for number in range(6)] == [
        *((number, []) for number in range(1, 6)),
        (6, ["too-many-submissions"]),
    ]
    lines = [json.loads(line) for line in ledger_path(results).read_text().splitlines()]
    assert len({line["sha256"] for line in lines}) == 6
    assert set(lines[0]) == {
        *("schema", "date", "format", "file", "sha256", "model_sha256", "seed", "n_recordings"),
    }


def test_the_same_file_counts_once(results: Path) -> None:
    assert [submit(results, 1), submit(results, 2), submit(results, 1)] == [(1, []), (2, []), (2, [])]


def test_challenges_are_counted_apart_and_mpdd_has_no_known_limit(results: Path, tmp_path: Path) -> None:
    submit(results, 1)
    for high in range(6, 13):
        written = write_mpdd(results, tmp_path / "m.zip", cutoffs=[5, high / 5 + 5])
        n_files, findings = record_submission(written, results)
        assert findings == []
    assert n_files < 7
    assert submit(results, 2)[0] == 2


def test_a_model_that_becomes_known_is_added(results: Path, tmp_path: Path) -> None:
    written = write_pdmr(results, tmp_path / "pdmr.txt")
    record_submission(written, results)
    record_submission(written, results, model_sha256="ab", seed=3)
    (line,) = map(json.loads, ledger_path(results).read_text().splitlines())
    assert (line["model_sha256"], line["seed"], line["n_recordings"]) == ("ab", 3, 3)


@pytest.mark.parametrize("text", ["mine", '{"data_id": "1"}\n', "[]", "\xff"])
def test_a_foreign_file_is_not_taken_for_the_ledger(text: str, results: Path) -> None:
    ledger_path(results).write_text(text, encoding="latin-1")
    with pytest.raises(TargetError, match="the ledger of submissions would overwrite another file"):
        check_ledger(results)
