"""Options that several commands share, and how their texts are read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from crypto_bt.core.datasets import POSITIONING_DATASETS, SERIES_DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import EXCHANGE_OPENED, Timeframe, parse_symbol

SymbolsOption = Annotated[
    str | None, typer.Option("--symbols", help="A list such as BTCUSDT,ETHUSDT, or N for the first N.")
]
TimeframesOption = Annotated[
    str | None,
    typer.Option("--timeframes", help="Such as 1h,4h,funding_rates,open_interest; default: every feed."),
]


def parse_day(text: str, name: str) -> datetime:
    """A date such as 2026-11-21 as midnight UTC; raises UsageError naming the option."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"{name} {text!r} is not a date.", "Write it as 2026-11-21.") from None


def parse_days(start: str, end: str | None, now: datetime) -> tuple[datetime, datetime]:
    """The half-open span of days; without ``end`` up to and including today.

    Raises UsageError for an end before the start, a future day, or a day before the exchange existed.
    """
    tomorrow = Timeframe.D1.floor(now) + timedelta(days=1)
    first = parse_day(start, "--start")
    last = parse_day(end, "--end") if end else tomorrow
    if first < EXCHANGE_OPENED:
        raise UsageError(
            f"--start {start} is before the exchange's first day.", f"Start at {EXCHANGE_OPENED:%F} or later."
        )
    if first >= tomorrow:
        raise UsageError(f"--start {start} is in the future.", f"The latest possible day is {now:%F}.")
    if last > tomorrow:
        raise UsageError(
            f"--end {end} is in the future.", f"The latest possible is {tomorrow:%F} (exclusive)."
        )
    if last <= first:
        raise UsageError(
            f"--end {last:%F} is not after --start {first:%F}.", "The end is exclusive: give a later day."
        )
    return first, last


def parse_symbols(text: str | None, universe: Sequence[str]) -> list[str]:
    """A list such as ``BTCUSDT,ETHUSDT``, or a number N for the first N of the universe; all if None.

    Raises UsageError for a symbol that the universe does not have.
    """
    if text is None:
        return list(universe)
    if text.isascii() and text.isdecimal():
        if not 1 <= int(text) <= len(universe):
            raise UsageError(
                f"--symbols {text} is not possible.", f"The universe has {len(universe)} symbols."
            )
        return list(universe[: int(text)])
    symbols = [parse_symbol(part) for part in text.split(",") if part.strip()]
    unknown = [symbol for symbol in symbols if symbol not in universe]
    if unknown or not symbols:
        raise UsageError(
            f"Unknown symbols: {', '.join(unknown) or 'none given'}.",
            f"This home follows {', '.join(universe[:5])} and {max(0, len(universe) - 5)} more; "
            "follow another: crypto-bt universe add SYMBOL.",
        )
    return list(dict.fromkeys(symbols))


def parse_datasets(text: str | None, candle_datasets: Sequence[str]) -> list[str]:
    """Datasets for a list such as ``1h,4h,funding_rates``; every feed of the home if None.

    ``candle_datasets`` are those of the timeframes that the home keeps. Raises UsageError for any other.
    """
    feeds = [*candle_datasets, "funding_rates", "mark_price_1h", "universe"]
    feeds += [*POSITIONING_DATASETS, *SERIES_DATASETS, "market_regime"]
    if text is None:
        return feeds
    known = {name.removeprefix("candles_"): name for name in feeds} | {name: name for name in feeds}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if part not in known]
    if "15m" in wrong:
        raise UsageError("This home keeps no 15m candles.", "Set TIMEFRAMES=15m,1h,4h,1d in its .env.")
    if wrong or not parts:
        short = [name.removeprefix("candles_") for name in feeds]
        raise UsageError(
            f"Unknown timeframes: {', '.join(wrong) or 'none given'}.", f"There are {', '.join(short)}."
        )
    return list(dict.fromkeys(known[part] for part in parts))
