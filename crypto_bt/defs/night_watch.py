"""Who may stop a night, what a stop or a crash leads to, and how the night's process is watched."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import filelock

from crypto_bt.core.alerts import Alert
from crypto_bt.core.crashes import BY, Crash, breaker_alert, opens
from crypto_bt.core.errors import BacktestError, CryptoBtError
from crypto_bt.core.holds import NIGHT, Hold
from crypto_bt.core.stopping import Limits, Stop, StopCause, Wanted, trader_alert, unwanted
from crypto_bt.defs.night_process import PROCESSES, NightCrashed, NightStopped, Note, Watch
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.family import kill_marked
from crypto_bt.runtime.health_probe import NIGHT_FILE
from crypto_bt.runtime.isolation import cgroup_of
from crypto_bt.runtime.live_trader import LiveTrader
from crypto_bt.runtime.processes import mark_of, process_mark
from crypto_bt.settings import load_settings
from crypto_bt.store import write_atomically
from crypto_bt.store.crash_ledger import read_crashes, record_crash
from crypto_bt.store.holds import place_hold, read_holds

#: In the environment of every process of a night: the home it belongs to.
MARK = "CRYPTO_BT_NIGHT_OF"
TRADER_GUARD = "the live trader's guard"
#: Who holds the nights without a person, each with the alert that it is told by.
_SAFEGUARDS: Final[Mapping[str, Callable[[str, str, datetime], Alert]]] = {
    BY: breaker_alert,
    TRADER_GUARD: trader_alert,
}


def wanted_now(home: Path, trader: LiveTrader | None = None, despite: Hold | None = None) -> Wanted:
    """What the home's settings and holds (but ``despite``), and the live trader, say at this moment.

    A settings file that cannot be read (somebody is writing in it) changes nothing.
    """
    try:
        enabled = load_settings(home).BACKTEST_ENABLED
    except CryptoBtError:
        enabled = True
    hold = read_holds(home).get(NIGHT)
    return Wanted(enabled, None if hold == despite else hold, trader.trouble() if trader else None)


def stopped_by_hand(home: Path) -> Stop | None:
    """Why schedules and sensors start no night, or None."""
    return unwanted(wanted_now(home))


def trader_of(desk: Desk) -> LiveTrader | None:
    """The live trader that the settings name."""
    settings = desk.settings
    if settings.LIVE_TRADING_PIDFILE is None:
        return None
    return LiveTrader(settings.LIVE_TRADING_PIDFILE, settings.LIVE_TRADING_FRESH_SECONDS)


@contextmanager
def one_at_a_time(desk: Desk) -> Iterator[None]:
    """The home's only night while it lasts; raises BacktestError where another one is under way.

    What an earlier night left behind, killed together with whoever watched it, is ended first.
    """
    lock = filelock.FileLock(desk.home.root / "night.lock", mode=0o600)
    try:
        lock.acquire(timeout=0.0)
    except filelock.Timeout:
        raise BacktestError(
            "Another nightly backtest of this home is under way.", "Wait for it, or stop it: crypto-bt pause."
        ) from None
    try:
        kill_marked(MARK, str(desk.home.root))
        yield
    finally:
        (desk.home.root / NIGHT_FILE).unlink(missing_ok=True)
        lock.release()


def watch_of(
    desk: Desk,
    trader: LiveTrader | None,
    environment: Mapping[str, str] | None = None,
    despite: Hold | None = None,
) -> Watch:
    """How a night of this home is watched; raises :class:`NightStopped` where it must not even start.

    ``despite`` is a hold that does not count: whoever tries a strategy by hand while nights are paused means
    it. A later one does.
    """
    settings = desk.settings
    limits = Limits(settings.BACKTEST_TIMEOUT_MINUTES * 60.0, settings.BACKTEST_MEMORY_MB, PROCESSES)
    home = desk.home.root
    wanted: Callable[[], Wanted] = lambda: wanted_now(home, trader, despite)  # noqa: E731 - a value, handed on
    stop = unwanted(wanted())
    if stop is not None:
        raise NightStopped(stop)
    marked = {**(environment or {}), MARK: str(home)}
    return Watch(limits, wanted, settings.BACKTEST_AFFINITY, marked, _noting(home))


def _noting(home: Path) -> Note:
    """Writes who watches the night, who the night is and how it does, for whoever looks at the health."""
    worker = process_mark()

    def note(pid: int | None, silent: float, stuck: float) -> None:
        # Processes live by the wall clock, whatever the home's clock shows.
        now = datetime.now(UTC)
        told = {
            "worker": worker,
            "night": mark_of(pid) if pid else "",
            "beat": now.isoformat(),
            "heard": (now - timedelta(seconds=silent)).isoformat(),
            "moved": (now - timedelta(seconds=stuck)).isoformat(),
        }
        try:
            write_atomically(home / NIGHT_FILE, json.dumps(told, indent=1).encode(), sync=False)
        except OSError:
            # A full disk must not end the night; who looks sees a stale file.
            return

    return note


def note_priority(desk: Desk, night: date, priority: Mapping[str, str], trader: LiveTrader | None) -> None:
    """Keep which priorities took effect, for the check ``isolation``: they are no part of the result."""
    folder = desk.results.root / "priority"
    folder.mkdir(mode=0o700, exist_ok=True)
    pid = trader.pid if trader else None
    told = {"night": dict(priority), "trader": cgroup_of(str(pid)) if pid else None}
    write_atomically(folder / f"{night}.json", json.dumps(told, sort_keys=True, indent=1).encode())


def note_end(desk: Desk, night: date, error: NightStopped | NightCrashed, now: datetime) -> None:
    """Remember a crash, and hold the nights where the breaker or the live trader asks for it.

    A hold that was not there before sends one CRITICAL alert.
    """
    stop = error.stop if isinstance(error, NightStopped) else None
    if stop is None or stop.cause.is_crash:
        record_crash(desk.home.root, Crash(now, night.isoformat(), _first_line(error)))
        alert = opens(*read_crashes(desk.home.root), now)
        if alert is not None:
            _hold(desk, Hold(NIGHT, now, BY, "three crashes in 24 hours"), alert)
    elif stop.cause is StopCause.LIVE_TRADER:
        what = f"{stop.what} The nightly backtest was stopped, and is paused."
        alert = trader_alert(what, str(desk.settings.LIVE_TRADING_PIDFILE), now)
        _hold(desk, Hold(NIGHT, now, TRADER_GUARD, stop.what), alert)


def tell_resumed(desk: Desk, hold: Hold) -> None:
    """Tell that the alert is over with which ``hold`` began; a person's hold began with none."""
    what, now = f"{hold.name} runs again; it was {hold.text}.", desk.clock()
    if hold.by == BY:
        desk.alerts.send(breaker_alert(what, "closed", now).as_resolved())
    elif hold.by == TRADER_GUARD:
        desk.alerts.send(trader_alert(what, "resumed", now).as_resolved())


def tell_holds(desk: Desk) -> None:
    """Make the alerts agree with what a safeguard holds, whatever broke off between the two.

    Raises CryptoBtError when holds or outbox cannot be used.
    """
    # In this order: an alert that stands by now has had its hold placed before.
    standing = {(t.alert.cause, t.alert.where): t.alert for t in desk.alerts.history.standing()}
    hold = read_holds(desk.home.root).get(NIGHT)
    for by, alert_of in _SAFEGUARDS.items():
        text = hold.text if hold is not None else "resumed"
        since = hold.since if hold is not None else desk.clock()
        alert = alert_of(f"The nightly backtest is {text}.", by, since)
        told = standing.get((alert.cause, alert.where))
        if hold is not None and hold.by == by:
            if told is None:
                _send(desk, alert)
        elif told is not None:
            desk.alerts.send(alert.as_resolved())


def _hold(desk: Desk, hold: Hold, alert: Alert) -> None:
    """First the hold, which protects; where the alert cannot be taken in now, :func:`tell_holds` tells it."""
    if place_hold(desk.home.root, hold):
        with suppress(CryptoBtError):
            _send(desk, alert)


def _send(desk: Desk, alert: Alert) -> None:
    desk.alerts.send(replace(alert, command=f"{alert.command}{desk.settings.home_option}"))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]
