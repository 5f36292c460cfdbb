"""``crypto-bt preflight``: go or no-go, line by line."""

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.loopback import reachable
from crypto_bt.commands.output import UNWELL, Output


def preflight(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say whether a desk can rely on the home beside its live trader: go or no-go, line by line.

    Asks the exchange and Telegram, reads and hashes everything that is stored; changes nothing.

    Example: crypto-bt preflight

    Exit code 0 for go, 3 for no-go.
    """
    from crypto_bt.defs.going_live import going_live
    from crypto_bt.defs.resources import Desk

    out = Output(as_json=as_json)
    with reachable(open_home(home)) as settings:
        desk = Desk.open(settings)
        found = going_live(desk, desk.clock())
    out.table(
        ["", "what", "seen"], [["go" if item.well else "NO-GO", item.about, item.seen] for item in found]
    )
    for item in found:
        if item.command:
            out.say(f"{item.about}: {item.command}", style="yellow")
    go = all(item.well for item in found)
    out.say("Go." if go else f"No-go: {sum(not item.well for item in found)} of {len(found)} lines.")
    out.result(
        {
            "home": desk.home.root,
            "go": go,
            "lines": [
                {"about": item.about, "go": item.well, "seen": item.seen, "command": item.command}
                for item in found
            ],
        }
    )
    if not go:
        raise typer.Exit(UNWELL)
