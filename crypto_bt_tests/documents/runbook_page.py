"""The runbook's tables that have figures of code or evidence: who is called, and what mends itself."""

from crypto_bt.core.crashes import CRASHES
from crypto_bt.core.escalation import LADDER
from crypto_bt.core.restarts import BACK_OFF, MOST
from crypto_bt.core.stopping import SILENT_SECONDS, STUCK_SECONDS
from crypto_bt_tests.documents.numbers import evidence
from crypto_bt_tests.documents.pages import table

_NOTHING = "nothing"


def escalation() -> str:
    """The ladder."""
    rows = [[step.role, f"`{step.setting}`", step.called, step.decides] for step in LADDER]
    return table(["role", "named by", "called when", "decides"], rows)


def matrix() -> str:
    """Each incident: who notices, what mends itself, how long it takes, what can be lost."""
    drills, alert = evidence("drills"), evidence("alert_path")
    seconds = drills["seconds_each"]
    with_backup = max(value for name, value in seconds.items() if name != "all_bad")
    waits = ", ".join(f"{wait.seconds}" for wait in BACK_OFF)
    rows = [
        [
            "1. process dead",
            f"2 min ({SILENT_SECONDS:.0f} s without an answer)",
            f"yes: after {waits} s, {MOST} times in 24 h",
            "it was given up",
            "15 min",
            "the first wait and about 20 s of start",
            _NOTHING,
        ],
        [
            "2. data stale",
            "2 h (the next update), then the check",
            "yes: `catch_up`, five attempts",
            "five attempts failed, or the exchange refuses this address",
            "6 h for H1",
            f"told after {alert['seconds_from_the_request']:g} s of a check's start",
            "nothing; positioning older than 30 days cannot be asked again",
        ],
        [
            "3. store corrupt",
            "1 h (everything is hashed), at once where it is read",
            "yes: copy, refetch, restore; twice in 24 h",
            "a third time, or CRITICAL stays",
            "15 min",
            f"{drills['seconds_p50']:g} s median, {with_backup:g} s at most; "
            f"{seconds['all_bad']:g} s with every backup bad",
            "what the exchange keeps: nothing; results, history, dominance: since the last backup, 24 h",
        ],
        [
            "4. CPU spike or hang",
            f"{SILENT_SECONDS:.0f} s silent, {STUCK_SECONDS / 60:.0f} min without progress",
            "yes: ended, tried again, three times in all",
            "it comes back every night",
            "the same night",
            "not measured here",
            "nothing; the last night stays and is marked stale",
        ],
        [
            f"5. {CRASHES} crashes in 24 h",
            "at the third crash",
            "no: nights wait for a person",
            "always",
            "the next night",
            "not measured here",
            "nothing; nights are not computed meanwhile",
        ],
        [
            "this disk is lost",
            "by its silence, if `DEADMAN_URL` is set",
            "no",
            "always",
            "15 to 30 min",
            f"{seconds['offsite_alone']:g} s to restore, after set-up of the machine",
            "what the exchange keeps: nothing; results, history, dominance: since the weekly copy, 7 days",
        ],
    ]
    head = [
        "incident",
        "noticed within",
        "mends itself",
        "a person is needed when",
        "SLA: back within",
        "RTO, measured",
        "RPO: lost at most",
    ]
    return table(head, rows)
