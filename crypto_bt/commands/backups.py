"""``crypto-bt backup``: make, list, verify and prune backups."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output, minute
from crypto_bt.core.errors import StoreError

if TYPE_CHECKING:
    from crypto_bt.store.backup import BackupVerification
    from crypto_bt.store.backup_places import BackupPlace

app = typer.Typer(help="Backups: create, list, verify, prune.", no_args_is_help=True)


@app.command()
def create(
    reason: Annotated[str, typer.Option(help="Why, for whoever lists the backups.")] = "by hand",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify the home, then back up what the last backup lacks; off this machine too if this week has none.

    Refused for a home that does not verify, and when the disk is nearly full.

    Example: crypto-bt backup create --reason "before the new disk"
    """
    from crypto_bt.defs.backing_up import back_up
    from crypto_bt.defs.resources import Desk

    desk = Desk.open(open_home(home))
    out = Output(as_json=as_json)
    made = back_up(desk, reason, desk.clock())
    kept = made.copied.backup
    out.say(
        f"{kept.name}: {len(kept.files)} files of {kept.bytes():,} bytes; {made.copied.bytes:,} were copied, "
        "every piece is verified."
    )
    if made.offsite:
        out.say(f"Copied off this machine: {made.offsite.bytes:,} bytes.")
    if made.remark:
        out.say(made.remark, style="yellow")
    out.result(
        {
            "name": kept.name,
            "snapshot": kept.snapshot,
            "files": len(kept.files),
            "bytes": kept.bytes(),
            "copied_bytes": made.copied.bytes,
            "offsite": made.offsite is not None,
            "remark": made.remark,
            "reference": kept.reference,
        }
    )


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The finished backups here and off this machine, oldest first.

    Example: crypto-bt backup list
    """
    from crypto_bt.defs.backing_up import all_places
    from crypto_bt.defs.resources import Desk

    desk = Desk.open(open_home(home))
    rows = [row for place in all_places(desk) for row in _rows(place)]
    out = Output(as_json=as_json)
    head = ["backup", "made (UTC)", "snapshot", "reason", "files", "MB", "place"]
    keys = ["name", "made", "snapshot", "reason", "files", "mb", "place"]
    if rows:
        out.table(head, [[row[key] for key in keys] for row in rows])
    else:
        out.say("There is no backup yet. Make one: crypto-bt backup create" + desk.settings.home_option)
    out.result({"backups": rows})


def _rows(place: "BackupPlace") -> list[dict[str, Any]]:
    from crypto_bt.store.backup_manifests import backup_names, made_at, read_backup

    rows = []
    for name in backup_names(place):
        row: dict[str, Any] = {"name": name, "made": minute(made_at(name)), "place": place.address}
        try:
            backup = read_backup(place, name)
        except StoreError:
            rows.append({**row, "snapshot": "-", "reason": "its manifest is damaged", "files": 0, "mb": "-"})
            continue
        told = {"snapshot": backup.snapshot or "-", "reason": backup.reason, "files": len(backup.files)}
        rows.append({**row, **told, "mb": f"{backup.bytes() / 1e6:.1f}"})
    return rows


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="One backup; default: all.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hash every piece of every backup; exit code 3 if one is damaged.

    Example: crypto-bt backup verify
    """
    from crypto_bt.defs.backing_up import all_places
    from crypto_bt.defs.resources import Desk
    from crypto_bt.store.backup import verify_backups
    from crypto_bt.store.backup_manifests import check_name

    desk = Desk.open(open_home(home))
    out = Output(as_json=as_json)
    names = [check_name(name)] if name else None
    seen = [(place, item) for place in all_places(desk) for item in verify_backups(place, names)]
    for place, item in seen:
        out.say(_verdict(place, item), style=None if item.ok else "red")
    if not seen:
        out.say(
            "There is nothing to verify. Make a backup: crypto-bt backup create" + desk.settings.home_option
        )
    out.result(
        {
            "backups": [
                {
                    "name": item.name, "place": place.address, "ok": item.ok, "pieces": item.pieces,
                    "of": item.of, "bytes": item.bytes, "damaged": item.damaged,
                }
                for place, item in seen
            ]
        }
    )  # fmt: skip
    if not all(item.ok for _, item in seen):
        raise typer.Exit(UNWELL)


def _verdict(place: "BackupPlace", item: "BackupVerification") -> str:
    if item.ok:
        return f"{item.name} at {place.address}: whole, {item.of} pieces of {item.bytes:,} bytes hashed"
    more = f" and {len(item.damaged) - 1} more" if len(item.damaged) > 1 else ""
    return f"{item.name} at {place.address}: DAMAGED, {item.damaged[0]}{more}"


@app.command()
def prune(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Remove the local backups beyond three days and three Sundays; the newest good one always stays.

    Example: crypto-bt backup prune
    """
    from crypto_bt.defs.backing_up import alone, prune_local
    from crypto_bt.defs.resources import Desk

    desk = Desk.open(open_home(home))
    out = Output(as_json=as_json)
    with alone(desk, "crypto-bt backup prune", 0):
        done = prune_local(desk, desk.clock())
    out.say(f"Removed {len(done.names)} backups and {done.pieces} pieces, {done.bytes:,} bytes.")
    out.result({"removed": done.names, "pieces": done.pieces, "bytes": done.bytes})
