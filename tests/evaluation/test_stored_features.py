"""An evaluation of a feature table is that of the recordings, without what needs the recordings."""

from __future__ import annotations

from pathlib import Path

from pdmr_classic import Settings, evaluate, load_dataset, load_features
from pdmr_classic.errors import Finding
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.feature_table import write_features
from pdmr_classic.features.table_facts import describe_table
from pdmr_classic.progress import LogReporter
from pdmr_classic.text import to_json

SETTINGS = Settings().override(
    {
        "features.families": ("distribution", "quality", "audio_vector"),
        "learning.learners": ("linear",),
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.folds": 2,
        "learning.importance": False,
        "evaluation.folds": 2,
        "evaluation.repeats": 1,
    }
)


class NotesReporter(LogReporter):
    """Collects the findings."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[str] = []

    def note(self, finding: Finding) -> None:
        self.codes.append(finding.code)


def test_an_evaluation_of_a_table_is_that_of_the_recordings(small_set: Path, tmp_path: Path) -> None:
    data = load_dataset(small_set, split="train")
    extraction = FeatureExtractor(SETTINGS).extract(data)
    path = tmp_path / "train.parquet"
    write_features(extraction.features, path, None, describe_table(SETTINGS), extraction.records, synthetic=True)
    table = load_features(path, labels=small_set / "train" / "labels.csv")
    reporter = NotesReporter()
    found = evaluate(table, settings=SETTINGS, confounds=True, reporter=reporter)
    expected = evaluate(data, settings=SETTINGS, confounds=True, stress=False)
    assert found["flow"][0].pop("label") == "in the feature table"
    assert expected["flow"][0].pop("label") == "in the folder"
    for part in (found, expected):  # repairs may differ: they read the recordings
        for name in [name for name in part["confounds"] if name.startswith("repaired")]:
            del part["confounds"][name]
        part["confounds"].pop("strongest", None)
    assert to_json(found) == to_json(expected)
    assert "needs-recordings" in reporter.codes
    assert not found["settings"]["evaluation"]["stress"]
