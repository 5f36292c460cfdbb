"""``crypto-bt pause`` and ``crypto-bt resume``: what must not run for a while."""

import getpass
from typing import Annotated, Final

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import Output
from crypto_bt.core.errors import UsageError
from crypto_bt.core.holds import CATCH_UP, NIGHT, Hold

#: What can be paused, and what that means.
HOLDABLE: Final = {
    NIGHT: "no night is started, and one under way stops within seconds",
    CATCH_UP: "missing data is not fetched by itself",
}
What = Annotated[str, typer.Argument(metavar="[WHAT]", help=f"One of {', '.join(HOLDABLE)}.")]


def pause(
    what: What = NIGHT,
    reason: Annotated[str, typer.Option(help="Why; shown wherever it is missed.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop the nightly backtest, also in the middle of one, until resume; nothing half-made is published.

    Example: crypto-bt pause --reason "deployment of the trader"
    """
    from crypto_bt.defs.resources import Desk
    from crypto_bt.store.holds import place_hold, read_holds

    _require_known(what)
    out = Output(as_json=as_json)
    desk = Desk.open(open_home(home))
    new = place_hold(desk.home.root, Hold(what, desk.clock(), _who(), " ".join(reason.split())[:200]))
    hold = read_holds(desk.home.root)[what]
    out.say(f"{what} is {'now' if new else 'already'} {hold.text}: {HOLDABLE[what]}.")
    out.say(f"Resume it: crypto-bt resume{'' if what == NIGHT else f' {what}'}{desk.settings.home_option}")
    out.result({"name": what, "since": hold.since, "by": hold.by, "reason": hold.reason, "new": new})


def resume(
    what: Annotated[str | None, typer.Argument(metavar="[WHAT]", help="Default: all that is paused.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let run again what was paused by a person, the breaker or the live trader's guard.

    Crashes up to now no longer count for the breaker. A night that was missed meanwhile is computed by
    itself within BACKTEST_CATCHUP_WINDOW, else by crypto-bt backtest.

    Example: crypto-bt resume
    """
    from crypto_bt.defs.night_watch import tell_resumed
    from crypto_bt.defs.resources import Desk
    from crypto_bt.store.crash_ledger import record_resumed
    from crypto_bt.store.holds import lift_holds

    if what is not None:
        _require_known(what)
    out = Output(as_json=as_json)
    desk = Desk.open(open_home(home))
    names = tuple(HOLDABLE) if what is None else (what,)
    lifted = lift_holds(desk.home.root, names)
    if NIGHT in names:
        record_resumed(desk.home.root, desk.clock())
    for hold in lifted:
        out.say(f"{hold.name} runs again; it was {hold.text}.")
        tell_resumed(desk, hold)
    if not lifted:
        out.say("Nothing was paused.")
    out.result({"resumed": [hold.name for hold in lifted]})


def _require_known(what: str) -> None:
    if what not in HOLDABLE:
        raise UsageError(f"{what!r} cannot be paused.", f"Choose from {', '.join(HOLDABLE)}.")


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
