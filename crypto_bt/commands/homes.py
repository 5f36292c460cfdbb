"""Which home a command works on, and the preparation of a new one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

import crypto_bt
from crypto_bt.core.errors import UsageError
from crypto_bt.runtime.home import Home
from crypto_bt.settings import Settings, load_settings, render_example

PROJECT: Final = Path(crypto_bt.__file__).resolve().parent.parent
DEMO_HOME: Final = Path("data/demo")

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


def prepare_home(root: Path, values: Mapping[str, str]) -> Home:
    """Create or refresh the home at ``root``, with ``values`` as live lines of its ``.env``."""
    home = Home(root.resolve())
    home.prepare(
        render_example(),
        {"CRYPTO_BT_HOME": str(home.root), "DAGSTER_HOME": str(home.dagster), **values},
    )
    return home


def init(
    home: HomeOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing when all is well.")] = False,
) -> None:
    """Create a home: its .env, its dagster.yaml and its folders. Safe to repeat.

    For the live home the project's own .env is written too, so that a plain `dagster dev` opens it.
    """
    root = home or PROJECT / "data" / "live"
    made = prepare_home(root, {})
    load_settings(made.root)
    if made.root == (PROJECT / "data" / "live").resolve():
        (PROJECT / ".env").write_text(
            "# Written by set-up: points a plain `dagster dev` in this folder to the live home.\n"
            f"DAGSTER_HOME={made.dagster}\nCRYPTO_BT_HOME={made.root}\n"
        )
    if not quiet:
        typer.echo(f"The home {made.root} is ready. Its settings: {made.env_file}")
