"""The command line, ``crypto-bt``: commands from ``commands/``, errors as one clear sentence.

Exit codes: 0 done; 1 it could not be done (the sentence says why); 2 the command was written wrongly;
3 done, and the data or a check is not well; 130 stopped by Ctrl-C.
"""

import signal
import sys
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
EPILOG: Final = "Start with: crypto-bt demo, then crypto-bt dev --home data/demo"

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


app.command()(homes.init)
app.command()(demo.demo)
app.command()(dev.dev)
app.command()(up.up)
app.command()(simulate.simulate)
app.command()(backtest.backtest)
app.command()(compare.compare)
app.command("compare-live")(compare_live.compare_live)
app.command()(report.report)
app.command()(holding.pause)
app.command()(holding.resume)
app.command()(status.status)
app.command()(slo.slo)
app.command()(logs.logs)
app.command("sql")(sql.sql)
app.command()(restore.restore)
app.command()(restore.rollback)
app.command()(doctor.doctor)
app.command()(preflight.preflight)
app.command()(upgrade.upgrade)
app.add_typer(backups.app, name="backup")
app.command()(deadman.deadman)
app.add_typer(alerts.app, name="alerts")
app.add_typer(data.app, name="data")
app.add_typer(universe.app, name="universe")
app.command("sweep")(sweep.sweep)
app.command("walk-forward")(sweep.walk_forward)
app.command("portfolio")(portfolio.portfolio)
app.add_typer(strategy.app, name="strategy")


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
