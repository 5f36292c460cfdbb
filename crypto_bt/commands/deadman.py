"""``crypto-bt deadman``: for cron, which is no part of what it watches."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from crypto_bt.alerts import ping, report_and_deliver
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.dead_man import silent_parts
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.settings import Settings

if TYPE_CHECKING:
    from crypto_bt.defs.resources import Desk

CAUSE: Final = "daemon_dead"


def deadman(
    max_age: Annotated[
        float, typer.Option("--max-age", help="Seconds that a sign of life may be old.", min=60, max=86_400)
    ] = 600,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that daemon, candles and backup are alive and fresh; tell it, without Dagster, if not.

    While all is alive the address DEADMAN_URL is called, if there is one: when it is not called any more,
    whoever watches it raises the alarm. crypto-bt up does this every 5 minutes; else it is meant for cron.

    Example: crypto-bt deadman --max-age 600

    Exit code 3 when something is dead.
    """
    from crypto_bt.defs.resources import Desk

    settings, out = open_home(home), Output(as_json=as_json)
    desk = Desk.open(settings)
    now = desk.clock()
    dead = dead_parts(desk, timedelta(seconds=max_age), now)
    called = ""
    if dead:
        tell(settings.CRYPTO_BT_HOME, settings, dead, now)
    else:
        called = _call(desk, settings, now)
    for text in dead:
        out.say(text, style="red")
    if not dead:
        out.say("Daemon, candles and backup are alive." + (f" {called}" if called else ""))
    out.result({"dead": dead, "called": called})
    if dead or called.startswith("Not called"):
        raise typer.Exit(UNWELL)


def dead_parts(desk: "Desk", max_age: timedelta, now: datetime) -> list[str]:
    """What is dead or stale in the home of ``desk``, a sentence each."""
    from crypto_bt.core.quality import data_age
    from crypto_bt.core.verdict import Severity
    from crypto_bt.defs.execute import open_instance
    from crypto_bt.defs.heartbeats import DAEMONS, daemon_heartbeats
    from crypto_bt.defs.upkeep import late_backup

    with open_instance(desk.home) as instance:
        beats = daemon_heartbeats(instance)
    late, current = [], desk.store.current()
    for timeframe in desk.settings.TIMEFRAMES if current else ():
        closes = [item.last + timeframe.delta for item in current.of(timeframe.dataset)] if current else []
        verdict = data_age(timeframe, max(closes, default=None), now)
        if not verdict.passed and verdict.severity is Severity.ERROR:
            late.append(verdict.what)
    backup = late_backup(desk, now)
    return silent_parts(beats, DAEMONS, [*late, *([backup] if backup else [])], max_age, now)


def tell(root: Path, settings: Settings, dead: list[str], now: datetime) -> None:
    """Raise the alarm, once until it is over, and send it from here."""
    report_and_deliver(root, settings.alert_wiring, _alarm(" ".join(dead), settings, now), now)


def _call(desk: "Desk", settings: Settings, now: datetime) -> str:
    """Say that the alarm is over, if there was one, and call the address."""
    if any(trouble.alert.cause == CAUSE for trouble in desk.alerts.history.standing()):
        desk.alerts.send(_alarm("Daemon and candles are alive again.", settings, now).as_resolved())
    if settings.DEADMAN_URL is None:
        return ""
    try:
        ping(settings.DEADMAN_URL)
    except CryptoBtError as error:
        return f"Not called: {error}"
    return "The address DEADMAN_URL was called."


def _alarm(what: str, settings: Settings, now: datetime) -> Alert:
    return Alert(
        cause=CAUSE,
        severity=AlertSeverity.CRITICAL,
        what=what,
        where="daemon",
        value="",
        limit="",
        since=now,
        command=f"crypto-bt status{settings.home_option}",
        doing="The supervisor, if it runs, starts what is dead again.",
    )
