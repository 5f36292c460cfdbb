"""``crypto-bt portfolio``: one account for all symbols, by the desk's risk rules."""

from dataclasses import replace
from typing import Annotated

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.options import SymbolsOption, parse_day
from crypto_bt.commands.output import Output, figure, minute, percent
from crypto_bt.commands.sweep import EndOption, Named, OutOption, StartOption
from crypto_bt.commands.trying import market_of, write_frames
from crypto_bt.core.errors import UsageError


def portfolio(
    strategy: Named,
    number: Annotated[
        int, typer.Option("--set", min=0, help="Parameter set, as numbered by crypto-bt sweep.")
    ] = 0,
    leverage: Annotated[
        float | None, typer.Option(min=1, help="Notional over margin of each position; default: its own.")
    ] = None,
    symbols: SymbolsOption = None,
    start: StartOption = None,
    end: EndOption = None,
    out: OutOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trade one parameter set with shared capital: risk per trade, limits, drawdown stops (RISK_* settings).

    In the other commands each symbol has an equal part of the capital for itself; here the symbols compete
    for one account, as they do on a desk. In sample: nothing is chosen on other days than are shown.

    Example: crypto-bt portfolio donchian_breakout --set 12 --leverage 3 --symbols 20
    """
    from crypto_bt.backtest.nightly.parameter_sets import parameter_sets
    from crypto_bt.backtest.nightly.signals import signals_of_sets
    from crypto_bt.backtest.shared_capital import simulate_shared_bars
    from crypto_bt.defs.night_settings import portfolio_of
    from crypto_bt.defs.resources import Desk

    output = Output(as_json=as_json)
    desk = Desk.open(open_home(home))
    sets = parameter_sets(strategy, {})
    if number >= len(sets):
        raise UsageError(
            f"{strategy} has no parameter set {number}.",
            f"They are numbered from 0 to {len(sets) - 1}: crypto-bt sweep {strategy}.",
        )
    chosen = sets[number]
    span = parse_day(start, "--start") if start else None, parse_day(end, "--end") if end else None
    market = market_of(desk, strategy, symbols, *span)
    spec = market.spec
    signals = signals_of_sets(market, [chosen.alone()])
    output.note(f"Trading {len(market.traded_symbols)} symbols from one account ...")
    rules = chosen.rules(spec.costs, spec.execution)
    bars, placement = market.bars_of(market.traded_symbols, market.days)
    result = simulate_shared_bars(
        bars,
        signals.on(placement),
        rules=replace(rules, sizing=replace(rules.sizing, leverage=leverage)),
        portfolio=portfolio_of(desk.settings),
        initial_capital=spec.initial_capital,
    )
    figures = result.metrics.row(0, named=True)
    output.table(
        ["figure", "value"],
        [
            ["parameter set", f"{number}: " + ", ".join(f"{k} {v}" for k, v in chosen.described.items())],
            ["net return", percent(figures["net_return"])],
            ["sharpe", figure(figures["sharpe"])],
            ["max drawdown", percent(figures["max_drawdown"])],
            ["trades", figures["trades"]],
            ["most positions at once", result.bar_equity["positions"].max()],
            ["liquidations", figures["liquidations"]],
        ],
        title=f"{strategy}: one account of {spec.initial_capital:,.0f} USDT for all symbols",
    )
    refused = {cause: count for cause, count in result.refusals.items() if count}
    output.say("Refused entries: " + (", ".join(f"{c} {n}" for c, n in refused.items()) or "none") + ".")
    for stop in result.drawdown_stops.head(5).iter_rows(named=True):
        what = "closed for good" if stop["cause"] == "total" else "closed, waiting"
        output.say(f"{minute(stop['time'])}: {stop['cause']} drawdown stop, all positions {what}.")
    if (more := len(result.drawdown_stops) - 5) > 0:
        output.say(f"... and {more} more drawdown stops.")
    frames = {
        "trades": result.trades,
        "equity": result.equity,
        "bar_equity": result.bar_equity,
        "drawdown_stops": result.drawdown_stops,
    }
    output.result(
        {
            "strategy": strategy,
            "parameter_set": number,
            "figures": figures,
            "refusals": result.refusals,
            "drawdown_stops": result.drawdown_stops.to_dicts(),
            "files": write_frames(out, frames) if out else [],
        }
    )
