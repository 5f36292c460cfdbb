"""``crypto-bt slo``: was kept what was promised?"""

from dataclasses import asdict
from typing import Annotated

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output


def slo(
    days: Annotated[int, typer.Option(help="Days back from now.", min=1, max=60)] = 7,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What was promised of the service beside what the last days were like, from the home's own records.

    Uptime: daemon, web server and code server running, of the time in which nobody had stopped them. Nights
    that a person switched off are not due. An alert needed nobody if it was over within two minutes.

    Example: crypto-bt slo --days 7

    Exit code 0 when all that was measured is kept, 3 when something is not or no uptime is recorded yet.
    """
    from crypto_bt.defs.looking_after import wall_clock
    from crypto_bt.defs.promises_kept import promises
    from crypto_bt.defs.resources import Desk

    desk = Desk.open(open_home(home))
    out = Output(as_json=as_json)
    found, due = promises(desk, wall_clock(desk), days)
    recorded = found[0].value is not None
    kept = recorded and all(each.kept is not False for each in found)
    marks = {True: "kept", False: "NOT KEPT", None: "-"}
    out.table(
        ["what", "is", "promised", ""],
        [[each.what, each.seen, each.promised, marks[each.kept]] for each in found],
    )
    if not recorded:
        out.say("No uptime is recorded: crypto-bt up, which keeps a home at work, has not run in these days.")
    if due.missed:
        out.say(f"Missed: {', '.join(map(str, due.missed))}. Compute one: crypto-bt backtest --night DAY")
    if due.off:
        out.say(f"Switched off by a person: {', '.join(map(str, due.off))}.")
    out.result(
        {
            "days": days,
            "promises": [asdict(each) for each in found],
            "nights_due": [str(night) for night in due.due],
            "nights_done": [str(night) for night in due.done],
            "nights_off": [str(night) for night in due.off],
            "kept": kept,
        }
    )
    if not kept:
        raise typer.Exit(UNWELL)
