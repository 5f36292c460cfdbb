"""``crypto-bt doctor``: what is wrong, what it means, and the command that mends it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.market import Timeframe
from crypto_bt.settings import settings_notices

if TYPE_CHECKING:
    from crypto_bt.defs.resources import Desk


def doctor(
    mend: Annotated[
        bool, typer.Option("--mend", help="Mend damaged stores, and fetch what that lost.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hash, read and look at everything of a home; say what is wrong and the command that mends it.

    Exit code 3 when something is wrong.

    Example: crypto-bt doctor --mend
    """
    from crypto_bt.defs.findings import findings
    from crypto_bt.defs.resources import Desk

    desk = Desk.open(open_home(home))
    out = Output(as_json=as_json)
    mended = _mend(desk, out) if mend else ""
    found = findings(desk, desk.clock())
    told = settings_notices(desk.home.root)
    out.table(
        ["", "what", "seen"],
        [["well" if item.well else "WRONG", item.about, item.seen] for item in found],
    )
    for item in found:
        if not item.well and item.command:
            out.say(f"{item.about}: {item.command}", style="yellow")
    for text in told:
        out.say(text)
    out.result(
        {
            "home": desk.home.root,
            "well": all(item.well for item in found),
            "mended": mended,
            "notices": told,
            "findings": [
                {"about": item.about, "well": item.well, "seen": item.seen, "command": item.command}
                for item in found
            ],
        }
    )
    if not all(item.well for item in found):
        raise typer.Exit(UNWELL)


def _mend(desk: "Desk", out: Output) -> str:
    from crypto_bt.commands.fetching import fetch_days
    from crypto_bt.commands.loopback import reachable
    from crypto_bt.defs.backup_sensor import OWN
    from crypto_bt.defs.recovery import mend, resolve
    from crypto_bt.defs.resources import Desk
    from crypto_bt.store.recovery_ledger import REFILLED, RecoveryLedger

    now = desk.clock()
    done = mend(desk, now, by_person=True)
    out.say(done.plan.text)
    ledger = RecoveryLedger(desk.home.root)
    pending = ledger.pending()
    if pending:
        with reachable(desk.settings) as answering:
            for item in pending:
                start = Timeframe.D1.floor(item.start)
                days = (start, Timeframe.D1.floor(item.end) + timedelta(days=1))
                if item.dataset not in OWN:
                    out.note(f"Fetching {item.dataset} from {days[0]:%F} to {days[1]:%F} again ...")
                    fetch_days(out, Desk.open(answering), [item.dataset], desk.settings.SYMBOLS, days)
                ledger.note(REFILLED, now, id=item.id)
    try:
        resolve(desk, now)
    except CryptoBtError as error:
        out.note(str(error))
    return done.plan.text
