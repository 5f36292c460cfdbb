"""``crypto-bt demo``: the whole pipeline for real, on a market served over a loopback socket."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from crypto_bt.commands.fetching import fetch_days, remarks_of
from crypto_bt.commands.homes import DEMO_HOME, JsonOption, prepare_home
from crypto_bt.commands.loopback import LoopbackMarket, served
from crypto_bt.commands.night_summary import night_summary, say_night
from crypto_bt.commands.options import parse_datasets
from crypto_bt.commands.output import Output
from crypto_bt.commands.simulate import market_of
from crypto_bt.core.errors import CryptoBtError, UsageError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.night import last_due_night
from crypto_bt.runtime.home import Home, make_folder
from crypto_bt.settings import load_settings

SYNTHETIC_DAYS, RECORDED_DAYS = 180, 150


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What a demo will load, decided before anything is written."""

    market: LoopbackMarket
    source: str
    start: datetime
    end: datetime
    night: date
    values: dict[str, str | None]


def demo(
    seed: Annotated[int, typer.Option(help="Seed of the invented market.", min=0)] = 7,
    symbols: Annotated[
        int, typer.Option(help="How many symbols; 0: all (60 invented, 47 recorded).", min=0)
    ] = 0,
    days: Annotated[
        int, typer.Option(help="How many days; 0: 180 of the invented market, 150 recorded.", min=0, max=2000)
    ] = 0,
    recorded: Annotated[
        Path | None, typer.Option(help="Use the recorded market in this folder instead of an invented one.")
    ] = None,
    home: Annotated[
        Path, typer.Option(envvar="CRYPTO_BT_HOME", help="Folder of the demo's home.")
    ] = DEMO_HOME,
    as_json: JsonOption = False,
) -> None:
    """Fetch, validate, publish, backtest, report: the whole night on a loopback exchange.

    The market is invented (or recorded with --recorded); everything else is what a live home does.

    Example: crypto-bt demo --symbols 10 --days 120
    """
    began = perf_counter()
    out = Output(as_json=as_json)
    market = market_of(seed, symbols, recorded, days or (RECORDED_DAYS if recorded else SYNTHETIC_DAYS))
    plan = _plan(market)
    with _own_home(home.resolve(), plan) as prepared, served(market) as url:
        # First, so that a home left by a kill never looks like a live one.
        market.save(prepared.market_file)
        prepare_home(prepared.root, {"EXCHANGE_URL": url, **plan.values})
        kind = "recorded" if recorded else "simulated, the prices are invented"
        out.say(f"Market: {plan.source} ({kind}), served on {url}")
        result = _run(prepared, plan, out)
    result["seconds"] = round(perf_counter() - began, 1)
    say_night(out, result)
    out.say(f"Done in {result['seconds']:.0f} s. The report: {result['report']}")
    look = "make dev-demo" if home.resolve() == DEMO_HOME else f"crypto-bt dev --home {home}"
    out.say(f"See it all in the Dagster web UI: {look}")
    out.result(result)


def _plan(market: LoopbackMarket) -> DemoPlan:
    built = market.build()
    now = built.now()
    today = Timeframe.D1.floor(now)
    end = today if now == today else today + timedelta(days=1)
    values: dict[str, str | None] = {
        "SYMBOLS": ",".join(info.symbol for info in built.symbols()),
        "FIXED_NOW": None,
        "HISTORY_START": None,
    }
    if market.recorded is None:
        return DemoPlan(
            market, built.source, today - timedelta(days=market.days), end, last_due_night(now), values
        )
    start = end - timedelta(days=market.days)
    values |= {"FIXED_NOW": now.isoformat(), "HISTORY_START": f"{start:%Y-%m-%d}"}
    return DemoPlan(market, built.source, start, end, last_due_night(now), values)


def _refuse_another_market(home: Home, plan: DemoPlan) -> None:
    """A home keeps the market it was made with, and a live home never becomes a demo."""
    from crypto_bt.store import SnapshotStore

    if home.env_file.exists() and not home.market_file.exists():
        raise UsageError(
            f"{home.root} is a live home, and a demo would fill it with a market that is not real.",
            f"Use another: crypto-bt demo --home {DEMO_HOME}",
        )
    current = SnapshotStore(home.store).current() if home.store.is_dir() else None
    if current is not None and current.source != plan.source:
        raise UsageError(
            f"{home.root} holds data of {current.source}, not of {plan.source}.",
            f"Use another home (--home {home.root}-2), or remove {home.root}.",
        )


@contextlib.contextmanager
def _own_home(root: Path, plan: DemoPlan) -> Iterator[Home]:
    """The home, held alone; one that was new and received no data is removed again."""
    home, was_new = Home(root), not root.exists()
    _refuse_another_market(home, plan)
    make_folder(root)
    with home.locked("service", "another demo"):
        try:
            yield home
        except BaseException:
            if was_new and not (home.store / "CURRENT").exists():
                shutil.rmtree(root, ignore_errors=True)
            raise


def _run(home: Home, plan: DemoPlan, out: Output) -> dict[str, Any]:
    from crypto_bt.defs.execute import run_job
    from crypto_bt.defs.partitions import symbol_range_tags
    from crypto_bt.defs.resources import Desk

    desk = Desk.open(load_settings(home.root))
    symbols, span = len(desk.settings.SYMBOLS), (plan.end - plan.start).days
    out.note(f"Fetching {span} days of {symbols} symbols: H1, H4, D1 candles, funding, mark prices;")
    out.note("open interest, account ratio and taker volume of 30 days; fear & greed and macro series ...")
    feeds = parse_datasets(None, desk.settings.candle_datasets)
    fetched = fetch_days(out, desk, feeds, desk.settings.SYMBOLS, (plan.start, plan.end))
    for remark in remarks_of(fetched):
        out.say(remark, style="yellow")
    out.note("Judging every feed, symbol by symbol ...")
    run_job("data_validation", desk, tags=symbol_range_tags(desk.settings.SYMBOLS))
    out.note(f"Checking, backtesting and reporting the night of {plan.night} ...")
    night = run_job("nightly_backtest", desk, partition=plan.night.isoformat())
    if not night.success:
        raise CryptoBtError(night.why)
    return night_summary(desk, plan.night, night)
