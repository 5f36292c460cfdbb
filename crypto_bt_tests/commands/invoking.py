"""``crypto-bt`` called in this process, on a home whose exchange is served by the test."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.market import Timeframe
from crypto_bt.defs.execute import open_instance, run_job
from crypto_bt.defs.partitions import range_tags
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt.simulator.faults import Fault, FaultPlan
from crypto_bt.simulator.server import LoopbackExchange
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket


@dataclass
class ServedHome:
    """A home and the exchange that it asks; the clock of both stands at ``now``."""

    root: Path
    exchange: LoopbackExchange
    now: datetime

    @property
    def desk(self) -> Desk:
        """The desk of the home's settings as they are by now."""
        return Desk.open(load_settings(self.root))

    def fill(
        self, start: datetime, end: datetime, assets: list[str], symbols: list[str] | None = None
    ) -> None:
        """Fetch ``assets`` over the days; asserts that it went well."""
        done = run_job(
            "data_update",
            self.desk,
            tags=range_tags(start, end),
            assets=assets,
            config={"ops": {"market_data": {"config": {"symbols": symbols}}}},
        )
        assert done.success, done.why

    def runs(self) -> int:
        """How many runs Dagster knows."""
        with open_instance(Home(self.root)) as instance:
            return instance.get_runs_count()

    def times(self, symbol: str, timeframe: Timeframe = Timeframe.H1) -> list[datetime]:
        """Open times of the stored candles of a symbol."""
        return self.desk.store.read(timeframe.dataset, symbols=[symbol])["open_time"].to_list()

    def call(self, *arguments: str, code: int = 0) -> str:
        """What a command prints; asserts its exit code."""
        result = CliRunner().invoke(app, [*arguments, "--home", str(self.root)])
        assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
        return result.stdout

    def call_json(self, *arguments: str, code: int = 0) -> Any:
        """The JSON object that a command prints."""
        return json.loads(self.call(*arguments, "--json", code=code))

    def refused(self, *arguments: str) -> str:
        """The sentence with which a command refuses; asserts that it is a deliberate error."""
        result = CliRunner().invoke(app, [*arguments, "--home", str(self.root)])
        assert isinstance(result.exception, CryptoBtError), f"{result.output}\n{result.exception!r}"
        return str(result.exception)


@contextmanager
def served_home(
    root: Path,
    symbols: Sequence[str],
    now: datetime,
    *,
    listed: Sequence[str] = (),
    delisted: dict[str, datetime] | None = None,
    faults: Sequence[Fault] = (),
    **settings: str,
) -> Iterator[ServedHome]:
    """A home that follows ``symbols``; its exchange lists these and ``listed``."""
    market = SyntheticMarket(7, [*symbols, *listed], clock=lambda: now, delisted=delisted)
    with running(market, weight_limit=100_000, faults=FaultPlan(faults)) as exchange:
        values = {"EXCHANGE_URL": exchange.url, "FIXED_NOW": now.isoformat(), "SYMBOLS": ",".join(symbols)}
        Home(root).prepare(render_example(), {**values, **settings})
        yield ServedHome(root, exchange, now)
