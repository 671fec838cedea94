"""How the interviewer, a human or a robot, changes behaviour in a synthetic set with conditions.

Directions follow the sources, sizes do not. All were chosen before any model was scored on them. The condition is drawn
for each recording, independently of subject and severity, so it says nothing about the label.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.synthetic.signals import BEHAVIOURS, Habits

CONDITION_COLUMN = "interviewer"
HUMAN, ROBOT = "human", "robot"


class ConditionEffect(NamedTuple):
    """The effect of severity on a behaviour with each interviewer, and what a human interviewer adds for everybody.

    Effects are per `SEVERITY_SCALE` points of severity, shifts in the same standard deviations of the behaviour.
    """

    behaviour: str
    with_human: float
    with_robot: float
    human_shift: float
    source: str


# A behaviour that is not listed, such as cheek_raise, has the same effect with both interviewers.
CONDITION_EFFECTS = (
    ConditionEffect("smiles", 0.0, -0.80, 0.80, "Ekman and Friesen 1969, Fridlund 1991: polite smiles mask the effect"),
    ConditionEffect("smile_length", 0.0, -0.75, 0.50, "Ekman and Friesen 1969: polite smiles mask the effect"),
    ConditionEffect("nods", 0.0, -0.65, 0.60, "Fridlund 1991: a listener is acknowledged whatever the mood"),
    ConditionEffect("chin_raise", 0.0, 0.90, 0.0, "Lucas 2014: sadness is shown more to a virtual interviewer"),
    ConditionEffect(
        "lip_corner_down", -0.60, 0.60, 0.0, "Girard 2014 (human: AU15 down), Lucas 2014 (virtual: sadder)"
    ),
    ConditionEffect("dimpler", 1.00, 0.0, 0.0, "Girard 2014: AU14 up towards a person, as social distance"),
    ConditionEffect("gaze_down", 1.10, 0.0, 0.0, "Waxer 1974, Hinchliffe 1971: averted gaze needs someone to avoid"),
)

# With a human, talk and pauses alternate at half the pace, so pauses are about twice as long; and there is less talk.
_HUMAN_PACE, _HUMAN_TALK = 0.5, -0.10
SPEECH_EFFECT = f"talk and pauses alternate at {_HUMAN_PACE:g} times the pace, share of talk {_HUMAN_TALK:+.2f}"


def severity_effects(interviewer: str) -> Floats:
    """Return the effect of severity on each behaviour, in the order of `BEHAVIOURS`; "" means no condition."""
    effects = {behaviour.name: behaviour.effect for behaviour in BEHAVIOURS}
    if interviewer:
        effects |= {e.behaviour: e.with_human if interviewer == HUMAN else e.with_robot for e in CONDITION_EFFECTS}
    return np.array(list(effects.values()))


def behaviour_shifts(interviewer: str) -> Floats:
    """Return what the interviewer adds to each behaviour at any severity, in the order of `BEHAVIOURS`."""
    shifts = {e.behaviour: e.human_shift for e in CONDITION_EFFECTS} if interviewer == HUMAN else {}
    return np.array([shifts.get(behaviour.name, 0.0) for behaviour in BEHAVIOURS])


def adapt_speech(habits: Habits, interviewer: str) -> Habits:
    """Return the habits of a subject with this interviewer: longer pauses with a human."""
    if interviewer != HUMAN:
        return habits
    return habits._replace(
        speech_pace_hz=habits.speech_pace_hz * _HUMAN_PACE, talk_share=habits.talk_share + _HUMAN_TALK
    )


def describe_conditions() -> str:
    """Return the section of SYNTHETIC.md about the interviewer."""
    rows = "\n".join(
        f"| {e.behaviour} | {e.with_human:+.2f} | {e.with_robot:+.2f} | {e.human_shift:+.2f} | {e.source} |"
        for e in CONDITION_EFFECTS
    )
    return f"""
## Interviewer

The column `{CONDITION_COLUMN}` of labels.csv is {HUMAN} or {ROBOT}, drawn for each recording, independently of subject
and severity. These effects replace those above; a human interviewer also shifts some behaviours for everybody.
Directions follow the sources, sizes do not. All were chosen before any model was scored on them.

| behaviour | effect with {HUMAN} | effect with {ROBOT} | shift with {HUMAN} | source |
|---|---|---|---|---|
{rows}

Speech with a {HUMAN}, whatever the severity: {SPEECH_EFFECT} (no source).
"""
