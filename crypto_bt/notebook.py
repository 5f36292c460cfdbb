"""What a notebook needs of a home: its data as polars frames.

::

    from crypto_bt import load_candles
    from crypto_bt.backtest import simulate, targets
    from crypto_bt.strategies import build_strategy
    candles = load_candles("4h")
    result = simulate(candles, targets(build_strategy("ema_cross"), candles), timeframe="4h")
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from crypto_bt.commands.homes import open_home
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.verdict import not_loaded
from crypto_bt.runtime.home import Home
from crypto_bt.store import SnapshotStore


def load_candles(
    timeframe: str = "4h",
    symbols: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    home: Path | str | None = None,
) -> pl.DataFrame:
    """Candles of the home's current snapshot with ``start`` <= open_time < ``end``, by symbol and open_time.

    Times are UTC and aware; ``symbols`` None: all; ``home`` None: ``CRYPTO_BT_HOME``, else data/live. Raises
    :class:`UsageError` for a timeframe that does not exist, or a home that is not there or empty.
    """
    known = [each.value for each in Timeframe]
    if timeframe not in known:
        raise UsageError(f"There is no timeframe {timeframe!r}.", f"There are: {', '.join(known)}.")
    return load_dataset(Timeframe(timeframe).dataset, symbols, start, end, home)


def load_dataset(
    name: str,
    symbols: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    home: Path | str | None = None,
) -> pl.DataFrame:
    """Rows of any dataset, such as funding_rates or mark_price_1h; arguments as for :func:`load_candles`."""
    settings = open_home(Path(home) if home is not None else None)
    store = SnapshotStore(Home(settings.CRYPTO_BT_HOME).store)
    if store.current() is None:
        now = datetime.now().astimezone()
        raise UsageError("This home holds no data yet.", not_loaded(now).at_home(settings.home_option).text)
    return store.read(name, symbols=symbols, start=start, end=end)
