"""Who is called when: the desk's ladder, by role; who fills a role is a setting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: the setting that names who fills ``role``, when they are called, and what they decide."""

    setting: str
    role: str
    called: str
    decides: str


LADDER: Final = (
    Step(
        "ROLE_ON_CALL",
        "on call",
        "at once: CRITICAL, or no digest by 04:15 UTC",
        "which incident it is; runs the page's commands",
    ),
    Step(
        "ROLE_LEAD",
        "lead",
        "not over after 30 minutes; the same CRITICAL twice in 24 h; the breaker is open",
        "rollback, restore, a strategy taken out; when nights go on",
    ),
    Step(
        "ROLE_INFRASTRUCTURE",
        "infrastructure",
        "disk, memory, network, clock or machine; damage twice in a month",
        "another disk or machine",
    ),
    Step(
        "ROLE_DECISION",
        "decision maker",
        "the live trader was harmed; results are lost; no night for 2 days",
        "whether live trading goes on without fresh verdicts",
    ),
)


def escalation(names: Mapping[str, str]) -> list[tuple[Step, str]]:
    """Each rung with who fills it, by the name of its setting; empty where nobody is named."""
    return [(step, names.get(step.setting, "").strip()) for step in LADDER]
