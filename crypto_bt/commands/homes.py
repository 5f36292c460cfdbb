"""Which home a command works on, and the preparation of a new one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from crypto_bt.core.errors import UsageError
from crypto_bt.core.foreign_settings import drop_foreign_keys
from crypto_bt.runtime.home import Home, with_values, write_privately
from crypto_bt.settings import LIVE_HOME, PROJECT, Settings, load_settings, render_example, settings_notices

ROOT_ENV: Final = "# Written by set-up: a plain `dagster dev` in this folder opens the live home.\n"
DEMO_HOME: Final = PROJECT / "data" / "demo"

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", envvar="CRYPTO_BT_HOME", help="Folder of the home; default data/live."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]


def open_home(home: Path | None) -> Settings:
    """The settings of a home that exists; raises UsageError with the command that makes one."""
    settings = load_settings(home)
    if not settings.CRYPTO_BT_HOME.is_dir():
        raise UsageError(
            f"There is no home at {settings.CRYPTO_BT_HOME}.",
            f"Make one: crypto-bt init --home {settings.CRYPTO_BT_HOME}; or see the demo: crypto-bt demo",
        )
    return settings


def prepare_home(root: Path, values: Mapping[str, str | None]) -> Home:
    """Create or refresh the home at ``root``, with ``values`` as live lines of its ``.env`` (None: none)."""
    home = Home(root.resolve())
    home.prepare(
        render_example(),
        {"CRYPTO_BT_HOME": str(home.root), "DAGSTER_HOME": str(home.dagster), **values},
    )
    return home


def keep_keys_out(settings: Settings) -> None:
    """Say what is set without effect, and take other programs' keys out of this process and its children."""
    for text in settings_notices(settings.CRYPTO_BT_HOME):
        typer.echo(text, err=True)
    drop_foreign_keys(os.environ)


def init(
    home: HomeOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing when all is well.")] = False,
) -> None:
    """Create a home: its .env, its dagster.yaml and its folders. Safe to repeat.

    For the live home the project's own .env is written too, so that a plain `dagster dev` opens it. Then says
    whether exchange and Telegram can be reached, and what to do where not.
    """
    made = prepare_home(home or LIVE_HOME, {})
    load_settings(made.root)
    if made.root == LIVE_HOME.resolve():
        own = PROJECT / ".env"
        text = own.read_text() if own.exists() else ROOT_ENV
        write_privately(
            own, with_values(text, {"DAGSTER_HOME": str(made.dagster), "CRYPTO_BT_HOME": str(made.root)})
        )
    for text in settings_notices(made.root):
        typer.echo(text, err=True)
    if not quiet:
        typer.echo(f"The home {made.root} is ready. Its settings: {made.env_file}")
        _say_what_is_reached(made.root)


def _say_what_is_reached(root: Path) -> None:
    from crypto_bt.defs.reaching import exchange_answers, telegram_answers
    from crypto_bt.defs.resources import Desk

    desk = Desk.open(load_settings(root))
    for item in [*exchange_answers(desk, desk.clock()), *telegram_answers(desk, desk.clock())]:
        typer.echo(f"{item.about}: {item.seen}." + (f" {item.command}." if item.command else ""))
