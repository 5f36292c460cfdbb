"""``crypto-bt compare-live``: live trades against the backtest's of the same strategy and days."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.options import SymbolsOption, parse_day, parse_symbols
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import Timeframe

if TYPE_CHECKING:
    from crypto_bt.backtest.live.compare import Comparison
    from crypto_bt.defs.live_side import Live
    from crypto_bt.defs.live_sources import Backtest

_DAY: Final = timedelta(days=1)
_SEED: Final = 20_261_121


def compare_live(
    trades: Annotated[Path, typer.Argument(help="CSV or Parquet: fills, or round trips.")],
    strategy: Annotated[
        str | None, typer.Option(help="Whose trades they are, where the file does not say; else only these.")
    ] = None,
    backtest: Annotated[
        Path | None, typer.Option(help="Parquet file of a backtest's trades; default: the home's last night.")
    ] = None,
    night: Annotated[str | None, typer.Option(help="Day of the night; default: the last one.")] = None,
    funding: Annotated[
        Path | None, typer.Option(help="CSV or Parquet of funding received (the exchange's history).")
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(help="The strategy's bars, where the backtest does not say: 4h.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=10.0, help="Bars that two entries may be apart.")
    ] = 1.0,
    start: Annotated[str | None, typer.Option(help="First day; default: that of the first fill.")] = None,
    end: Annotated[
        str | None, typer.Option(help="Day after the last; default: that after the last fill.")
    ] = None,
    symbols: SymbolsOption = None,
    held: Annotated[
        list[str] | None, typer.Option(help="BTCUSDT=-0.5: held when the file begins (repeat for more).")
    ] = None,
    rate: Annotated[
        list[str] | None, typer.Option(help="BNB=612.5: worth of a commission's asset (repeat for more).")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Match live trades with the backtest's, and measure slippage, commission and funding of each.

    Tells what the backtest traded and live did not (missed) and the reverse (extra), and offers the measured
    slippage as the model's setting. Exit code 3 when anything was missed or extra.

    Example: crypto-bt compare-live fills.csv --strategy ema_cross --funding income.csv
    """
    from crypto_bt.commands.live_report import say_comparison
    from crypto_bt.defs.live_comparing import Asked, compare_all, result_of
    from crypto_bt.defs.live_side import named_figures, read_live
    from crypto_bt.defs.live_sources import backtest_file, backtest_of_night

    if backtest is not None:
        if night is not None:
            raise UsageError("--backtest and --night both name the backtest.", "Give one of them.")
        source, now, env_file = backtest_file(backtest), datetime.now(UTC), None
    else:
        settings = open_home(home)
        source = backtest_of_night(settings, parse_day(night, "--night").date() if night else None)
        now = settings.FIXED_NOW or datetime.now(UTC)
        env_file = settings.CRYPTO_BT_HOME / ".env"
    live = read_live(
        trades,
        funding=funding,
        held=named_figures(held, "--held"),
        rates=named_figures(rate, "--rate"),
        now=now,
    )
    asked = Asked(
        strategy=strategy,
        timeframe=_timeframe(timeframe),
        tolerance=tolerance,
        start=parse_day(start, "--start") if start else None,
        end=parse_day(end, "--end") if end else None,
        symbols=_chosen_symbols(symbols, live, source),
    )
    comparisons = compare_all(live, source, asked)
    out = Output(as_json=as_json)
    result = result_of(trades, source.name, comparisons, live.notes)
    say_comparison(out, result, _left_out(comparisons, source), env_file)
    out.result(result)
    if any(made.missed.height or made.extra.height for made in comparisons):
        raise typer.Exit(UNWELL)


def _timeframe(asked: str | None) -> Timeframe | None:
    if asked is not None and asked not in list(Timeframe):
        raise UsageError(f"--timeframe {asked!r} is not kept.", f"There are {', '.join(Timeframe)}.")
    return Timeframe(asked) if asked is not None else None


def _chosen_symbols(text: str | None, live: "Live", source: "Backtest") -> list[str] | None:
    if text is None:
        return None
    there = set(live.trades["symbol"]).union(*(frame["symbol"] for frame in source.trades.values()))
    return parse_symbols(text, sorted(there))


def _left_out(comparisons: Sequence["Comparison"], source: "Backtest") -> list[str]:
    """Symbols of extra trades that the backtest could not trade, because the night left them out."""
    extra = {symbol for made in comparisons for symbol in made.extra["symbol"]}
    return sorted(extra & set(source.left_out or ()))
