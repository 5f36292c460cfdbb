"""``crypto-bt sweep`` and ``crypto-bt walk-forward``: one strategy's grid, in sample and out of it."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.options import SymbolsOption, parse_day
from crypto_bt.commands.output import Output, figure, percent
from crypto_bt.commands.trying import try_strategy, write_frames
from crypto_bt.core.errors import UsageError

Named = Annotated[str, typer.Argument(metavar="STRATEGY", help="Such as ema_cross.")]
StartOption = Annotated[str | None, typer.Option(help="First day, such as 2026-01-01; default: all stored.")]
EndOption = Annotated[str | None, typer.Option(help="Day after the last one; default: now.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder for the tables as Parquet and CSV.")]
SORTS: Final = ("sharpe", "net_return", "max_drawdown", "profit_factor", "win_rate", "trades")


def sweep(
    strategy: Named,
    symbols: SymbolsOption = None,
    start: StartOption = None,
    end: EndOption = None,
    sort: Annotated[str, typer.Option(help=f"One of {', '.join(SORTS)}.")] = "sharpe",
    top: Annotated[int, typer.Option(min=1, help="How many sets to show.")] = 10,
    out: OutOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every set of signals with every way to leave a position, on the home's candles; in sample.

    The best row is partly luck: PBO and the deflated Sharpe ratio say how much, and the command walk-forward
    tests the choice.

    Example: crypto-bt sweep ema_cross --symbols 20 --sort net_return
    """
    from crypto_bt.backtest.nightly.judging import choose, overfitting
    from crypto_bt.backtest.nightly.outcome import sets_rows
    from crypto_bt.defs.resources import Desk

    if sort not in SORTS:
        raise UsageError(f"--sort {sort!r} is not a figure of a set.", f"Choose from {', '.join(SORTS)}.")
    output = Output(as_json=as_json)
    desk = Desk.open(open_home(home))
    span = parse_day(start, "--start") if start else None, parse_day(end, "--end") if end else None
    market, trial, sweeps = try_strategy(desk, strategy, symbols, *span, output)
    swept = sweeps.swept[strategy]
    table = sets_rows(trial.sets, swept).sort(sort, descending=True, nulls_last=True, maintain_order=True)
    chosen = choose(swept.daily, market.days[0], market.spec.walk_forward)
    luck = overfitting(swept.daily, chosen, trials=market.spec.trials or 1, seed=market.spec.seed)
    output.table(
        ["set", "signals", "exits", "net return", "sharpe", "max drawdown", "trades"],
        [
            [
                row["parameter_set"],
                row["signals"],
                row["exits"],
                percent(row["net_return"]),
                figure(row["sharpe"]),
                percent(row["max_drawdown"]),
                row["trades"],
            ]
            for row in table.head(top).iter_rows(named=True)
        ],
        title=f"{strategy}: the {min(top, table.height)} best of {table.height} parameter sets by {sort}",
    )
    output.say(
        "In sample: chosen on the very days that are shown. Probability of overfitting "
        f"{luck['pbo']:.0%}, deflated Sharpe ratio {figure(luck['deflated_sharpe'])} after "
        f"{luck['trials']:,} trials."
    )
    if market.spec.trials_doubt:
        output.say(market.spec.trials_doubt)
    written = write_frames(out, {"parameter_sets": table}) if out else []
    output.result({"strategy": strategy, "sets": table.to_dicts(), "overfitting": luck, "files": written})


def walk_forward(
    strategy: Named,
    symbols: SymbolsOption = None,
    start: StartOption = None,
    end: EndOption = None,
    train: Annotated[int | None, typer.Option(min=30, help="Days to choose on; default: settings.")] = None,
    test: Annotated[int | None, typer.Option(min=1, help="Days to test on after them.")] = None,
    step: Annotated[int | None, typer.Option(min=1, help="Days from one choice to the next.")] = None,
    purge: Annotated[int | None, typer.Option(min=0, help="Days left out between the two.")] = None,
    embargo: Annotated[int | None, typer.Option(min=0, help="Days after a test never chosen on.")] = None,
    anchored: Annotated[bool, typer.Option(help="Choose on all days since the first.")] = False,
    out: OutOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose a strategy's parameters on past days, test them on later ones, and judge what came of it.

    Example: crypto-bt walk-forward ema_cross --train 120 --out ./ema
    """
    from crypto_bt.backtest.metrics import return_figures
    from crypto_bt.backtest.nightly.examining import examine
    from crypto_bt.backtest.nightly.judging import choose, overfitting
    from crypto_bt.backtest.nightly.outcome import equity_rows, verdict_of, windows_rows
    from crypto_bt.backtest.nightly.parameter_sets import distinct_signals
    from crypto_bt.backtest.nightly.recording import Alone, record_all, stitched_equity
    from crypto_bt.backtest.trade_metrics import trade_figures
    from crypto_bt.defs.resources import Desk

    output = Output(as_json=as_json)
    desk = Desk.open(open_home(home))
    span = parse_day(start, "--start") if start else None, parse_day(end, "--end") if end else None
    market, trial, sweeps = try_strategy(desk, strategy, symbols, *span, output)
    given = {"train": train, "test": test, "step": step, "purge": purge, "embargo": embargo}
    lengths = {name: value for name, value in given.items() if value is not None}
    plan = replace(
        market.spec.walk_forward, **lengths, anchored=anchored or market.spec.walk_forward.anchored
    )
    daily = sweeps.swept[strategy].daily
    chosen = choose(daily, market.days[0], plan)
    if chosen.walk is None:
        raise UsageError(
            f"{daily.shape[1] - 1} days are too short for one window of {plan.train} + {plan.purge} days and "
            "one to test on.",
            "Load more (crypto-bt data backfill), or choose on fewer: --train.",
        )
    with output.stages() as advance:
        told = partial(advance, "recording symbols")
        every = record_all(market, {strategy: trial}, {strategy: chosen.in_charge}, Alone(), told)
    recorded = every[strategy]
    found: dict[str, Any] = {
        **return_figures(stitched_equity(chosen.returns)),
        **trade_figures(recorded.trades),
    }
    luck = overfitting(daily, chosen, trials=market.spec.trials or 1, seed=market.spec.seed)
    leak = examine(distinct_signals(trial.sets), market)["lookahead"]
    verdict = verdict_of(chosen, found, recorded.trades, market.spec, luck, leak)
    windows = windows_rows(chosen, market.days[0])
    output.table(
        ["trained from", "tested from", "in charge to", "set", "in sample", "out of sample"],
        [
            [
                f"{row['train_start']:%Y-%m-%d}",
                f"{row['test_start']:%Y-%m-%d}",
                f"{row['in_charge_end']:%Y-%m-%d}",
                "cash" if row["parameter_set"] is None else row["parameter_set"],
                figure(row["in_sample_sharpe"]),
                figure(row["out_of_sample_sharpe"]),
            ]
            for row in windows.iter_rows(named=True)
        ],
        title=f"{strategy}: Sharpe ratio by window",
    )
    output.say(
        f"Out of sample, {len(chosen.returns)} days: net return {percent(found['net_return'])}, "
        f"Sharpe ratio {figure(found['sharpe'])} (95 %: {figure(luck['sharpe_low'])} to "
        f"{figure(luck['sharpe_high'])}), max drawdown {percent(found['max_drawdown'])}, "
        f"{found['trades']} trades."
    )
    output.say(verdict.reason)
    if market.spec.trials_doubt:
        output.say(market.spec.trials_doubt)
    frames = {"windows": windows, "equity": equity_rows(chosen), "trades": recorded.trades}
    written = write_frames(out, frames) if out else []
    output.result(
        {
            "strategy": strategy,
            "windows": windows.to_dicts(),
            "figures": found,
            "overfitting": luck,
            "verdict": {"decision": verdict.decision.value, "reason": verdict.reason},
            "files": written,
        }
    )
