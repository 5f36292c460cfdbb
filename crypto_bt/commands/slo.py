"""``crypto-bt slo``: was the system up, and were the nights done?"""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.service_level import UPTIME, nights, uptime
from crypto_bt.core.wholeness import hours


def slo(
    days: Annotated[int, typer.Option(help="Days back from now.", min=1, max=60)] = 7,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Uptime and nights of the last days against what was promised, from the supervisor's own records.

    Uptime: daemon, web server and code server running, of the time in which nobody had stopped them. Nights
    that a person switched off are not due.

    Example: crypto-bt slo --days 7

    Exit code 0 when both are kept, 3 when one is not or nothing is recorded yet.
    """
    from crypto_bt.defs.looking_after import wall_clock
    from crypto_bt.defs.resources import Desk
    from crypto_bt.runtime.health_probe import SUPERVISOR_FILE, read_told
    from crypto_bt.store.health_ledger import read_looks
    from crypto_bt.store.uptime_ledger import read_changes

    desk = Desk.open(open_home(home))
    out, root, now = Output(as_json=as_json), desk.home.root, wall_clock(desk)
    since, changes = now - timedelta(days=days), read_changes(root)
    beat = read_told(root / SUPERVISOR_FILE).get("beat")
    found = uptime(changes, datetime.fromisoformat(beat) if beat else None, since, now)
    due = nights(desk.results.nights(), read_looks(root), changes, since, now, desk.settings.night_time)
    kept = found.share is not None and found.share >= UPTIME and not due.missed
    if found.share is None:
        out.say("Nothing is recorded: crypto-bt up, which keeps a home at work, has not run in these days.")
    else:
        recorded = timedelta(seconds=found.wanted)
        out.table(
            ["what", "is", "promised"],
            [
                [f"uptime of {hours(recorded)}", f"{found.share:.3%}", f"{UPTIME:.1%}"],
                ["nights done of nights due", f"{len(due.done)} of {len(due.due)}", "all"],
                ["outages", str(found.outages), "-"],
                ["longest outage", f"{found.longest:.0f} s", "-"],
            ],
        )
    if due.missed:
        out.say(f"Missed: {', '.join(map(str, due.missed))}. Compute one: crypto-bt backtest --night DAY")
    if due.off:
        out.say(f"Switched off by a person: {', '.join(map(str, due.off))}.")
    out.result(
        {
            "days": days,
            "uptime": found.share,
            "promised": UPTIME,
            "up_seconds": found.up,
            "wanted_seconds": found.wanted,
            "outages": found.outages,
            "longest_outage_seconds": found.longest,
            "nights_due": [str(night) for night in due.due],
            "nights_done": [str(night) for night in due.done],
            "nights_off": [str(night) for night in due.off],
            "kept": kept,
        }
    )
    if not kept:
        raise typer.Exit(UNWELL)
