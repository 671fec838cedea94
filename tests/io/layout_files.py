"""Write small folders in the published form of data sets; the files are empty where they are not read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import Finding
from pdmr_classic.io.dataset import Dataset, scan_dataset

_COLUMNS = "Participant_ID,PHQ8_Binary,PHQ8_Score,Gender,PHQ8_NoInterest,PHQ8_Sleep"
DAIC_FILES = (
    *("CLNF_AUs.txt", "CLNF_gaze.txt", "CLNF_pose.txt", "CLNF_features.txt", "CLNF_features3D.txt", "CLNF_hog.bin"),
    *("COVAREP.csv", "FORMANT.csv", "TRANSCRIPT.csv", "AUDIO.wav"),
)


def write_file(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_daic_woz(root: Path, ids: Iterable[int] = range(300, 308), files: Sequence[str] = DAIC_FILES) -> Path:
    """Write DAIC-WOZ: 300-303 train (and 319 without a folder), 304, 305 dev, 306 test, 307 in no table."""
    for pid in ids:
        for name in files:
            write_file(root / f"{pid}_P" / f"{pid}_{name}")
    write_file(root / ".DS_Store", "\0")
    rows = ["300,0,4,1,0,1", "301,1,12,0,2,2", "302,0,9,1,0,", "303,1,10,0,1,1", "319,1,13,1,2,"]
    write_file(root / "train_split_Depression_AVEC2017.csv", "\n".join([_COLUMNS, *rows]))
    write_file(root / "dev_split_Depression_AVEC2017.csv", "\n".join([_COLUMNS, "304,0,4,1,0,1", "305,1,19,0,3,3"]))
    write_file(root / "test_split_Depression_AVEC2017.csv", "participant_ID,Gender\n306,1\n")
    return root


def scan(
    root: Path, split: str | None = None, *, all_splits: bool = False, use_labels: bool = True, **options: str
) -> Dataset:
    """Return a data set without errors; `options` are of DataSettings."""
    settings = DataSettings.model_validate(options)
    dataset, errors = scan_dataset(root, split=split, settings=settings, all_splits=all_splits, use_labels=use_labels)
    assert errors == []
    return dataset


def findings(dataset: Dataset, code: str) -> list[Finding]:
    return [finding for finding in dataset.findings if finding.code == code]


def whats(dataset: Dataset, code: str) -> list[str]:
    return [finding.what for finding in findings(dataset, code)]


def relative(dataset: Dataset, modality: str) -> dict[str, str | None]:
    paths = {recording.data_id: getattr(recording, modality) for recording in dataset.recordings}
    return {name: path and path.relative_to(dataset.folder).as_posix() for name, path in paths.items()}
