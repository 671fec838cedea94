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
from pdmr_classic.evaluation.identity._representations import PREDICTIONS, SCORES, Forms, represent
from pdmr_classic.evaluation.identity._rows import Rows, Spaces
from pdmr_classic.evaluation.identity._stored_rows import distances, find_stored_rows, identify_from_stored
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.splits import Fold

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
    """One model, and whom attackers learn from and attack.

    Attributes
    ----------
    members : ndarray of bool, shape [m]
        The recordings that the model is trained on, or was.
    splits : list of (train, test)
        Rows of `AttackTable.attacked`; the two share no subject, and no subject to attack is in `members`.
    in_sample : bool
        Whether attackers learn from people that the model was trained on, because there are few others.
    """

    members: Mask
    splits: list[Fold]
    in_sample: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the attackers of one situation made of each representation: one entry for each split."""

    pairs: dict[str, list[PairScores]]
    attributes: dict[str, dict[str, list[RowScores]]]
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
    members = situation.members
    if settings is not None:
        model = DepressionModel(settings).fit(
            table.features[members], table.status[members], table.groups[members], reporter=CollectingReporter()
        )
    part, splits = _sample_rows(table, situation, np.random.default_rng(seed))
    forms = represent(part.attacked, model)
    if situation.in_sample:  # on its own training recordings, a model is too certain for attackers to learn from
        forms = {name: form for name, form in forms.items() if name not in (SCORES, PREDICTIONS)}
    outcome = Outcome(
        pairs={name: [] for name in forms},
        attributes={name: {column: [] for column in table.attributes} for name in forms},
        n_columns={name: [values.shape[1] for values in form.values()] for name, form in forms.items()},
    )
    for train, test in splits:
        _attack_split(outcome, part, forms, train, test, seed)
    if model is None:
        return outcome
    tested = np.concatenate([test for _, test in situation.splits])
    asked = members | np.isin(table.recordings.subject, table.rows.subject[tested])
    return _add_membership(outcome, table, model, members, asked)


def _sample_rows(table: AttackTable, situation: Situation, rng: np.random.Generator) -> tuple[AttackTable, list[Fold]]:
    """Return a table of bounded size, and the splits as its rows: of the members, some, to infer attributes from."""

    def sample(index: Ints, max_rows: int) -> Ints:
        return index[table.rows.select(index).sample(rng, max_rows)]

    splits = [(sample(train, _MAX_TRAINING_ROWS), sample(test, _MAX_ATTACKED_ROWS)) for train, test in situation.splits]
    known = np.flatnonzero(np.isin(table.rows.subject, table.recordings.subject[situation.members]))
    used = np.unique(np.concatenate([*(rows for split in splits for rows in split), sample(known, _MAX_TRAINING_ROWS)]))
    part = replace(
        table,
        attacked=table.attacked.iloc[used],
        rows=table.rows.select(used),
        attributes={name: values[used] for name, values in table.attributes.items()},
    )
    return part, [(np.searchsorted(used, train), np.searchsorted(used, test)) for train, test in splits]


def _attack_split(
    outcome: Outcome, table: AttackTable, forms: dict[str, Forms], train: Ints, test: Ints, seed: int
) -> None:
    rows, attacked = table.rows.select(train), table.rows.select(test)
    # Attributes are of people, so that more people matter more than how a model behaves on its training recordings.
    others = np.flatnonzero(~np.isin(table.rows.subject, attacked.subject))
    for name, part in forms.items():
        outcome.pairs[name].append(attack(_select(part, train, test), rows, attacked, seed))
        teachers = train if name in (SCORES, PREDICTIONS) else others
        for column, values in table.attributes.items():
            scores = infer_attribute(
                _select(part, teachers, test),
                table.rows.select(teachers),
                attacked,
                values[teachers],
                values[test],
                seed,
            )
            outcome.attributes[name][column].append(scores)


def _select(forms: Forms, train: Ints, test: Ints) -> Spaces:
    return Spaces(*({name: values[rows] for name, values in forms.items()} for rows in (train, test)))


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
