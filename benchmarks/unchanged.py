"""Models of the class alone: the same predictions, byte for byte, as those of another version of the package.

    PDMR_REAL_DATA=../shared/data python benchmarks/unchanged.py --before CHECKOUT --after . --out FOLDER

Runs `fit --trials 2` and `predict --proba` on each set with labels, with both versions in this environment, and
compares the results files; of openface-714, which has no labels, the tables that `extract` writes. fsdd-wav is given as
in tasks.py: energies in 26 mel bands at six times, as audio vectors, with the digits 0, 3 and 6 as classes and the
speakers as subjects. Recordings of test/ are predicted if there are any, otherwise those of the training set. Versions
are chosen by PYTHONPATH. Results that exist are not computed again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tasks import log_mel, resample

SETS = {"badrobots-gaze": "Reaction", "youtubepd-wavlm": "PD", "watch-exercise": None, "fsdd-wav": None}
FSDD_DIGITS = "036"
EXTRACTED = "openface-714"


def run(checkout: Path, *arguments: str) -> None:
    """Run the command line of a version of the package, in one process."""
    variables = {"PYTHONPATH": str(checkout.resolve()), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "pdmr_classic", *arguments, "--jobs", "1", "--no-cache"]
    process = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | variables)
    if process.returncode:
        raise SystemExit(f"{checkout}: {' '.join(arguments)} failed\n{process.stdout}\n{process.stderr}")


def write_fsdd(source: Path, folder: Path) -> None:
    """Write the spoken digits as a set with audio vectors."""
    paths = sorted(path for path in source.glob("*.wav") if path.name[0] in FSDD_DIGITS)
    vectors = resample([log_mel(path).T for path in paths], 6)
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    for path, vector in zip(paths, vectors, strict=True):
        np.savetxt(folder / "audio" / f"{path.stem}.csv", vector[None], fmt="%.6f", delimiter=",")
    parts = [path.stem.split("_") for path in paths]
    labels = {
        "data_id": [path.stem for path in paths],
        "status": [f"digit {digit}" for digit, _, _ in parts],
        "subject_id": [speaker for _, speaker, _ in parts],
    }
    pd.DataFrame(labels).to_csv(folder / "labels.csv", index=False)


def predict(checkout: Path, data: Path, positive: str | None, out: Path) -> Path:
    """Fit and predict with one version; return the results file."""
    results = out / "results.jsonl"
    if results.exists():
        return results
    out.mkdir(parents=True, exist_ok=True)
    model = str(out / "model.joblib")
    options = ["--positive", positive] if positive else []
    run(checkout, "fit", str(data), "--out", model, "--trials", "2", *options)
    has_test = (data / "test").exists()
    options = [] if has_test else ["--allow-overlap"]
    split = data / "test" if has_test else data / "train" if (data / "train").exists() else data
    run(checkout, "predict", str(split), "--model", model, "--out", str(results), "--proba", *options)
    return results


def extract(checkout: Path, data: Path, out: Path) -> Path:
    """Extract the features with one version; return the table."""
    table = out / "features.csv"
    if not table.exists():
        out.mkdir(parents=True, exist_ok=True)
        run(checkout, "extract", str(data), "--out", str(table))
    return table


def compare(name: str, files: Sequence[Path], seconds: float) -> bool:
    before, after = (file.read_bytes() for file in files)
    n_lines = len(after.splitlines())
    is_same = before == after
    n_different = sum(a != b for a, b in zip(before.splitlines(), after.splitlines(), strict=False))
    verdict = "identical" if is_same else f"DIFFERENT in {n_different} lines"
    print(f"{name}: {verdict} ({n_lines} lines, {len(after):,} bytes, {seconds:.0f} s)", flush=True)
    return is_same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="checkout of the other version")
    parser.add_argument("--after", type=Path, default=Path(), help="checkout of this version")
    parser.add_argument("--out", type=Path, required=True, help="folder of models and results")
    parser.add_argument("--only", nargs="+", choices=[*SETS, EXTRACTED], default=[EXTRACTED, *SETS])
    arguments = parser.parse_args()
    root = Path(os.environ["PDMR_REAL_DATA"])
    versions = {"before": arguments.before, "after": arguments.after}
    verdicts = []
    for name in arguments.only:
        started = time.monotonic()
        data = root / name
        if name == "fsdd-wav":
            data = arguments.out / "fsdd-vectors"
            write_fsdd(root / name, data)
        if name == EXTRACTED:
            files = [extract(checkout, data, arguments.out / version / name) for version, checkout in versions.items()]
        else:
            files = [
                predict(checkout, data, SETS[name], arguments.out / version / name)
                for version, checkout in versions.items()
            ]
        verdicts.append(compare(name, files, time.monotonic() - started))
    if not all(verdicts):
        raise SystemExit("the predictions differ")


if __name__ == "__main__":
    main()
