"""Seed inputs of the fuzzers: all bad inputs that are single files, valid files, and label tables."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
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
    "cells": b"sep=,\ntimestamp,success,AU12_r,Participant_ID,\n"
    b"00:00:00.0,True,FIT_FAILED,300\n00:00:00.04,no,1.5,300\n",
    "blanks": b'"pose_Rx" "AU12_r"\n"1" 0.5 1e-3\n"2" ? 2\n',
    "decimal commas": b"0,037,0,196\n0,058,0,211\n",
    "odd times": b"timestamp,AU12_r\n-1e38,1\n0,2\n1e-5,3\n1e38,4\n",
    **_read_bad_inputs(),
}


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _npz(compress: bool, **arrays: object) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _parquet(frame: pd.DataFrame, compression: str | None = None) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, compression=compression)
    return buffer.getvalue()


_ARRAY = np.arange(40, dtype=np.float32).reshape(5, 8) / 8
_FRAME = pd.read_csv(io.StringIO(STREAM)).assign(mood="good", success=True, status="Normal")

ARRAYS: dict[str, bytes] = {
    "matrix": _npy(_ARRAY),
    "vector": _npy(np.linspace(-1, 1, 96)),
    "integers": _npy(np.arange(6, dtype=">i2").reshape(2, 3, order="F")),
    "structured": _npy(np.array([(0.5, 1), (2, 3)], dtype=[("AU12_r", "f4"), ("frame", "i4")])),
    "three dimensions": _npy(np.ones((1, 2, 3))),
    "objects": _npy(np.array([1, None], dtype=object)),
    "text": _npy(np.array(["a", "b"])),
    "no bytes": b"",
}
ARCHIVES: dict[str, bytes] = {
    "one array": _npz(False, features=_ARRAY),
    "names": _npz(True, data=_ARRAY, names=[f"AU{column:02d}_r" for column in range(8)], fps=30),
    "two arrays": _npz(True, left=_ARRAY, right=_ARRAY),
    "objects": _npz(False, data=np.array([1, None], dtype=object)),
    "no bytes": b"",
}
PARQUETS: dict[str, bytes] = {
    "stream": _parquet(_FRAME),
    "compressed": _parquet(_FRAME, "snappy"),
    "lists": _parquet(pd.DataFrame({"AU12_r": [0.5, 1], "landmarks": [[1, 2], [3]]})),
    "times": _parquet(pd.DataFrame({"time": pd.to_datetime([0, 10**9]), "AU12_r": pd.Categorical([1, 2])})),
    "no bytes": b"",
}
ARFFS: dict[str, bytes] = {
    "openSMILE": b"@relation x\n\n@attribute name string\n@attribute frameTime numeric\n@attribute 'F0 sma' real\n"
    b"@attribute class {0,1}\n\n@data\n\n'unknown',0,1.5,?\n% comment\n'unknown',0.01,?,1\n",
    "sparse": b"@attribute a real\n@attribute b real\n@data\n{0 1.5, 1 2}\n",
    "no bytes": b"",
}
COMPRESSED: dict[str, bytes] = {
    "stream": gzip.compress(STREAM.encode(), mtime=0),
    "two members": gzip.compress(VECTOR[:100].encode(), mtime=0) + gzip.compress(VECTOR[100:].encode(), mtime=0),
    "stored": gzip.compress(MATRIX.encode(), compresslevel=0, mtime=0),
    "no bytes": b"",
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
    *(
        b"True",
        b"no",
        b"?",
        b"--undefined--",
        b"#N/A",
        b"00:00:01.5",
        b"2024-01-01 00:00:01",
        b"0 days 00:00:01",
        b"5 mm",
    ),
    *(
        b"sep=;",
        b"|",
        b"%",
        b"{0 1}",
        b"@data",
        b"@attribute x real",
        b"'",
        b"PK\x03\x04",
        b"PAR1",
        b"\x93NUMPY",
        b"\x1f\x8b",
    ),
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

KINDS = {
    "table": TABLES,
    "npy": ARRAYS,
    "npz": ARCHIVES,
    "parquet": PARQUETS,
    "arff": ARFFS,
    "gz": COMPRESSED,
    "labels": LABELS,
    "json": JSON_LABELS,
    "jsonl": JSONL_LABELS,
}
