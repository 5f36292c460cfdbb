"""A desk on a small synthetic market behind a real socket, with a clock that a test can turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from crypto_bt.core.market import EPOCH
from crypto_bt.defs.execute import JobOutcome, run_job
from crypto_bt.defs.partitions import range_tags, symbol_range_tags
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket


@dataclass
class TurnableClock:
    """Shows ``now``, for the exchange and for the desk."""

    now: datetime

    def __call__(self) -> datetime:
        """The time."""
        return self.now


@dataclass
class DeskHome:
    """A desk and the clock it shares with its exchange."""

    desk: Desk
    clock: TurnableClock

    def update(
        self, days: int = 2, assets: list[str] | None = None, symbols: list[str] | None = None
    ) -> JobOutcome:
        """Run data_update over the last ``days`` days."""
        config = {"ops": {"market_data": {"config": {"symbols": symbols}}}}
        midnight = self.clock.now - (self.clock.now - EPOCH) % timedelta(days=1)
        start, end = midnight - timedelta(days=days - 1), midnight + timedelta(days=1)
        return run_job("data_update", self.desk, tags=range_tags(start, end), assets=assets, config=config)

    def all_symbols(self) -> dict[str, str]:
        """Run tags of data_validation: every symbol's partition of data_quality."""
        return symbol_range_tags(self.desk.settings.SYMBOLS)

    def night(self, day: str) -> JobOutcome:
        """Run nightly_backtest for ``day``."""
        return run_job("nightly_backtest", self.desk, partition=day)


@contextmanager
def desk_home(
    root: Path, symbols: tuple[str, ...], now: datetime, seed: int = 7, **settings: str
) -> Iterator[DeskHome]:
    """A prepared home whose exchange serves ``symbols``; ``settings`` go into its ``.env``."""
    clock = TurnableClock(now)
    with running(SyntheticMarket(seed, symbols, clock=clock), weight_limit=100_000) as exchange:
        values = {"EXCHANGE_URL": exchange.url, "FIXED_NOW": now.isoformat(), "SYMBOLS": ",".join(symbols)}
        Home(root).prepare(render_example(), {**values, **settings})
        yield DeskHome(replace(Desk.open(load_settings(root)), clock=clock), clock)
