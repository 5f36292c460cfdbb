"""What ``crypto-bt status`` shows of the system's health, once or live."""

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from crypto_bt.core.errors import UsageError
from crypto_bt.core.health import Health, HealthStatus, Sample
from crypto_bt.core.vital_signs import Readings, Serving

if TYPE_CHECKING:
    from crypto_bt.defs.resources import Desk

EVERY_SECONDS: Final = 3.0
_COLOUR: Final = {HealthStatus.HEALTHY: "green", HealthStatus.DEGRADED: "yellow", HealthStatus.DEAD: "red"}
_STRIP: Final = 60
#: Said by the lines of the disk already.
_SAID_ELSEWHERE: Final = frozenset({"disk"})


def health_told(desk: "Desk") -> dict[str, Any]:
    """``status``, who keeps the home at work (``serving``), ``reasons``; ``lines`` and ``wrong`` to show."""
    from crypto_bt.defs.execute import open_instance
    from crypto_bt.defs.looking_after import look, wall_clock
    from crypto_bt.store.health_ledger import read_looks

    with open_instance(desk.home) as instance:
        found, readings, _ = look(desk, instance, read_looks(desk.home.root), wall_clock(desk))
    return {
        "status": found.status,
        "serving": readings.serving,
        "reasons": [{"what": each.what, "value": each.value, "limit": each.limit} for each in found.reasons],
        "lines": [headline(found, readings, desk.settings.home_option)],
        "wrong": [reason.text for reason in found.reasons if reason.cause not in _SAID_ELSEWHERE],
    }


def headline(found: Health, readings: Readings, option: str) -> str:
    """The status, and who keeps the home at work."""
    running = sum(bool(each.mark) for each in readings.processes)
    if readings.serving is Serving.NOTHING:
        return f"Health: {found.status.upper()}; nothing is running. Start it: crypto-bt up{option}"
    if readings.serving is Serving.DIED:
        return f"Health: {found.status.upper()}."
    memory = f"{running} processes, {readings.memory_mb:.0f} MB"
    return f"Health: {found.status.upper()}; {readings.serving} is running ({memory})."


def watch_health(desk: "Desk", *, as_json: bool) -> None:
    """Look again every few seconds until Ctrl-C; on a terminal in place, elsewhere a line each.

    Raises UsageError under --json.
    """
    if as_json:
        raise UsageError("A live view is not JSON.", "Use --json without --watch.")
    from crypto_bt.defs.execute import open_instance
    from crypto_bt.defs.looking_after import look, wall_clock
    from crypto_bt.store.health_ledger import read_looks

    console, option = Console(), desk.settings.home_option
    before: tuple[float, Mapping[str, float]] = (time.monotonic(), {})
    try:
        with open_instance(desk.home) as instance, Live(console=console, auto_refresh=False) as live:
            while True:
                now, history = wall_clock(desk), read_looks(desk.home.root)
                found, readings, _ = look(desk, instance, history, now)
                moment, cpu = time.monotonic(), found.sample.cpu
                shares = {
                    mark: max(0.0, used - before[1][mark]) / max(0.1, moment - before[0])
                    for mark, used in cpu.items()
                    if mark in before[1]
                }
                before = moment, cpu
                if console.is_terminal:
                    view = rendered(found, readings, history, shares, now, option)
                    live.update(view, refresh=True)
                else:
                    sys.stdout.write(f"{now:%H:%M:%S} UTC {headline(found, readings, option)}\n")
                    sys.stdout.flush()
                time.sleep(EVERY_SECONDS)
    except KeyboardInterrupt:
        return


def rendered(
    found: Health,
    readings: Readings,
    history: Sequence[Sample],
    shares: Mapping[str, float],
    now: datetime,
    option: str,
) -> RenderableType:
    """The live view: status, processes with their ``shares`` of a processor by mark, signs of life, and the
    statuses of the last looks."""
    parts: list[RenderableType] = [
        Text(f"{now:%Y-%m-%d %H:%M:%S} UTC", style="dim"),
        Text(headline(found, readings, option), style=f"bold {_COLOUR[found.status]}"),
    ]
    parts += [Text(reason.text, style=_COLOUR[reason.status]) for reason in found.reasons]
    if readings.processes:
        parts += [Text(), _processes(readings, shares)]
    beats = ", ".join(f"{name} {silent:.0f} s" for name, silent in sorted(readings.daemons.items()))
    if beats and readings.serving in (Serving.UP, Serving.DEV):
        parts.append(Text(f"\nLast signs of life: {beats}"))
    parts += [
        Text(f"Errors in the last hour: {readings.errors}; disk free: {readings.disk.free / 1e9:.1f} GB"),
        Text(_night(readings)),
        _strip(history),
        Text("Ctrl-C ends this view.", style="dim"),
    ]
    return Group(*parts)


def _processes(readings: Readings, shares: Mapping[str, float]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("process", "pid", "up", "CPU", "MB", "last heard"):
        table.add_column(column, justify="left" if column == "process" else "right")
    for each in readings.processes:
        if not each.mark:
            table.add_row(Text(each.name), Text("gone", style="red"), "", "", "", "")
            continue
        share = shares.get(each.mark)
        table.add_row(
            each.name,
            each.mark.partition(":")[0],
            str(timedelta(seconds=round(each.age))),
            "-" if share is None else f"{share:.0%}",
            f"{each.memory_mb:.0f}",
            "-" if each.silent is None else f"{each.silent:.0f} s ago",
        )
    return table


def _night(readings: Readings) -> str:
    if readings.nights_off:
        return f"Nights are {readings.nights_off}."
    if readings.night_hours is None:
        return "No data is loaded yet."
    return f"The data of the last good night ended {readings.night_hours:.1f} h ago."


def _strip(history: Sequence[Sample]) -> Text:
    strip = Text("Last looks: ")
    for sample in history[-_STRIP:]:
        strip.append("■", style=_COLOUR[sample.status])
    return strip if history else Text("No looks are kept yet; the sensor health makes them.")
