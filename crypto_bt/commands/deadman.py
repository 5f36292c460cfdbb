"""``crypto-bt deadman``: for cron, which is no part of what it watches."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from crypto_bt.alerts import AlertOffice, Report, ping
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.alerts import Alert
from crypto_bt.core.dead_man import silent_parts, switch_alerts, switch_ends
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.settings import Settings

if TYPE_CHECKING:
    from crypto_bt.defs.resources import Desk


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
    found = findings(desk, timedelta(seconds=max_age), now)
    dead = [alert.what for alert in found]
    tell(desk.alerts, found)
    called = "" if dead else _call(settings)
    for text in dead:
        out.say(text, style="red")
    if not dead:
        out.say("Daemon, candles and backup are alive." + (f" {called}" if called else ""))
    out.result({"dead": dead, "called": called})
    if dead or called.startswith("Not called"):
        raise typer.Exit(UNWELL)


def findings(desk: "Desk", max_age: timedelta, now: datetime) -> list[Alert]:
    """What is dead or stale in the home of ``desk``, each as an alert of its own."""
    from crypto_bt.core.quality import data_age
    from crypto_bt.core.verdict import Severity
    from crypto_bt.defs.execute import open_instance
    from crypto_bt.defs.heartbeats import DAEMONS, daemon_heartbeats
    from crypto_bt.defs.upkeep import late_backup

    with open_instance(desk.home) as instance:
        silent = silent_parts(daemon_heartbeats(instance), DAEMONS, max_age, now)
    late, current = {}, desk.store.current()
    for timeframe in desk.settings.TIMEFRAMES if current else ():
        closes = [item.last + timeframe.delta for item in current.of(timeframe.dataset)] if current else []
        verdict = data_age(timeframe, max(closes, default=None), now)
        if not verdict.passed and verdict.severity is Severity.ERROR:
            late[timeframe.dataset] = verdict.what
    return switch_alerts(silent, late, late_backup(desk, now), now, desk.settings.home_option)


def tell(office: AlertOffice, found: Sequence[Alert]) -> None:
    """Raise the alarm, once until it is over, say what is over, and send it from here."""
    standing = [trouble.alert for trouble in office.history.standing()]
    reports = [Report(alert) for alert in (*found, *switch_ends(standing, found))]
    if office.send_all(reports):
        office.deliver()


def _call(settings: Settings) -> str:
    """Call the address."""
    if settings.DEADMAN_URL is None:
        return ""
    try:
        ping(settings.DEADMAN_URL)
    except CryptoBtError as error:
        return f"Not called: {error}"
    return "The address DEADMAN_URL was called."
