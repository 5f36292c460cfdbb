"""The command line, ``crypto-bt``: commands from ``commands/``, errors as one clear sentence.

Exit codes: 0 done; 1 it could not be done (the sentence says why); 2 the command was written wrongly;
3 done, and the data or a check is not well; 130 stopped by Ctrl-C.
"""

import signal
import sys
from collections.abc import Callable
from typing import Annotated, Final

import typer

from crypto_bt import __version__
from crypto_bt.commands import (
    alerts,
    backtest,
    backups,
    compare,
    compare_live,
    data,
    deadman,
    demo,
    dev,
    doctor,
    holding,
    homes,
    logs,
    portfolio,
    preflight,
    report,
    restore,
    simulate,
    slo,
    sql,
    status,
    strategy,
    sweep,
    universe,
    up,
    upgrade,
)
from crypto_bt.core.errors import CryptoBtError

INTERRUPTED: Final = 130
EPILOG: Final = (
    "Start with: crypto-bt demo, then crypto-bt dev --home data/demo. "
    "Exit codes: 0 done, 1 could not be done, 2 written wrongly, 3 done but not well, 130 stopped by Ctrl-C."
)

app = typer.Typer(
    name="crypto-bt",
    help="Fresh market data and honest nightly backtests for a crypto-futures desk.",
    epilog=EPILOG,
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Options of crypto-bt itself."""
    if version:
        typer.echo(f"crypto-bt {__version__}")
        raise typer.Exit


#: The commands by what somebody wants to do, in the order in which --help shows them.
_PANELS: Final[dict[str, dict[str, Callable[..., None] | typer.Typer]]] = {
    "Begin": {
        "demo": demo.demo,
        "dev": dev.dev,
        "init": homes.init,
        "up": up.up,
        "preflight": preflight.preflight,
    },
    "Every day": {
        "status": status.status,
        "slo": slo.slo,
        "logs": logs.logs,
        "report": report.report,
        "pause": holding.pause,
        "resume": holding.resume,
        "alerts": alerts.app,
        "deadman": deadman.deadman,
    },
    "Backtests": {
        "backtest": backtest.backtest,
        "sweep": sweep.sweep,
        "walk-forward": sweep.walk_forward,
        "portfolio": portfolio.portfolio,
        "compare": compare.compare,
        "compare-live": compare_live.compare_live,
        "strategy": strategy.app,
    },
    "Data": {"data": data.app, "universe": universe.app, "sql": sql.sql, "simulate": simulate.simulate},
    "When something is wrong": {
        "doctor": doctor.doctor,
        "backup": backups.app,
        "restore": restore.restore,
        "rollback": restore.rollback,
        "upgrade": upgrade.upgrade,
    },
}
for panel, commands in _PANELS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)


def main() -> None:
    """Run the command line; a deliberate error becomes one sentence on standard error and exit code 1."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        app()
    except CryptoBtError as error:
        sys.stderr.write(f"crypto-bt: {error}\n")
        raise SystemExit(1) from None
    except OSError as error:
        sys.stderr.write(f"crypto-bt: {error.strerror or error}: {error.filename or 'no file named'}\n")
        raise SystemExit(1) from None
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            sys.stderr.write("crypto-bt: stopped. Nothing is half-done; run the command again to go on.\n")
        raise


if __name__ == "__main__":
    main()
