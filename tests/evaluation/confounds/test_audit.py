"""`evaluate --confounds`: planted confounds are found and repaired, and clean sets stay as they are."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pdmr_classic import Settings, evaluate, load_dataset
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation.confounds.audit import adjust_p_values
from pdmr_classic.evaluation.confounds.groups import AUDIO_LEVEL, FORMAT, LENGTH, RESTING, NuisanceGroup
from pdmr_classic.evaluation.confounds.plan import ConfoundPlan
from pdmr_classic.evaluation.confounds.rules import RULES
from pdmr_classic.evaluation.confounds.systems import repair_features, run_confound_systems
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.stored_systems import read_systems
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.reporting.evaluation_tables import evaluation_tables

QUICK = Settings().override(
    {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 3}
)
SUBJECTS = 40
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def study(signal: float = 0.0, seed: int = 0) -> Study:
    """Return a table of 40 subjects with two recordings each."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(SUBJECTS), 2)
    is_positive = rng.permutation(np.arange(SUBJECTS) % 2)[subject] == 1
    index = pd.Index([f"r{name:03d}" for name in rng.permutation(len(subject))], name="data_id")
    names = [*(f"video__c{k}__mean" for k in range(4)), *(f"audio__vector__{k:03d}" for k in range(8))]
    table = pd.DataFrame(rng.normal(size=(len(subject), len(names))), index=index, columns=names)
    table.iloc[:, :4] += signal * is_positive[:, None]
    table["quality__stream__duration_s"] = rng.uniform(20, 40, len(subject))
    status = pd.Series(np.where(is_positive, "Depression", "Normal"), index=index, dtype=object)
    return table, status, pd.Series([f"S{k:02d}" for k in subject], index=index)


def run(data: Study, **options: Any) -> dict[str, Any]:
    return evaluate_features(*data, **{"settings": QUICK, "folds": 4, "repeats": 1, "confounds": True, **options})


def is_chance(score: dict[str, Any]) -> bool:
    return bool(score["low"] <= 0.5 and score["mean"] < 0.7)


def test_a_clean_set_with_a_signal_is_not_repaired() -> None:
    evaluation = run(study(signal=1.5))
    confounds = evaluation["confounds"]
    assert confounds["found"] == []
    assert confounds["repaired"]["scores"] == evaluation["scores"]
    assert [warning["code"] for warning in evaluation["warnings"] if warning["code"] == "confound"] == []
    assert confounds["groups"][FORMAT]["problem"] == "could not look: nothing is known about it"
    assert f"nuisance {LENGTH}" in read_systems(evaluation)
    assert json.loads(json.dumps(evaluation, allow_nan=False)) == evaluation


def test_a_planted_duration_is_found_and_what_it_shifts_is_repaired() -> None:
    table, status, groups = study()
    table["quality__stream__duration_s"] += 20.0 * (status == "Depression")
    table.iloc[:, :4] = table.iloc[:, :4].add(0.2 * table["quality__stream__duration_s"], axis=0)
    evaluation = run((table, status, groups))
    confounds = evaluation["confounds"]
    assert evaluation["scores"]["auc"]["mean"] > 0.95
    assert confounds["found"] == [LENGTH]
    assert confounds["groups"][LENGTH]["p_adjusted"] < 0.05
    assert is_chance(confounds["repaired"]["scores"]["auc"])
    assert confounds["repaired"]["groups"] == {LENGTH: "linear residualisation"}
    assert confounds["repaired"]["repaired_minus_model"]["high"] < 0
    assert evaluation["warnings"][0]["code"] == "confound"
    console = Console(file=io.StringIO(), width=80, highlight=False)
    console.print(evaluation_tables(evaluation))
    page = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, page.splitlines())) <= 80
    for words in ("! length and frame rate", "  order and id", "could not look", "repaired for 1 group"):
        assert words in page


def test_louder_vectors_are_found_and_normalised() -> None:
    table, status, groups = study()
    names = [name for name in table if name.startswith("audio")]
    table[names] = 1 + 0.05 * table[names]
    table.loc[status == "Depression", names] *= 1.5
    evaluation = run((table, status, groups))
    assert evaluation["scores"]["auc"]["mean"] > 0.95
    assert evaluation["confounds"]["found"] == [AUDIO_LEVEL]
    assert evaluation["confounds"]["repaired"]["groups"] == {AUDIO_LEVEL: "audio vectors with mean 0 and norm 1"}
    assert is_chance(evaluation["confounds"]["repaired"]["scores"]["auc"])


def test_a_site_named_by_the_user_is_found_and_its_values_are_not_stored() -> None:
    table, status, groups = study()
    is_positive = status == "Depression"
    table.iloc[:, :4] = table.iloc[:, :4].add(3.0 * is_positive, axis=0)
    labels = pd.DataFrame({"site": np.where(is_positive, "Hospital-A", "Hospital-B")}, index=table.index)
    evaluation = run((table, status, groups), labels=labels, confounds=None, nuisance=["site"])
    assert evaluation["confounds"]["found"][0] == "column site"
    assert is_chance(evaluation["confounds"]["repaired"]["scores"]["auc"])
    assert "Hospital-A" not in json.dumps(evaluation)


def test_conditions_that_are_constant_in_each_held_out_part_are_not_called_harmless() -> None:
    table, status, groups = study()
    labels = pd.DataFrame({"site": np.repeat(["A", "B"], len(table) // 2)}, index=table.index)
    evaluation = run((table, status, groups), labels=labels, leave="site", nuisance=["site"])
    assert evaluation["confounds"]["groups"]["column site"]["problem"] == "constant in each held-out part"


@pytest.mark.slow
def test_with_two_groups_the_strongest_is_also_repaired_alone() -> None:
    table, status, groups = study()
    is_positive = status == "Depression"
    table["quality__stream__duration_s"] += 20.0 * is_positive
    labels = pd.DataFrame({"site": np.where(is_positive, "A", "B")}, index=table.index)
    evaluation = run((table, status, groups), labels=labels, nuisance=["site"])
    confounds = evaluation["confounds"]
    assert set(confounds["found"]) == {LENGTH, "column site"}
    assert list(confounds["repaired_strongest"]["groups"]) == confounds["found"][:1]
    assert {"repaired", f"repaired {confounds['found'][0]}"} <= set(read_systems(evaluation))


def test_without_the_option_there_is_no_audit() -> None:
    evaluation = run(study(), confounds=False)
    assert evaluation["confounds"] == {}
    assert not [name for name in evaluation["systems"] if name.startswith(("nuisance", "repaired"))]


@pytest.mark.slow
def test_several_classes_are_audited() -> None:
    table, status, groups = study()
    status = status.replace({"Depression": "a", "Normal": "b"}).where(groups.str[-1].isin(list("0123456")), "c")
    table["quality__stream__duration_s"] += 30.0 * (status == "c")
    confounds = run((table, status, groups), folds=3)["confounds"]
    assert confounds["found"] == [LENGTH]
    assert set(confounds["groups"][LENGTH]["scores"]) == {"macro_f1", "auc"}


def make_plan(data: Study) -> tuple[EvaluationTable, ConfoundPlan, OuterFold]:
    """Return the data of one fold in which the duration is to be repaired by residualisation."""
    table, status, groups = data
    group = NuisanceGroup(LENGTH, table[["quality__stream__duration_s"]])
    plan = ConfoundPlan({LENGTH: group}, {LENGTH: {(0, 0): {"rows": [60]}}}, {}, (LENGTH,), {"": table, LENGTH: table})
    evaluated = EvaluationTable(table, status, groups, ("Depression", "Normal"), None, confounds=plan)
    return evaluated, plan, OuterFold(0, 0, np.arange(60), np.arange(60, 80))


def test_neither_labels_nor_held_out_rows_play_a_part_in_the_repair() -> None:
    table, status, groups = study()
    changed = table.copy()
    changed.iloc[60:70, :4] += 100
    shuffled = status[::-1].set_axis(status.index)
    one, other, third = (
        repair_features(*make_plan(data)[:2], [LENGTH], make_plan(data)[2])
        for data in ((table, status, groups), (table, shuffled, groups), (changed, status, groups))
    )
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(one.iloc[:60], third.iloc[:60])
    assert not one.iloc[60:70].equals(third.iloc[60:70])


def test_a_repaired_model_that_cannot_be_trained_does_not_end_the_evaluation() -> None:
    def fail(features: pd.DataFrame) -> dict[str, Any]:
        raise DataError("too few recordings")

    data, _, outer = make_plan(study())
    assert list(run_confound_systems(data, outer, fail)) == [f"nuisance {LENGTH}"]


@pytest.mark.slow
def test_results_of_an_audit_with_other_conditions_are_not_resumed(tmp_path: Path) -> None:
    table, status, groups = study()
    labels = pd.DataFrame({"site": list("AB") * 40, "room": list("AABB") * 20}, index=table.index)
    run((table, status, groups), labels=labels, nuisance=["site"], checkpoint=tmp_path / "folds")
    with pytest.raises(ConfigError, match="evaluation"):
        run((table, status, groups), labels=labels, nuisance=["room"], checkpoint=tmp_path / "folds")


def test_p_values_are_corrected_for_their_number() -> None:
    assert adjust_p_values({"a": 0.04, "b": 0.001, "c": 0.03}) == pytest.approx({"a": 0.06, "b": 0.003, "c": 0.06})
    assert adjust_p_values({}) == {}


# ------------------------------------------------------------------------------------------------ from files


def write_set(folder: Path, *, decimals: int | None = None, au_offset: float = 0.0) -> Path:
    """Write recordings whose behaviour tells nothing; those of the positives are rounded, or have a higher floor."""
    rng = np.random.default_rng(0)
    (folder / "video").mkdir(parents=True)
    rows = []
    for number in range(48):
        is_positive = number % 4 < 2
        intensity = np.clip(rng.normal(0.2, 0.6, (90, 4)).cumsum(axis=0) / 4 % 2 - 0.5, 0, 4.5)
        angles = rng.normal(0, 0.01, (90, 2)).cumsum(axis=0)
        if is_positive:
            intensity += au_offset
            angles = angles if decimals is None else np.round(angles, decimals)
        values = np.column_stack([angles, np.round(intensity, 2)])
        names = ["pose_Rx", "pose_Ry", "AU04_r", "AU06_r", "AU12_r", "AU17_r"]
        table = pd.DataFrame(values, columns=names)
        table.to_csv(folder / "video" / f"r{number:02d}.csv", index=False, float_format="%.4f")
        status = "Depression" if is_positive else "Normal"
        rows.append({"data_id": f"r{number:02d}", "status": status, "subject_id": f"S{number // 2:02d}"})
    pd.DataFrame(rows).sample(frac=1, random_state=0).to_csv(folder / "labels.csv", index=False)
    return folder


@pytest.mark.parametrize(
    ("planted", "group"),
    [
        pytest.param({"decimals": 2}, FORMAT, id="decimals"),
        pytest.param({"au_offset": 0.3}, RESTING, id="AU floor", marks=pytest.mark.slow),
    ],
)
def test_a_confound_planted_in_files_is_found_and_repaired_by_its_rule(
    tmp_path: Path, planted: dict[str, Any], group: str
) -> None:
    data = load_dataset(write_set(tmp_path / "set", **planted))
    settings = QUICK.override({"learning.learners": ("lightgbm", "linear")})
    options: dict[str, Any] = {"folds": 4, "repeats": 1, "stress": False, "cache": tmp_path / "cache"}
    evaluation = evaluate(data, settings=settings, confounds=True, **options)
    confounds = evaluation["confounds"]
    assert evaluation["scores"]["auc"]["mean"] > 0.9
    assert group in confounds["found"]
    assert confounds["repaired"]["groups"][group].startswith(RULES[group])
    assert is_chance(confounds["repaired"]["scores"]["auc"])
    assert evaluate(data, settings=settings, confounds=True, **options) == evaluation, "conditions are cached"


def test_an_unknown_nuisance_column_is_refused_before_files_are_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--nuisance names a column"):
        evaluate(load_dataset(write_set(tmp_path / "set")), settings=QUICK, nuisance=["site"])
