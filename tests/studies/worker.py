"""A worker process: `python worker.py URL TRIALS GRACE_S [STUCK_AFTER]`.

It says "ready", waits for a line, and tunes without waiting for others. Then it prints its number of finished trials.
If STUCK_AFTER is given, it says "stuck" when it runs one trial more than these, and never finishes it.
"""

from __future__ import annotations

import json
import sys
import threading

if __name__ == "__main__":
    from toy import run_toy

    from pdmr_classic.models.ensemble.study_database import StudyDatabase

    url, n_trials, grace_s, *stuck_after = sys.argv[1:]
    calls: list[int] = []

    def get_stuck() -> None:
        calls.append(1)
        if stuck_after and len(calls) > 2 * int(stuck_after[0]):  # two repeats per trial; early ones are not pruned
            print("stuck", flush=True)
            threading.Event().wait()

    print("ready", flush=True)
    sys.stdin.readline()
    database = StudyDatabase(url, heartbeat_s=1, grace_s=int(grace_s))
    _, finished = run_toy(database, int(n_trials), waits=False, before_scores=get_stuck)
    print(json.dumps(finished), flush=True)
