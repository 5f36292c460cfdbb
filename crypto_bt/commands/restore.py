"""``crypto-bt restore`` and ``crypto-bt rollback``: back to a backup, or to an older snapshot."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import Output, minute
from crypto_bt.core.errors import UsageError

if TYPE_CHECKING:
    from crypto_bt.defs.resources import Desk

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def restore(
    name: Annotated[str | None, typer.Argument(help="Name of the backup, see: crypto-bt backup list")] = None,
    latest: Annotated[bool, typer.Option("--latest", help="The newest good backup.")] = False,
    to: Annotated[Path | None, typer.Option(help="Restore into this new folder; the home stays.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also Dagster's home, outbox and ledgers; stop `up` first.")
    ] = False,
    yes: YesOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put back what a backup holds: shows what will change, and asks.

    The market goes back to the backup's snapshot (later ones stay), nights that are missing or damaged come
    back. What is there and whole is backed up first. Backups off this machine are found too.

    Example: crypto-bt restore --latest
    """
    from crypto_bt.defs.resources import Desk
    from crypto_bt.defs.restoring_desk import find_backup, preview, restore_desk
    from crypto_bt.store.restoring import restore_to

    if (name is None) == (not latest):
        raise UsageError("Name one backup, or --latest.", "See what there is: crypto-bt backup list")
    desk = Desk.open(open_home(home))
    out = Output(as_json=as_json)
    place, backup = find_backup(desk, name)
    out.say(f"{backup.name} at {place.address}, made {minute(backup.created_at)} UTC ({backup.reason})")
    if to is not None:
        target = restore_to(place, backup, to)
        out.say(f"Restored and verified: {len(backup.files)} files in {target}.")
        out.result({"name": backup.name, "to": target, "files": len(backup.files)})
        return
    lines = preview(desk, backup, everything=everything).lines
    out.table(["part", "now", "after", "files to put back"], [list(line) for line in lines])
    _ask(yes, as_json, "Restore it?")
    done = restore_desk(desk, place, backup, everything=everything, now=desk.clock())
    if done.before:
        out.say(f"What was there is kept as {done.before}.")
    out.say(f"Restored. Newest snapshot: {done.snapshot or 'none'}; {done.put_back} files were put back.")
    for path in done.aside:
        out.say(f"kept aside: {path}")
    out.say(f"Fetch what is missing since: crypto-bt data repair{desk.settings.home_option}")
    out.result(
        {
            "name": backup.name,
            "snapshot": done.snapshot,
            "put_back": done.put_back,
            "aside": done.aside,
            "before": done.before,
        }
    )


def rollback(
    hours: Annotated[float, typer.Option(help="How old the snapshot must be at least.", min=0)] = 48,
    yes: YesOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go back to the newest market snapshot that is so old; nothing is removed.

    The nightly job and catch_up wait until `crypto-bt resume`.

    Example: crypto-bt rollback --hours 48
    """
    from crypto_bt.defs.resources import Desk
    from crypto_bt.defs.restoring_desk import roll_back

    desk = Desk.open(open_home(home))
    out = Output(as_json=as_json)
    _show_snapshots(desk, out)
    _ask(yes, as_json, f"Roll back by {hours:g} hours?")
    snapshot, before = roll_back(desk, hours, desk.clock(), f"rollback by {getpass.getuser()}")
    out.say(f"The newest state is now snapshot {snapshot.id}, published {minute(snapshot.published_at)} UTC.")
    out.say(f"The nightly job and catch_up wait. To go on: crypto-bt resume{desk.settings.home_option}")
    out.result({"snapshot": snapshot.id, "published_at": snapshot.published_at, "before": before})


def _show_snapshots(desk: "Desk", out: Output) -> None:
    current = desk.store.current()
    out.say(f"The newest state is {current.id if current else 'none'}; there are:")
    rows = [[item.id, minute(item.published_at), item.published_by] for item in desk.store.snapshots()[-12:]]
    if rows:
        out.table(["snapshot", "published (UTC)", "by"], rows)


def _ask(yes: bool, as_json: bool, question: str) -> None:
    if yes:
        return
    if as_json:
        raise UsageError("Nobody can be asked under --json.", "Add --yes.")
    typer.confirm(question, abort=True)
