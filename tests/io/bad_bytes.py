"""Seed inputs of the fuzzers: all bad inputs that are single files, valid files, and label tables."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bad_inputs import FILE_CASES

HEADER = "frame,face_id,timestamp,confidence,success,pose_Rx,gaze_angle_x,AU12_r,AU12_c,x_30"
ROWS = [
    f"{t + 1},0,{t / 25:.3f},0.98,1,{0.1 * t - 0.25:.3f},{0.01 * t:.3f},{0.5 * t:.2f},{t % 2},{300 + t}.5"
    for t in range(6)
]
STREAM = "\n".join([HEADER, *ROWS]) + "\n"
MATRIX = "\n".join(",".join(f"{(row * 7 + column) / 8}" for column in range(8)) for row in range(5)) + "\n"
VECTOR = ",".join(f"{column / 16 - 2:.4f}" for column in range(96)) + "\n"
MAX_BYTES = 100_000


def _read_bad_inputs() -> dict[str, bytes]:
    """Return the bytes of the cases that are regular files, without links, pipes and huge files."""
    contents = {}
    with TemporaryDirectory() as folder:
        for number, case in enumerate(FILE_CASES):
            path = Path(folder) / f"{number}.csv"
            case.make(path)
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_BYTES:
                contents[str(case)] = path.read_bytes()
    return contents


TABLES: dict[str, bytes] = {
    "stream": STREAM.encode(),
    "stream of semicolons": STREAM.replace(",", ";").replace(".", ",").encode(),
    "matrix": MATRIX.encode(),
    "vector": VECTOR.encode(),
    "odd times": b"timestamp,AU12_r\n-1e38,1\n0,2\n1e-5,3\n1e38,4\n",
    **_read_bad_inputs(),
}

LABELS: dict[str, bytes] = {
    "plain": b"data_id,status,subject_id,severity\n001,Depression,S1,14\n002,Normal,S2,3\n003,Normal,S2,\n",
    "near matches": "data_id,status\n7,Normal\n007,Normal\n 007,Normal\ncafé,Normal\ncafe\u0301,Normal\n".encode(),
    "repeated": b"data_id,status\n001,Normal\n001,Normal\n",
    "conflicting": b"data_id,status\n001,Normal\n001,Depression\n",
    "floats": b"data_id,status\n1.0,Normal\n2.0,Depression\n",
    "paths": b"data_id,status\n../../etc/passwd,Normal\n/etc/passwd,Normal\nCON,Normal\n",
    "odd ids": '"data_id","status"\n"a,b","Normal"\n"c""d","Normal"\n"e\nf","Normal"\n"😀","Normal"\n'.encode(),
    "long id": b"data_id,status\n" + b"x" * 300 + b",Normal\n",
    "semicolons": b"data_id;status\r\n001;Depression\r\n002;Normal\r\n",
    "utf-16": "data_id\tstatus\n001\tDepression\n".encode("utf-16"),
    "no bytes": b"",
    "html": b"<html></html>",
}

JSONL_LABELS: dict[str, bytes] = {
    "plain": b'{"data_id": "001", "status": "Normal"}\n{"data_id": "002", "status": "Depression"}\n',
    "results": b'{"data_id": "001", "status": "Depression", "probability": 0.5}\n'
    b'{"data_id": "002", "status": "Normal", "probability": 1e-6}\n',
    "many classes": b'{"data_id": "001", "status": "A", "probabilities": {"A": 0.5, "B": 0.5}}\n',
    "scalar": b"-12.5e3\n",
}

JSON_LABELS: dict[str, bytes] = {
    "list": b'[{"data_id": "001", "status": "Depression"}, {"data_id": 2, "status": null, "site": ["a", 1.5]}]',
    "by id": b'{"001": "Depression", "002": {"status": "Normal", "subject_id": "S1"}}',
    "repeated names": b'{"001": "Depression", "001": "Normal"}',
    "scalar": b"-12.5e3\n",
}

# Tokens that often break readers: inserted anywhere, or in place of a cell.
TOKENS: tuple[bytes, ...] = (
    *(b"", b"\0", b'"', b'""', b"\\", b"'", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b" ", b"#", b"=1+1"),
    *(b"nan", b"-nan(ind)", b"1.#QNAN", b"inf", b"-Infinity", b"None", b"true", b"-0", b"+.5e-3", b".", b"1.", b"e5"),
    *(b"1e400", b"1e300", b"3.5e38", b"1e39", b"-1e38", b"1e-46", b"1e-310", b"5e-324", b"9" * 400, b"1_000", b"0x1p3"),
    *(b"1,5", b"1.234,5", b"16777217", b"9007199254740993", b"0.1000000000000000055511151231257827", b"0" * 300),
    *(
        "\ufeff\u2028\u2029\x85\xa0\u3000\u200b".encode(),
        "١٢".encode(),
        "\u22121".encode(),
        "½".encode(),
        "😀".encode(),
    ),
    *(
        b"\x0b",
        b"\x0c",
        b"\x1a",
        b"\x1b[31m",
        b"\x1c",
        b"\x85",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\x80",
    ),
    *(b"frame", b"timestamp", b"AU12_r", b"ch000", b"Unnamed: 0", b"label", b"data_id", b"status", b"probability"),
    *(b"[" * 3000, b'{"a":' * 3000, b"9" * 5000, b'"\\ud800"', b'"\\u0000"', b"NaN", b"null", b"{}", b"[]", b":"),
)

KINDS = {"table": TABLES, "labels": LABELS, "json": JSON_LABELS, "jsonl": JSONL_LABELS}
