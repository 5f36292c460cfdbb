"""``crypto-bt upgrade``: bring a home to this version of the program, with a way back."""

from typing import Annotated

import typer

from crypto_bt import __version__
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home, prepare_home
from crypto_bt.commands.output import Output
from crypto_bt.core.errors import UsageError


def upgrade(
    undo: Annotated[
        bool, typer.Option("--undo", help="Go back to the backup that the last upgrade made first.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up, migrate the stores and Dagster's databases, verify. Stop `up` and the web UI first.

    Safe to repeat. What an upgrade changed is taken back with --undo.

    Example: crypto-bt upgrade
    """
    from crypto_bt.defs.resources import Desk
    from crypto_bt.defs.upgrading import undo_upgrade, upgrade_desk

    settings = open_home(home)
    out = Output(as_json=as_json)
    desk = Desk.open(settings)
    if undo:
        outcome = undo_upgrade(desk, desk.clock())
        if outcome is None:
            raise UsageError(
                "No backup was made before an upgrade.", "See what there is: crypto-bt backup list"
            )
        out.say(f"Back as it was in {outcome.name}. Use the program's older version from here on.")
        out.result({"undone": outcome.name})
        return
    prepare_home(desk.home.root, {})
    done = upgrade_desk(desk, desk.clock())
    kept = f"What was there is kept as {done.before}. " if done.before else ""
    out.say(f"{kept}The home is ready for version {__version__}; it verifies.")
    for line in done.steps:
        out.say(line)
    out.say(f"To go back: crypto-bt upgrade --undo{settings.home_option}")
    out.result({"before": done.before, "steps": done.steps, "version": __version__})
