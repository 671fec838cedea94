"""Prepare the confound audit of an evaluation before its models are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.confounds.audit import audit_groups
from pdmr_classic.evaluation.confounds.groups import check_nuisance_columns, make_nuisance_groups
from pdmr_classic.evaluation.confounds.plan import ConfoundPlan
from pdmr_classic.evaluation.confounds.rules import RuleExtractor, apply_rules
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.progress import Reporter
from pdmr_classic.text import format_list


def add_confound_plan(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    labels: pd.DataFrame,
    settings: Settings,
    *,
    extractor: RuleExtractor | None,
    jobs: int,
    reporter: Reporter,
) -> EvaluationTable:
    """Return the table with the nuisance groups that predict the label, and features after the rules of these.

    Without the settings `evaluation.confounds` and `nuisance`, the table is returned unchanged.

    Parameters
    ----------
    table : EvaluationTable
    outer : sequence of OuterFold
    labels : DataFrame
        Label table of the same rows.
    settings : Settings
    extractor : RuleExtractor or None
        Knows the recordings; without it (a feature table alone), conditions of files are unknown, and of the rules
        only that for audio vectors can be applied.

    Raises
    ------
    ConfigError
        A nuisance column does not exist or is not valid.
    """
    if not (settings.evaluation.confounds or settings.evaluation.nuisance):
        return table
    check_nuisance_columns(labels, settings.evaluation.nuisance)
    conditions = None if extractor is None else extractor.conditions
    groups = make_nuisance_groups(table.features, labels, conditions, settings.evaluation.nuisance)
    plan = audit_groups(table, groups, outer, settings, jobs)
    if plan.found:
        what = "recording conditions predict the label; the model is trained again without them"
        reporter.note(Finding("confounds-found", what, found=format_list(plan.found)))
        plan = _apply_rules(plan, table, conditions, extractor)
    return replace(table, confounds=plan)


def _apply_rules(
    plan: ConfoundPlan, table: EvaluationTable, conditions: pd.DataFrame | None, extractor: RuleExtractor | None
) -> ConfoundPlan:
    extract = extractor if extractor is not None and extractor.has_recordings else None
    repaired, rules = apply_rules(table.features, conditions, plan.found, extract)
    first = plan.found[:1]
    strongest = repaired if first == plan.found else apply_rules(table.features, conditions, first, extract)[0]
    return replace(plan, repaired={"": repaired, plan.found[0]: strongest}, rules=rules)
