"""``crypto-bt universe``: which symbols the home follows."""

import asyncio
import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crypto_bt.commands.fetching import fetch_days, remarks_of, rows_of
from crypto_bt.commands.followed import followed_symbols
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.loopback import reachable
from crypto_bt.commands.output import UNWELL, Output, minute
from crypto_bt.core.datasets import POSITIONING_DATASETS
from crypto_bt.core.errors import CryptoBtError, UsageError
from crypto_bt.core.market import Timeframe, parse_symbol
from crypto_bt.runtime.home import SETTINGS_PATIENCE_SECONDS, Home, with_values, write_privately
from crypto_bt.settings import Settings, load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from crypto_bt.core.market import Listing
    from crypto_bt.defs.resources import Desk

Named = Annotated[
    list[str], typer.Argument(metavar="SYMBOL...", help="Such as BTCUSDT; several with blanks.")
]

app = typer.Typer(help="The symbols that a home follows: list, add, remove.", no_args_is_help=True)


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Each symbol's status, listing date, stored history and turnover of 30 days; also those left behind.

    Example: crypto-bt universe list
    """
    from crypto_bt.defs.resources import Desk

    out = Output(as_json=as_json)
    desk = Desk.open(open_home(home))
    current = desk.store.current()
    rows = followed_symbols(desk)
    out.table(
        ["symbol", "followed", "status", "listed", "followed since", "history from", "to", "30-day volume"],
        [
            [
                row["symbol"],
                "yes" if row["followed"] else "no more",
                row["status"] or "not asked yet",
                *(f"{row[key]:%F}" if row[key] else "-" for key in ("onboard", "followed_since")),
                *(minute(row[key]) for key in ("first", "last")),
                "-" if row["quote_volume_30d"] is None else f"{row['quote_volume_30d']:,.0f}",
            ]
            for row in rows
        ],
    )
    out.result(
        {
            "home": desk.home.root,
            "snapshot": current.id if current else None,
            "source": current.source if current else None,
            "symbols": rows,
        }
    )


@app.command()
def add(
    symbols: Named,
    backfill: Annotated[
        bool, typer.Option("--backfill/--no-backfill", help="Also fetch the history that the others have.")
    ] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow more symbols: they go into the home's .env, and their history is fetched.

    Example: crypto-bt universe add PENGUUSDT KASUSDT
    """
    from crypto_bt.defs.resources import Desk

    settings = open_home(home)
    out = Output(as_json=as_json)
    asked = _parsed(symbols)
    _refuse_followed(asked, settings)
    with reachable(settings) as answering:
        out.note(f"Asking {answering.EXCHANGE_URL or 'Binance'} for its symbols ...")
        _require_listed(asked, Desk.open(answering))
        followed = _change_list(settings, add=asked)
        out.say(f"{', '.join(asked)} will be followed: {len(followed)} symbols in all.")
        desk = Desk.open(answering.model_copy(update={"SYMBOLS": followed}))
        result: dict[str, Any] = {"home": desk.home.root, "added": asked, "symbols": followed}
        fetched = _backfill(out, desk, asked) if backfill else {"rows": {}, "remarks": []}
    if not backfill:
        out.say(f"Their history was not fetched. Fetch it: {_repair(settings, asked)}")
    out.result({**result, **fetched})
    if fetched["remarks"]:
        raise typer.Exit(UNWELL)


@app.command()
def remove(symbols: Named, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Follow symbols no longer: no update asks for them. Their stored history is kept.

    Example: crypto-bt universe remove KASUSDT
    """
    from crypto_bt.defs.regime_asset import BENCHMARK
    from crypto_bt.defs.resources import Desk

    settings = open_home(home)
    out = Output(as_json=as_json)
    asked = _parsed(symbols)
    if BENCHMARK in asked:
        raise UsageError(
            f"{BENCHMARK} cannot be removed: market_regime is measured on it for all symbols.",
            "Remove others.",
        )
    followed = _change_list(settings, remove=asked)
    kept = {row["symbol"]: row["rows"] for row in followed_symbols(Desk.open(settings))}
    for symbol in asked:
        out.say(f"{symbol} is followed no longer; its {kept.get(symbol, 0):,} stored candles are kept.")
    out.say(f"{len(followed)} symbols are followed.")
    rows = {symbol: kept.get(symbol, 0) for symbol in asked}
    out.result({"home": settings.CRYPTO_BT_HOME, "removed": asked, "symbols": followed, "kept_rows": rows})


def _parsed(texts: Sequence[str]) -> list[str]:
    symbols = [parse_symbol(part) for text in texts for part in text.split(",") if part.strip()]
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice or not symbols:
        raise UsageError(f"Named twice: {', '.join(twice)}." if twice else "No symbol is named.")
    return symbols


def _change_list(settings: Settings, add: Sequence[str] = (), remove: Sequence[str] = ()) -> tuple[str, ...]:
    """Write the home's list as it is by now with ``add`` and without ``remove``; returns it."""
    home = Home(settings.CRYPTO_BT_HOME)
    with home.locked("settings", "crypto-bt universe", SETTINGS_PATIENCE_SECONDS):
        fresh = load_settings(home.root)
        _refuse_followed(add, fresh)
        unknown = [symbol for symbol in remove if symbol not in fresh.SYMBOLS]
        if unknown:
            raise UsageError(f"Not followed: {', '.join(unknown)}.", _did_you_mean(unknown, fresh.SYMBOLS))
        symbols = (*(symbol for symbol in fresh.SYMBOLS if symbol not in remove), *add)
        if not symbols:
            raise UsageError(
                "A home follows at least one symbol.", "Add another first: crypto-bt universe add SYMBOL."
            )
        text = home.env_file.read_text() if home.env_file.exists() else ""
        write_privately(home.env_file, with_values(text, {"SYMBOLS": ",".join(symbols)}))
    return symbols


def _refuse_followed(symbols: Sequence[str], settings: Settings) -> None:
    known = [symbol for symbol in symbols if symbol in settings.SYMBOLS]
    if known:
        raise UsageError(
            f"Already followed: {', '.join(known)}.", f"Fetch what they lack: {_repair(settings, known)}"
        )


def _require_listed(symbols: Sequence[str], desk: "Desk") -> None:
    """Ask the exchange; UsageError unless it trades all of ``symbols`` and is the one the store is of."""
    identity, listings = asyncio.run(_ask(desk))
    current = desk.store.current()
    if current is not None and current.source != identity:
        raise UsageError(
            f"{desk.home.root} holds data of {current.source}, and {identity} answers.",
            "Correct EXCHANGE_URL in its .env, or use another --home.",
        )
    unknown = [symbol for symbol in symbols if symbol not in listings]
    if unknown:
        raise UsageError(
            f"{identity} does not list {', '.join(unknown)}.", _did_you_mean(unknown, [*listings])
        )
    ended = [symbol for symbol in symbols if not listings[symbol].tradable]
    if ended:
        said = ", ".join(f"{symbol} ({listings[symbol].status})" for symbol in ended)
        raise UsageError(f"{identity} does not trade {said}.", "Add symbols that are traded.")


async def _ask(desk: "Desk") -> "tuple[str, dict[str, Listing]]":
    async with desk.source(scheduled=False) as source:
        return await source.identity(), await source.listings()


def _did_you_mean(unknown: Sequence[str], known: Sequence[str]) -> str:
    """Names that look alike, or hold what was written (``PEPE`` in ``1000PEPEUSDT``)."""
    found: list[str] = []
    for symbol in unknown:
        base = symbol.removesuffix("USDT")
        found += [name for name in sorted(known, key=len) if len(base) > 1 and base in name][:3]
        found += difflib.get_close_matches(symbol, known, n=2, cutoff=0.8)
    close = list(dict.fromkeys(found))[:5]
    return f"Did you mean {', '.join(close)}?" if close else "Names are such as BTCUSDT."


def _backfill(out: Output, desk: "Desk", symbols: Sequence[str]) -> dict[str, Any]:
    """The history of ``symbols`` from where the store's begins; nothing while it is empty."""
    from crypto_bt.defs.asset_specs import market_assets

    start, end = _history_start(desk), Timeframe.D1.floor(desk.clock())
    if start is None:
        out.say("Nothing is loaded yet: data backfill will load them with the others.")
        return {"rows": {}, "remarks": []}
    days = (start, end + Timeframe.D1.delta)
    out.note(f"Fetching {(days[1] - start).days} days of {', '.join(symbols)} ...")
    assets = [*market_assets(desk.settings.candle_datasets), *POSITIONING_DATASETS]
    try:
        outcomes = fetch_days(out, desk, assets, symbols, days)
    except CryptoBtError as error:
        raise CryptoBtError(
            f"{', '.join(symbols)} will be followed, but their history could not be fetched: {error}",
            f"Fetch it later: {_repair(desk.settings, symbols)}",
        ) from error
    rows, remarks = rows_of(outcomes), remarks_of(outcomes)
    out.table(["dataset", "rows"], [[name, f"{count:,}"] for name, count in rows.items()])
    for remark in remarks:
        out.say(remark, style="yellow")
    return {"rows": rows, "remarks": remarks}


def _history_start(desk: "Desk") -> "datetime | None":
    current = desk.store.current()
    stored = (
        [] if current is None else [o.first for n in desk.settings.candle_datasets for o in current.of(n)]
    )
    first = desk.settings.history_start or min(stored, default=None)
    return Timeframe.D1.floor(first) if first and stored else None


def _repair(settings: Settings, symbols: Sequence[str]) -> str:
    return f"crypto-bt data repair{settings.home_option} --symbols {','.join(symbols)}"
