"""Whom attackers learn from, whom they attack, and with which model: one situation per fold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.config import Settings
from pdmr_classic.evaluation.identity._attack import attack
from pdmr_classic.evaluation.identity._attributes import infer_attribute
from pdmr_classic.evaluation.identity._estimates import RowScores
from pdmr_classic.evaluation.identity._membership import infer_membership
from pdmr_classic.evaluation.identity._pair_scores import PairScores
from pdmr_classic.evaluation.identity._representations import represent
from pdmr_classic.evaluation.identity._rows import Rows, Spaces
from pdmr_classic.evaluation.identity._stored_rows import distances, find_stored_rows, identify_from_stored
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import CollectingReporter

_MAX_TRAINING_ROWS = 1500
_MAX_ATTACKED_ROWS = 400


@dataclass(frozen=True, eq=False)
class AttackTable:
    """Rows to attack, and the recordings that models are trained on and that membership is asked of.

    Attributes
    ----------
    attacked : DataFrame, shape [n, F]
        Features of recordings, or of halves of recordings.
    rows : Rows
        Of `attacked`.
    attributes : dict of str to ndarray, shape [n]
        What is inferred: 1, 0, or NaN if it is unknown.
    features : DataFrame, shape [m, F]
        Of whole recordings.
    recordings : Rows
        Of `features`; the numbers of subjects and labels are those of `rows`.
    status, groups : Series, length m
    is_member : ndarray of bool, shape [m]
        Whether a given model was trained on the recording.
    """

    attacked: pd.DataFrame
    rows: Rows
    attributes: dict[str, Floats]
    features: pd.DataFrame
    recordings: Rows
    status: pd.Series
    groups: pd.Series
    is_member: Mask

    @property
    def n_subjects(self) -> int:
        """Number of subjects, counting those that are not attacked."""
        return int(max(self.rows.subject.max(), self.recordings.subject.max())) + 1


@dataclass(frozen=True, eq=False)
class Situation:
    """Subjects to learn from and subjects to attack.

    Attributes
    ----------
    train, test : ndarray of int
        Rows of `AttackTable.attacked`; they share no subject.
    """

    train: Ints
    test: Ints


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the attackers of one situation made of each representation."""

    pairs: dict[str, PairScores]
    attributes: dict[str, dict[str, RowScores]]
    n_columns: dict[str, list[int]]
    membership: dict[str, RowScores] = field(default_factory=dict)
    gaps: dict[str, float] = field(default_factory=dict)
    stored: dict[str, Any] | None = None


def run_situation(
    table: AttackTable, situation: Situation, model: DepressionModel | None, settings: Settings | None, seed: int
) -> Outcome:
    """Attack the test subjects of one situation.

    Parameters
    ----------
    table : AttackTable
    situation : Situation
    model : DepressionModel or None
        A fixed model, which none of the test subjects was training data of.
    settings : Settings or None
        Of a model to train on the recordings of the training subjects; None if there is nothing to train.
    seed : int
    """
    members = table.is_member
    if settings is not None:
        members = np.isin(table.recordings.subject, table.rows.subject[situation.train])
        model = DepressionModel(settings).fit(
            table.features[members], table.status[members], table.groups[members], reporter=CollectingReporter()
        )
    rng = np.random.default_rng(seed)
    train = situation.train[table.rows.select(situation.train).sample(rng, _MAX_TRAINING_ROWS)]
    test = situation.test[table.rows.select(situation.test).sample(rng, _MAX_ATTACKED_ROWS)]
    known, unseen = (represent(table.attacked.iloc[index], model) for index in (train, test))
    spaces = {name: _match(known[name], unseen[name]) for name in known if name in unseen}
    rows, attacked = table.rows.select(train), table.rows.select(test)
    outcome = Outcome(
        pairs={name: attack(part, rows, attacked, seed) for name, part in spaces.items()},
        attributes={
            name: {
                column: infer_attribute(part, rows, attacked, values[train], values[test], seed)
                for column, values in table.attributes.items()
            }
            for name, part in spaces.items()
        },
        n_columns={name: [form.shape[1] for form in part.train.values()] for name, part in spaces.items()},
    )
    if model is None:
        return outcome
    asked = members | np.isin(table.recordings.subject, table.rows.subject[situation.test])
    return _add_membership(outcome, table, model, members, asked)


def _match(train: dict[str, Floats], test: dict[str, Floats]) -> Spaces:
    """Return the forms that both sides have: a view can be missing in all recordings of one side."""
    names = [name for name in train if name in test]
    return Spaces({name: train[name] for name in names}, {name: test[name] for name in names})


def _add_membership(
    outcome: Outcome, table: AttackTable, model: DepressionModel, members: Mask, asked: Mask
) -> Outcome:
    """Add the membership attack, if there are training recordings, and what can be found in the stored rows."""
    features = table.features.reindex(columns=model.feature_names_)
    stored = find_stored_rows(model, features)
    facts: dict[str, Any] = {"n_rows": 0 if stored is None else stored.n_rows, "n_training": int(members.sum())}
    facts["member"] = None if stored is None else stored.member
    if not members.any():
        return replace(outcome, stored=facts)
    if stored is not None:
        distance = distances(stored, model, features[members])
        facts["found"] = identify_from_stored(distance, table.recordings.select(members))
    status = table.status[asked].to_numpy(dtype=str)
    attacks, gaps = infer_membership(model, features[asked], status, table.recordings.select(asked), members[asked])
    return replace(outcome, membership=attacks, gaps=gaps, stored=facts)
