"""What must be so before a desk relies on a home beside its live trader: go or no-go, line by line."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType

from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.isolated import isolation
from crypto_bt.defs.digest_facts import candle_lines
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.findings import Finding, findings
from crypto_bt.defs.heartbeats import DAEMONS, daemon_heartbeats
from crypto_bt.defs.night_watch import trader_of
from crypto_bt.defs.reaching import exchange_answers, telegram_answers
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.schedules import build_schedules
from crypto_bt.defs.upkeep import switched_off

#: A night is due every day, a drill every week.
NIGHT_WITHIN: Final = timedelta(hours=26)
DRILL_WITHIN: Final = timedelta(days=8)
#: Daemons write their heartbeats every 30 s.
_BEAT_WITHIN: Final = timedelta(minutes=2)


def going_live(desk: Desk, now: datetime) -> list[Finding]:
    """Everything that ``crypto-bt doctor`` looks at, and what a desk beside a live trader needs besides."""
    found = []
    looks = (exchange_answers, telegram_answers, _candles, _night, _off, _trader, _dagster)
    for look in looks:
        try:
            found += look(desk, now)
        except (CryptoBtError, OSError) as error:
            found.append(Finding(look.__name__.strip("_"), False, str(error)))
    return [*found, *findings(desk, now)]


def _candles(desk: Desk, now: datetime) -> list[Finding]:
    option = desk.settings.home_option
    lines = candle_lines(desk, now)
    if not lines:
        return [Finding("candles", False, "nothing is loaded", f"crypto-bt data backfill --days 365{option}")]
    return [
        Finding(
            f"candles {line.timeframe}",
            line.well,
            f"{line.whole} of {line.symbols} symbols whole, the newest "
            + ("missing" if line.age_hours is None else f"{line.age_hours:.1f} h old"),
            "" if line.well else f"crypto-bt data repair{option}",
        )
        for line in lines
    ]


def _night(desk: Desk, now: datetime) -> list[Finding]:
    option = desk.settings.home_option
    result = desk.results.latest()
    if result is None:
        return [Finding("last night", False, "there has been none", f"crypto-bt backtest{option}")]
    age = now - result.published_at
    late = age > NIGHT_WITHIN
    seen = f"{result.night}, published {age.total_seconds() / 3600:.0f} h ago"
    night = Finding("last night", not late, seen, f"crypto-bt backtest{option}" if late else "")
    told = _json(desk, f"priority/{result.night}.json")
    verdict = isolation(told.get("night", {}), told.get("trader"))
    known = bool(told.get("night"))
    mend = "" if known and verdict.passed else f"crypto-bt backtest{option}; see docs/deployment.md"
    return [night, Finding("isolation", known and verdict.passed, verdict.what, mend)]


def _json(desk: Desk, name: str) -> dict[str, Any]:
    try:
        told = json.loads((desk.results.root / name).read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _off(desk: Desk, now: datetime) -> list[Finding]:
    off = switched_off(desk)
    with open_instance(desk.home) as instance:
        states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
        stopped = {s.instigator_name for s in states if s.status is InstigatorStatus.STOPPED}
    ours = [schedule.name for schedule in build_schedules(running=True)]
    idle = sorted(stopped.intersection(ours))
    seen = f"switched off: {', '.join(idle)}" if idle else f"all {len(ours)} are switched on"
    schedules = Finding(
        "schedules", not idle, seen, "switch them on in the web UI, Automation" if idle else ""
    )
    return [schedules, *(Finding("switched off", False, text) for text in off.values())]


def _trader(desk: Desk, now: datetime) -> list[Finding]:
    trader = trader_of(desk)
    if trader is None:
        seen = "LIVE_TRADING_PIDFILE is empty: nobody looks whether it lives while a night runs"
        return [Finding("live trader", True, seen)]
    trouble = trader.trouble()
    mend = "start it, or correct LIVE_TRADING_PIDFILE in the home's .env" if trouble else ""
    return [Finding("live trader", trouble is None, trouble or f"process {trader.pid} lives", mend)]


def _dagster(desk: Desk, now: datetime) -> list[Finding]:
    option = desk.settings.home_option
    with open_instance(desk.home) as instance:
        beats = daemon_heartbeats(instance)
        event = instance.get_latest_materialization_event(dg.AssetKey("restore_drill"))
    dead = [name for name in DAEMONS if name not in beats or now - beats[name] > _BEAT_WITHIN]
    seen = f"no sign of life of {', '.join(dead)}" if dead else "all daemons beat"
    daemons = Finding("daemons", not dead, seen, f"crypto-bt up{option}" if dead else "")
    if event is None:
        drill = Finding(
            "restore drill", False, "there has been none", "run the job restore_drill in the web UI"
        )
        return [daemons, drill]
    age = now.timestamp() - event.timestamp
    late = age > DRILL_WITHIN.total_seconds()
    mend = "run the job restore_drill in the web UI" if late else ""
    return [
        daemons,
        Finding("restore drill", not late, f"a backup was restored {age / 86400:.0f} days ago", mend),
    ]
