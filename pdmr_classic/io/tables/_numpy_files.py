"""NumPy arrays from .npy and .npz files, without pickle: objects are refused, because loading them can run code."""

from __future__ import annotations

import io
import math
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import refuse_repeated_names
from pdmr_classic.io.tables._csv_layout import fill_missing_names, is_numbered_header, refuse_too_many_columns
from pdmr_classic.io.tables._source import MemorySource
from pdmr_classic.storage.bytes import make_damaged_error, refuse_empty, refuse_if_unpacked_too_large
from pdmr_classic.text import format_quoted

_DATA_KEYS = ("features", "feature", "data", "embedding", "embeddings", "values", "x", "X", "arr_0")
_NAME_KEYS = ("names", "columns", "feature_names", "column_names", "channels")
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError),
    *(KeyError, OverflowError, MemoryError, struct.error),
)


def read_npy(data: bytes, path: Path) -> MemorySource:
    """Return the columns of an array [T, D], or of [D] as one row; a structured array has named columns.

    Raises
    ------
    DataError
        The file is not a complete array of numbers with one or two dimensions.
    """
    return _to_source(_parse_npy(data, path), None, path, [])


def read_npz(data: bytes, path: Path) -> MemorySource:
    """Return the columns of the only array, or of the one with a known key; a key such as `names` holds their names.

    Raises
    ------
    DataError
        The file is not an archive of arrays, or which array to read is not known.
    """
    refuse_empty(data, path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            key, name_key = _choose_keys(list(members), path)
            array = _parse_npy(_read_member(archive, members[key], path), path)
            names = _parse_npy(_read_member(archive, members[name_key], path), path) if name_key else None
    except _UNREADABLE as error:
        raise _not_numpy_error(data, b"PK", path, "an archive written by numpy.savez", str(error)) from None
    ignored = [other for other in members if other not in (key, name_key)]
    findings = []
    if ignored:
        what = f"only the array {key!r} was read; other arrays in the file were ignored"
        findings.append(Finding("ignored-arrays", what, file=path, found=format_quoted(ignored)))
    return _to_source(array, None if names is None else _check_names(names, array, path), path, findings)


def _choose_keys(keys: list[str], path: Path) -> tuple[str, str]:
    """Return the key of the data, and that of their names or ''."""
    name_keys = [key for key in keys if key in _NAME_KEYS]
    others = [key for key in keys if key not in _NAME_KEYS]
    known = others if len(others) == 1 else [key for key in others if key in _DATA_KEYS]
    if len(known) == 1 and len(name_keys) < 2:
        return known[0], name_keys[0] if name_keys else ""
    raise DataError(
        "it is not clear which array of the file to read" if others else "the file has no array of numbers",
        code="which-array",
        file=path,
        expected="one array, or one of several with the key 'features', 'data' or 'embedding'",
        found=f"the keys {format_quoted(keys, 20)}" if keys else "no array",
        hint="save the array to use alone: numpy.savez(path, features=array)",
    )


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    refuse_if_unpacked_too_large(info.file_size, info.compress_size, path)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("an unknown kind of compression")
    with archive.open(info) as file:
        return file.read(info.file_size + 1)


def _parse_npy(data: bytes, path: Path) -> NDArray[Any]:
    refuse_empty(data, path)
    shape, is_fortran, dtype, start = _parse_header(data, path)
    if dtype.hasobject:
        raise _object_error(path)
    if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise DataError(
            "the NumPy array is truncated or damaged",
            code="truncated-array",
            file=path,
            expected=f"{max(math.prod(shape), 0) * dtype.itemsize:,} bytes for the shape {shape}",
            found=f"{len(data) - start:,} bytes",
            hint="write or copy the file again",
        )
    return np.ndarray(shape, dtype, buffer=data, offset=start, order="F" if is_fortran else "C")


def _parse_header(data: bytes, path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return shape, order and type of an array, and where its values start."""
    file = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files written by Python 2
            version = npy_format.read_magic(file)
            read = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}[version]
            return *read(file), file.tell()
    # The header is a Python literal; NumPy raises whatever its parser raises.
    except Exception as error:
        raise _not_numpy_error(data, b"\x93NUMPY", path, "an array written by numpy.save", str(error)) from None


def _to_source(array: NDArray[Any], names: list[str] | None, path: Path, findings: list[Finding]) -> MemorySource:
    if array.dtype.names and array.ndim <= 1:
        names = _clean_names(list(array.dtype.names), path)
        array = np.column_stack([_to_numbers(np.atleast_1d(array[name]), path) for name in array.dtype.names])
    if array.ndim not in (1, 2) or not array.size:
        raise _shape_error(array.shape, path)
    matrix = np.atleast_2d(_to_numbers(array, path))
    refuse_too_many_columns(
        matrix.shape[1], path, hint="save one row per frame; a waveform is not a vector of features"
    )
    return MemorySource.from_matrix(path, matrix, names, findings)


def _to_numbers(array: NDArray[Any], path: Path) -> NDArray[np.float64]:
    if array.dtype.kind not in "biuf" or array.ndim > 2:
        raise DataError(
            "the array does not hold numbers",
            code="no-numbers",
            file=path,
            expected="real numbers",
            found=f"the type {array.dtype}",
            hint="save it as numbers: numpy.save(path, array.astype(float))",
        )
    with np.errstate(over="ignore"):
        return array.astype(np.float64)


def _check_names(names: NDArray[Any], array: NDArray[Any], path: Path) -> list[str]:
    width = array.shape[-1] if array.ndim else 0
    if names.dtype.kind not in "US" or names.shape != (width,):
        raise DataError(
            "the names do not fit the array",
            code="bad-names",
            file=path,
            expected=f"{width} names of type str, one per column",
            found=f"the type {names.dtype} and the shape {names.shape}",
            hint="save as many names as the array has columns",
        )
    return _clean_names([str(name) for name in names.astype(str).tolist()], path)


def _clean_names(names: list[str], path: Path) -> list[str]:
    stripped = [name.strip() for name in names]
    refuse_repeated_names(stripped, path, None)
    return fill_missing_names(stripped, is_numbered_header(stripped))


def _shape_error(shape: tuple[int, ...], path: Path) -> DataError:
    if len(shape) in (1, 2):
        return DataError(
            "the array is empty",
            code="no-rows",
            file=path,
            expected="at least one row of numbers",
            found=f"the shape {shape}",
            hint="export it again, or remove it",
        )
    batch = len(shape) == 3 and shape[0] == 1
    return DataError(
        "the array has the wrong number of dimensions",
        code="dimensions",
        file=path,
        expected="[frames, channels], or one vector",
        found=f"the shape {shape}",
        hint="save the array without its first dimension: numpy.save(path, array[0])"
        if batch
        else "save one array with two dimensions per recording",
    )


def _object_error(path: Path) -> DataError:
    return DataError(
        "the array holds Python objects, which are never loaded because loading them can run code",
        code="object-array",
        file=path,
        expected="an array of numbers",
        found="the type object",
        hint="if you trust the file, convert it: numpy.save(path, numpy.asarray(numpy.load(path, "
        "allow_pickle=True).tolist(), dtype=float)); save names as str, not as objects",
    )


def _not_numpy_error(data: bytes, signature: bytes, path: Path, expected: str, reason: str) -> DataError:
    return make_damaged_error(path, data, signature, kind="NumPy", code="not-numpy", expected=expected, reason=reason)
