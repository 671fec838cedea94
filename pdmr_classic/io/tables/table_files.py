"""File names of recordings: which suffixes can be read, and the id that a name gives."""

from __future__ import annotations

from pathlib import Path

TEXT_SUFFIXES = (".csv", ".txt", ".tsv")
TABLE_SUFFIXES = (*TEXT_SUFFIXES, ".npy", ".npz", ".parquet", ".arff")
COMPRESSED_SUFFIX = ".gz"
FORMATS = ".csv, .txt, .tsv, .npy, .npz, .parquet or .arff, each also with .gz"
"""For messages."""


def is_table_file(path: str | Path) -> bool:
    """Return whether the name is that of a file that `read_table` reads.

    Examples
    --------
    >>> [is_table_file(name) for name in ("001.csv", "001.CSV.gz", "001.npy", "001.wav", "001.gz", ".csv")]
    [True, True, True, False, False, False]
    """
    return table_suffix(path) in TABLE_SUFFIXES


def file_id(path: str | Path) -> str:
    """Return the file name without its suffix, and without the `.gz` of a compressed table; other dots are kept.

    Examples
    --------
    >>> [file_id(name) for name in ("video/001.csv", "001.csv.gz", "300_OpenFace2.1.0_AUs.csv", "a.b", "300_2.1")]
    ['001', '001', '300_OpenFace2.1.0_AUs', 'a.b', '300_2.1']
    """
    name = _name(path)
    stem, suffix = _split_suffix(name)
    return stem if suffix in TABLE_SUFFIXES else name


def table_suffix(path: str | Path) -> str:
    """Return the suffix of a file name in lower case, without the `.gz` of a compressed file.

    Examples
    --------
    >>> table_suffix("001.CSV"), table_suffix("001.npy.gz"), table_suffix("001.gz")
    ('.csv', '.npy', '')
    """
    return _split_suffix(_name(path))[1]


def is_compressed(path: str | Path) -> bool:
    """Return whether the name ends in `.gz`."""
    return _name(path).lower().endswith(COMPRESSED_SUFFIX)


def _name(path: str | Path) -> str:
    return path.name if isinstance(path, Path) else Path(path).name


def _split_suffix(name: str) -> tuple[str, str]:
    """Return the name without its suffix and `.gz`, and the suffix in lower case; texts are faster than paths."""
    plain = name[: -len(COMPRESSED_SUFFIX)] if name.lower().endswith(COMPRESSED_SUFFIX) else name
    stem, _, suffix = plain.rpartition(".")
    return (stem, f".{suffix.lower()}") if stem and suffix else (plain, "")
