"""The SLURM recipe, run on a real cluster of one node; its scripts, without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "docs/recipes/slurm"
SCRIPTS = sorted([*RECIPE.iterdir(), Path(__file__).with_name("one_node_slurm.sh")])
MISSING = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(name)]
SETTINGS = """
[learning]
learners = ["linear"]
trials = 1
repeats = 1
folds = 2
importance = false
[features]
families = ["distribution", "quality", "audio_vector"]
[evaluation]
folds = 2
repeats = 2
stress = false
"""
# What a user types, with fewer cores than a node of a cluster has.
SESSION = """
set -eux
command=("$DATA" --config settings.toml)
sbatch --wait --cpus-per-task=2 --mem=2G "$RECIPE/extract.sbatch" "${command[@]}" --out features.parquet
command+=(--out evaluation.json)
"$RECIPE/submit.sh" 1-3 "${command[@]}"
sbatch --wait --dependency=singleton --job-name=pdmr-join --wrap true   # wait for the join, which fails
grep -h "missing\\|--array" slurm-*.out
sbatch --wait --array=4 "$RECIPE/evaluate.sbatch" "${command[@]}"
sbatch --wait --output=join.out "$RECIPE/join.sbatch" "${command[@]}"
"""


@pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_valid_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


def test_the_page_names_every_script() -> None:
    page = (RECIPE.parent / "slurm.md").read_text(encoding="utf-8")
    assert [path.name for path in RECIPE.iterdir() if f"slurm/{path.name}" not in page] == []


def test_each_step_gets_the_cores_of_its_job() -> None:
    files = [*RECIPE.glob("*.sbatch"), RECIPE.parent / "slurm.md"]
    steps = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line[:5] == "srun "]
    assert len(steps) == 4
    assert {line.partition(" pdmr-classic ")[0] for line in steps} == {'srun --cpus-per-task="$SLURM_CPUS_PER_TASK"'}


@pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("script", sorted(RECIPE.glob("*.sbatch")), ids=lambda path: path.name)
def test_a_script_without_a_folder_for_the_cache_stops_with_one_message(script: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "SLURM_CPUS_PER_TASK": "1"}
    result = subprocess.run(["bash", script], env=environ, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert result.stderr.strip().endswith("SCRATCH: set SCRATCH or XDG_CACHE_HOME")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Return a folder for sockets, whose paths may have only 100 characters."""
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:
        yield Path(folder) / "cluster"


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"needs the Debian packages slurm-wlm and munge: no {', '.join(MISSING)}")
def test_the_recipe_gives_the_evaluation_of_one_run(small_set: Path, short_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    environ = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"]),
        "DATA": str(small_set / "train"),
        "RECIPE": str(RECIPE),
        "COLUMNS": "80",
    }
    cluster = Path(__file__).with_name("one_node_slurm.sh")
    session = subprocess.run(
        # Unlike `timeout` of subprocess, the program also stops the daemons and their jobs.
        ["timeout", "580", "bash", cluster, short_folder, "bash", "-c", SESSION],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if session.returncode == 77:
        pytest.skip(f"a SLURM cluster does not start here: {session.stderr}")
    outputs = "\n".join(path.read_text() for path in sorted(tmp_path.glob("*.out")))
    assert session.returncode == 0, session.stdout + session.stderr + outputs
    assert "1 of 4 outer folds are missing" in session.stdout
    assert "SLURM: --array=4" in session.stdout
    program = [
        "pdmr-classic",
        "evaluate",
        small_set / "train",
        "--config",
        "settings.toml",
        "--jobs",
        "1",
        "--out",
        "whole.json",
    ]
    subprocess.run(program, cwd=tmp_path, env=environ, capture_output=True, timeout=900, check=True)
    assert (tmp_path / "evaluation.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert not (tmp_path / "evaluation.json.folds").exists()
