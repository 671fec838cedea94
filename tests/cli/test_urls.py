"""Commands on URLs: the same output as on the local folder, and one message where a URL cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from object_store import run_store, upload
from program import TINY, invoke


@pytest.fixture(scope="module")
def store() -> Iterator[s3fs.S3FileSystem]:
    with run_store() as store:
        yield store


@pytest.fixture(scope="module")
def url(store: s3fs.S3FileSystem, small_set: Path) -> str:
    """`small_set` in a bucket; tests must not change it."""
    return upload(store, small_set, "small-set")


def write_results(root: str | Path, name: str, folder: Path) -> tuple[bytes, bytes]:
    """Extract, fit with labels of the same place, and predict; return the table and the results."""
    labels, model = f"{root}/train/labels.csv", f"{name}.joblib"
    for args in (
        ("extract", f"{root}/train", "--out", f"{name}.csv"),
        ("fit", root, "--labels", labels, "--out", model, "--config", "tiny.toml"),
        ("predict", root, "--model", model, "--out", f"{name}.jsonl", "--proba"),
    ):
        result = invoke(*args, "--jobs", "2", cwd=folder)
        assert result.exit_code == 0, result.output
    return (folder / f"{name}.csv").read_bytes(), (folder / f"{name}.jsonl").read_bytes()


@pytest.mark.slow
def test_a_url_gives_the_same_bytes_as_the_folder(url: str, small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    assert write_results(url, "remote", tmp_path) == write_results(small_set, "local", tmp_path)


def test_a_model_is_read_from_a_url(
    url: str, store: s3fs.S3FileSystem, small_set: Path, fitted_file: Path, tmp_path: Path
) -> None:
    for path in (fitted_file, fitted_file.with_suffix(".json")):
        store.pipe(f"small-set/models/{path.name}", path.read_bytes())
    models = {"remote": f"s3://small-set/models/{fitted_file.name}", "local": fitted_file}
    for name, model in models.items():
        result = invoke("predict", small_set, "--model", model, "--out", f"{name}.jsonl", cwd=tmp_path)
        assert result.exit_code == 0, result.output
    assert (tmp_path / "remote.jsonl").read_bytes() == (tmp_path / "local.jsonl").read_bytes()


def test_check_reports_a_url_like_the_folder(url: str, small_set: Path, tmp_path: Path) -> None:
    remote, local = (invoke("check", root, "--json", cwd=tmp_path) for root in (url, small_set))
    assert remote.exit_code == local.exit_code == 0
    assert remote.stdout.replace(url, "set") == local.stdout.replace(str(small_set), "set")


@pytest.mark.parametrize(
    "args",
    [
        ("extract", "{set}/test", "--out", "s3://small-set/features.parquet"),
        ("predict", "{set}", "--model", "{model}", "--out", "s3://small-set/results.jsonl"),
        ("fit", "{set}", "--out", "s3://small-set/model.joblib"),
        ("evaluate", "{set}/train", "--out", "s3://small-set/evaluation.json"),
        ("synth", "s3://small-set/new"),
    ],
    ids=lambda args: args[0],
)
def test_a_url_is_refused_as_output_before_any_work(
    args: tuple[str, ...], small_set: Path, fitted_file: Path, tmp_path: Path
) -> None:
    result = invoke(*(arg.format(set=small_set, model=fitted_file) for arg in args), cwd=tmp_path)
    assert result.exit_code == 5
    assert "URLs can be read, but not written\n  where:    s3://small-set/" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["s3://small-set/", "no-folder/"], ids=["url", "folder"])
@pytest.mark.parametrize(
    ("verb", "name"),
    [("extract", "x.parquet"), ("fit", "x.joblib"), ("predict", "x.jsonl"), ("evaluate", "x.json")],
    ids=lambda value: value.partition(".")[0],
)
def test_an_output_is_refused_before_a_cluster_is_asked_and_data_are_read(
    verb: str, name: str, target: str, tmp_path: Path
) -> None:
    (tmp_path / "no-folder").write_text("")
    nowhere = ("--backend", "dask", "--scheduler", "tcp://127.0.0.1:1")
    result = invoke(verb, "no-such-set", "--out", f"{target}{name}", *nowhere, cwd=tmp_path)
    assert result.exit_code == 5
    assert re.search(r"cannot be written|but not written", result.stderr)


def test_a_url_without_data_is_one_message(url: str, tmp_path: Path) -> None:
    result = invoke("check", f"{url}/nothing", cwd=tmp_path)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: the data folder does not exist\n  where:    {url}/nothing\n")
