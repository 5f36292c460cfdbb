"""Sentiment and macro data through their job: a source that is down costs nothing but itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.datasets import POSITIONING_DATASETS, SERIES_DATASETS
from crypto_bt.defs.execute import JobOutcome, run_job
from crypto_bt.defs.partitions import range_tags
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.server import LoopbackExchange
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.sources import SeriesSource, series_sources
from crypto_bt_tests.defs.desk_home import TurnableClock

SYMBOLS = ("BTCUSDT", "ETHUSDT")
NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class HastyDesk(Desk):
    """A desk whose sources do not wait between their tries."""

    def series_sources(self) -> tuple[SeriesSource, ...]:
        """The same sources, without waits."""

        async def sleep(seconds: float) -> None:
            return None

        return series_sources(self.settings.EXCHANGE_URL, None, sleep=sleep)


@contextmanager
def home(
    root: Path, clock: TurnableClock, faults: FaultPlan | None = None
) -> Iterator[tuple[Desk, LoopbackExchange]]:
    """A desk and its loopback exchange; the home may exist already."""
    market = SyntheticMarket(7, SYMBOLS, clock=clock)
    with running(market, weight_limit=100_000, faults=faults) as exchange:
        values = {"EXCHANGE_URL": exchange.url, "FIXED_NOW": NOW.isoformat(), "SYMBOLS": ",".join(SYMBOLS)}
        Home(root).prepare(render_example(), values)
        yield replace(HastyDesk.open(load_settings(root)), clock=clock), exchange


def update(desk: Desk, days: int = 1) -> JobOutcome:
    """The job as its schedule starts it: over the days that have ended."""
    today = desk.clock().replace(hour=0, minute=0)
    return run_job("sentiment_macro_update", desk, tags=range_tags(today - days * DAY, today))


def always(path: str) -> FaultPlan:
    """A host that refuses every call."""
    return FaultPlan([Fault(path, nth, FaultKind.OVERLOADED) for nth in range(1, 60)])


def test_sentiment_update_fills_every_feed_with_values_known_later_than_they_are_about(
    tmp_path: Path,
) -> None:
    with home(tmp_path / "home", TurnableClock(NOW)) as (desk, _):
        outcome = update(desk, days=30)
        assert outcome.success, outcome.why
        assert set(outcome.metadata) == {*POSITIONING_DATASETS, *SERIES_DATASETS}
        for name in outcome.metadata:
            rows = desk.store.read(name)
            assert rows.height > 0
            assert (rows["available_at"] > rows["observed_at"]).all(), name
        hourly = desk.store.read("open_interest", symbols=["BTCUSDT"])["observed_at"]
        assert (hourly.diff().drop_nulls() == timedelta(hours=1)).all()
        assert hourly.len() >= 29 * 24
        assert desk.store.read("macro_series")["series"].n_unique() == 8


@pytest.mark.parametrize(("path", "lost"), [("/fng/", "fear_greed"), ("/api/v3/global", "btc_dominance")])
def test_sentiment_update_source_that_is_down_keeps_its_last_values_and_the_others_go_on(
    tmp_path: Path, path: str, lost: str
) -> None:
    clock = TurnableClock(NOW)
    with home(tmp_path / "home", clock) as (desk, _):
        assert update(desk).success
        before = {name: desk.store.read(name) for name in SERIES_DATASETS}
    clock.now = NOW + DAY
    plan = always(path)
    with home(tmp_path / "home", clock, plan) as (desk, _):
        outcome = update(desk)
        assert plan.fired
        assert outcome.success, "one source less is no failed run"
        assert lost not in outcome.metadata, "nothing came, so nothing was materialized"
        assert desk.store.read(lost).equals(before[lost])
        others = {*POSITIONING_DATASETS, *SERIES_DATASETS} - {lost}
        assert set(outcome.metadata) == others
        assert desk.store.read("macro_series").height > before["macro_series"].height
        failed = str(outcome.metadata["macro_series"]["failed"])
        assert "HTTP 503" in failed
    clock.now = NOW + 6 * DAY
    with home(tmp_path / "home", clock, always(path)) as (desk, _):
        checked = run_job("data_validation", desk, tags={"dagster/asset_partition_range_start": SYMBOLS[0],
                          "dagster/asset_partition_range_end": SYMBOLS[-1]})  # fmt: skip
        [verdict] = [c for c in checked.checks if (c.asset, c.name) == (lost, "data_age")]
        assert not verdict.passed
        assert f"crypto-bt data repair --home {tmp_path / 'home'}" in verdict.text


def test_sentiment_update_series_step_survives_an_exchange_that_is_down(tmp_path: Path) -> None:
    clock = TurnableClock(NOW)
    with home(tmp_path / "home", clock) as (desk, _):
        assert update(desk).success
    clock.now = NOW + DAY
    banned = FaultPlan([Fault("/fapi/v1/time", nth, FaultKind.RESTRICTED) for nth in range(1, 9)])
    with home(tmp_path / "home", clock, banned) as (desk, _):
        outcome = update(desk)
        assert not outcome.success
        assert "not served by the exchange" in outcome.why
        assert set(outcome.metadata) == set(SERIES_DATASETS)


@pytest.mark.parametrize("until", [NOW - 2 * DAY, NOW], ids=["a hole", "the newest days"])
def test_sentiment_update_hours_a_symbol_failed_to_bring_are_filled_by_the_next_one(
    tmp_path: Path, until: datetime
) -> None:
    clock = TurnableClock(NOW)
    with home(tmp_path / "home", clock) as (desk, _):
        assert update(desk, days=5).success
        rows = desk.store.read("open_interest")
        cut = pl.col("observed_at").is_between(NOW - 3 * DAY, until)
        kept = rows.filter((pl.col("symbol") != "ETHUSDT") | ~cut)
        assert kept.height < rows.height
        source = desk.store.current()
        assert source is not None
        for path in sorted(desk.store.root.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        desk.store.publish({"open_interest": kept}, source=source.source, published_by="test", now=NOW)
        assert update(desk).success, "the window is one day"
        assert desk.store.read("open_interest").equals(rows)


def test_sentiment_update_revised_value_becomes_a_row_and_the_old_one_stays(tmp_path: Path) -> None:
    with home(tmp_path / "home", TurnableClock(NOW)) as (desk, _):
        assert update(desk).success
        rows = desk.store.read("macro_series", symbols=["CPIAUCSL"])
        newest = rows.tail(1)
        source = desk.store.current()
        assert source is not None
        wrong = newest.with_columns(value=pl.col("value") - 1)
        desk.store.publish({"macro_series": wrong}, source=source.source, published_by="test", now=NOW)
        assert update(desk).success
        known = desk.store.read("macro_series", symbols=["CPIAUCSL"]).filter(
            pl.col("observed_at") == newest["observed_at"].item()
        )
        assert known["value"].to_list() == [newest["value"].item() - 1, newest["value"].item()]
        assert known["available_at"].to_list() == [newest["available_at"].item(), NOW]
