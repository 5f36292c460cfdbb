"""The sensor catch_up on a real home: what was missed is fetched by one run, and nothing else is started."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._core.test_utils import create_run_for_test

from crypto_bt.core.alerts import Alert
from crypto_bt.core.catch_up import ATTEMPTS, BACK_OFF
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import StoreError
from crypto_bt.core.market import Timeframe, from_milliseconds
from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.catching_up import GAP_TAG, OF_TODAY, SCHEDULE
from crypto_bt.defs.dead_runs import PROCESS_TAG
from crypto_bt.defs.execute import JobOutcome, open_instance, run_job
from crypto_bt.defs.jobs import WRITES_MARKET
from crypto_bt.defs.partitions import RANGE_END, RANGE_START
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.sensors import build_catch_up_sensor
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt.simulator.market import CandleRow, Window
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.store import SnapshotStore
from crypto_bt_tests.defs.desk_home import DeskHome, TurnableClock
from crypto_bt_tests.frames import candle_frame

SYMBOLS = ("BTCUSDT", "ETHUSDT")
STOPPED = datetime(2026, 3, 2, 9, 20, tzinfo=UTC)
DAY, HOUR, TICK = timedelta(days=1), timedelta(hours=1), timedelta(minutes=5)
STATUS = dg.DagsterRunStatus
REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("crypto_bt"), "__repository__")


class HoledMarket(SyntheticMarket):
    """A market whose exchange lost the hourly candles that open at ``lost``, for good."""

    lost: Collection[datetime] = ()

    def candles(self, symbol: str, timeframe: Timeframe, window: Window) -> list[CandleRow]:
        """All but the lost ones."""
        rows = super().candles(symbol, timeframe, window)
        return [
            r for r in rows if timeframe is not Timeframe.H1 or from_milliseconds(int(r[0])) not in self.lost
        ]


@contextmanager
def home_in(
    root: Path, now: datetime, lost: Collection[datetime] = (), **settings: str
) -> Iterator[DeskHome]:
    clock = TurnableClock(now)
    market = HoledMarket(7, SYMBOLS, clock)
    market.lost = lost
    with running(market, weight_limit=100_000) as exchange:
        values = {"EXCHANGE_URL": exchange.url, "FIXED_NOW": now.isoformat(), "SYMBOLS": ",".join(SYMBOLS)}
        Home(root).prepare(render_example(), {**values, **settings})
        yield DeskHome(replace(Desk.open(load_settings(root)), clock=clock), clock)


class Watch:
    """The sensor at work on a home, tick by tick."""

    def __init__(self, home: DeskHome) -> None:
        self.home, self.desk, self.clock = home, home.desk, home.clock
        self.cursor: str | None = None
        self.requests: list[dg.RunRequest] = []

    def tick(self, definitions: dg.Definitions | None = None) -> str:
        """One tick, 5 minutes after the last: the reason why nothing is started, or nothing."""
        with open_instance(self.desk.home) as instance:
            context = dg.build_sensor_context(
                instance=instance, cursor=self.cursor, resources={"desk": self.desk}, definitions=definitions
            )
            sensor = build_catch_up_sensor(running=True)
            done = sensor.evaluate_tick(context) if definitions else sensor(context)
        self.cursor = done.cursor
        self.requests += done.run_requests or []
        self.clock.now += TICK
        reason = done.skip_message if definitions else done.skip_reason
        return "" if reason is None else getattr(reason, "skip_message", reason)

    def until_it_starts(self, ticks: int = 4) -> dg.RunRequest:
        """The run that is asked for within so many ticks."""
        before = len(self.requests)
        for _ in range(ticks):
            self.tick()
            if len(self.requests) > before:
                return self.requests[-1]
        raise AssertionError("nothing was started")

    def run(self, request: dg.RunRequest) -> JobOutcome:
        """What the daemon does with a request, in this process."""
        return run_job(
            "data_update",
            self.desk,
            assets=[key.to_user_string() for key in request.asset_selection or ()],
            partition=request.partition_key,
            tags=request.tags,
            config=request.run_config,
        )

    @property
    def alerts(self) -> list[Alert]:
        """All that were sent."""
        return self.desk.alerts.recent(STOPPED - 99 * DAY)


def made(watch: Watch, status: dg.DagsterRunStatus, tags: dict[str, str] | None = None) -> None:
    """A run of data_update in this state."""
    with open_instance(watch.desk.home) as instance:
        create_run_for_test(
            instance,
            SCHEDULE,
            status=status,
            tags={**WRITES_MARKET, **(tags or {})},
            remote_job_origin=RemoteJobOrigin(REPOSITORY, SCHEDULE),
        )


def read_all(desk: Desk) -> dict[str, pl.DataFrame]:
    names = (*desk.settings.candle_datasets, "funding_rates", "mark_price_1h")
    return {name: desk.store.read(name) for name in names}


def test_tick_after_seven_days_of_downtime_starts_one_run_that_fills_everything(tmp_path: Path) -> None:
    with home_in(tmp_path / "down", STOPPED) as home:
        assert home.update(days=3).success
        home.clock.now += 7 * DAY
        watch = Watch(home)
        request = watch.until_it_starts()
        assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2026-03-02", "2026-03-09")
        outcome = watch.run(request)
        assert outcome.success, outcome.why
        assert outcome.checks == ()
        for _ in range(30):
            assert watch.tick() == "Nothing is missing."
        assert watch.requests == [request]
        assert watch.alerts == []
        healed, days = read_all(home.desk), home.desk.store.read("universe")["day"].n_unique()
        now = home.clock.now
    with home_in(tmp_path / "up", now) as other:
        assert other.update(days=10).success
        never_down = read_all(other.desk)
        assert other.desk.store.read("universe")["day"].n_unique() == days
    cut = STOPPED + 7 * DAY - 3 * HOUR
    for name, frame in healed.items():
        time = "funding_time" if name == "funding_rates" else "open_time"
        assert frame.filter(pl.col(time) < cut).equals(never_down[name].filter(pl.col(time) < cut)), name


def test_tick_gap_that_the_exchange_does_not_have_ends_after_five_attempts_with_one_alert(
    tmp_path: Path,
) -> None:
    lost = [datetime(2026, 2, 26, hour, tzinfo=UTC) for hour in (3, 4, 5)]
    with home_in(tmp_path, STOPPED, lost) as home:
        assert home.update(days=6).success
        watch = Watch(home)
        for wait in BACK_OFF:
            request = watch.until_it_starts()
            assert request.partition_key == "2026-02-26"
            assert watch.run(request).success
            assert watch.alerts == []
            home.clock.now += wait - 2 * TICK
            # Else the hours that pass would be missing too.
            assert home.update(days=1).success
        for _ in range(9):
            watch.tick()
        assert len({request.run_key for request in watch.requests}) == len(watch.requests) == ATTEMPTS
        [alert] = watch.alerts
        assert "6 candles (1h) of BTCUSDT, ETHUSDT from 2026-02-26 to 2026-02-26 are missing" in alert.what
        days = "--symbols BTCUSDT,ETHUSDT --timeframes 1h --start 2026-02-26 --end 2026-02-27"
        assert alert.command == f"crypto-bt data repair --home {tmp_path} {days}"


def test_tick_gap_given_up_and_filled_by_hand_is_resolved(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        for wait in BACK_OFF:
            watch.until_it_starts(99)
            watch.clock.now += wait
        watch.tick()
        [raised] = watch.alerts
        store(watch.desk, [STOPPED - 5 * HOUR])
        watch.tick()
        assert [alert.resolved for alert in watch.alerts] == [False, True]
        assert {alert.id for alert in watch.alerts} == {raised.id}


def store(desk: Desk, times: list[datetime]) -> None:
    """Hourly candles of the one symbol, each floored to its hour."""
    times = [Timeframe.H1.floor(time) for time in times]
    desk.store.publish(
        {"candles_1h": candle_frame(times)}, source="test", published_by="test", now=desk.clock()
    )


@contextmanager
def loaded(root: Path, missing: int = 5, **settings: str) -> Iterator[Watch]:
    """A home without an exchange: hourly candles of one symbol, but for the one ``missing`` hours ago."""
    Home(root).prepare(render_example(), {"SYMBOLS": "BTCUSDT", "FIXED_NOW": STOPPED.isoformat(), **settings})
    clock = TurnableClock(STOPPED)
    desk = replace(Desk.open(load_settings(root)), clock=clock)
    listed = pl.DataFrame(
        [("BTCUSDT", STOPPED - 9 * DAY, "TRADING", True, STOPPED - 900 * DAY)],
        schema=["symbol", "day", "status", "tradable", "onboard_time"],
        orient="row",
    )
    schema = desk.store.read("universe").schema
    times = [Timeframe.H1.floor(STOPPED) - n * HOUR for n in range(-400, 34) if n != missing]
    universe = listed.select(
        (pl.col(name) if name in listed.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    ).with_columns(pl.col("day").dt.truncate("1d"))
    desk.store.publish(
        {"universe": universe, "candles_1h": candle_frame(times)},
        source="test",
        published_by="test",
        now=STOPPED,
    )
    yield Watch(DeskHome(desk, clock))


def test_tick_request_is_one_that_dagster_takes_for_the_job(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        definitions = build_definitions(watch.desk)
        for _ in range(3):
            watch.tick(definitions)
        [request] = watch.requests
        assert request.job_name in (None, "data_update")
        assert request.tags[GAP_TAG].startswith("2026-03-02-")
        assert request.run_config["ops"]["market_data"]["config"] == {
            "symbols": ["BTCUSDT"],
            "scheduled": True,
        }
        keys = request.asset_selection
        job = definitions.resolve_job_def("data_update")
        subset = job.get_subset(
            asset_selection=set(keys), asset_check_selection=set(request.asset_check_keys)
        )
        assert subset.asset_layer.executable_asset_keys >= set(keys)
        assert {key.to_user_string() for key in keys} == {
            "candles_1h",
            "funding_rates",
            "mark_price_1h",
            "market_regime",
        }


def test_tick_of_an_empty_home_is_quiet(tmp_path: Path) -> None:
    Home(tmp_path).prepare(render_example(), {})
    clock = TurnableClock(STOPPED)
    watch = Watch(DeskHome(replace(Desk.open(load_settings(tmp_path)), clock=clock), clock))
    assert "Not loaded yet" in watch.tick()
    assert (watch.requests, watch.alerts, watch.cursor) == ([], [], None)


@pytest.mark.parametrize(
    "status", [STATUS.QUEUED, STATUS.NOT_STARTED, STATUS.STARTING, STATUS.STARTED, STATUS.CANCELING]
)
def test_tick_while_market_data_is_being_written_waits(tmp_path: Path, status: dg.DagsterRunStatus) -> None:
    with loaded(tmp_path) as watch:
        made(watch, status)
        reasons = [watch.tick() for _ in range(5)]
        assert watch.requests == []
        assert "waiting for run " in reasons[-1]


@pytest.mark.parametrize("status", [STATUS.SUCCESS, STATUS.FAILURE])
def test_tick_after_market_data_was_written_starts(tmp_path: Path, status: dg.DagsterRunStatus) -> None:
    with loaded(tmp_path) as watch:
        made(watch, status)
        assert GAP_TAG in watch.until_it_starts().tags


def test_tick_after_a_person_cancelled_the_update_waits_a_day(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        made(watch, STATUS.CANCELED)
        reasons = [watch.tick() for _ in range(5)]
        assert watch.requests == []
        assert "was cancelled by a person in the last 24 hours" in reasons[-1]
        watch.clock.now = datetime.now(UTC) + 25 * HOUR
        assert GAP_TAG in watch.until_it_starts().tags


def test_tick_after_a_person_cancelled_its_run_never_starts_that_gap_again(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        request = watch.until_it_starts()
        made(watch, STATUS.CANCELED, request.tags)
        reasons = []
        for _ in range(10):
            watch.clock.now += HOUR
            reasons.append(watch.tick())
        assert watch.requests == [request]
        assert "was cancelled by a person" in reasons[-1]
        assert watch.alerts == []


def switch(watch: Watch | DeskHome, name: str, status: InstigatorStatus) -> None:
    """Leave the state of schedule ``name`` that its toggle in the web UI leaves."""
    origin = RemoteInstigatorOrigin(REPOSITORY, name)
    state = InstigatorState(origin, InstigatorType.SCHEDULE, status, ScheduleInstigatorData("30 0 * * *"))
    with open_instance(watch.desk.home) as instance:
        known = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
        (instance.update_instigator_state if known else instance.add_instigator_state)(state)


def test_tick_while_intraday_updates_are_switched_off_leaves_today_alone(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        watch.until_it_starts()
        before = len(watch.requests)
        switch(watch, OF_TODAY, InstigatorStatus.STOPPED)
        midnight = watch.clock.now.replace(hour=0, minute=0) + DAY
        while watch.clock.now < midnight:
            assert watch.tick() == "Nothing is missing."
            watch.clock.now += timedelta(hours=1)
        assert len(watch.requests) == before
        watch.clock.now = midnight + timedelta(hours=4)
        request = watch.until_it_starts()
        assert request.partition_key == f"{midnight - DAY:%Y-%m-%d}"


def test_tick_alert_that_cannot_be_sent_holds_nothing_up(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        for wait in BACK_OFF:
            watch.until_it_starts(99)
            watch.clock.now += wait
        log = watch.desk.home.root / "outbox.db"
        assert not log.exists()
        log.mkdir()
        cursor = watch.cursor
        watch.tick()
        assert watch.cursor != cursor, "what was decided is remembered"
        log.rmdir()
        assert watch.alerts == []
        watch.tick()
        assert [alert.resolved for alert in watch.alerts] == [False]


def test_tick_while_the_schedule_is_switched_off_starts_nothing_until_it_is_on(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        switch(watch, SCHEDULE, InstigatorStatus.STOPPED)
        reasons = [watch.tick() for _ in range(5)]
        assert watch.requests == []
        assert reasons[-1].endswith("but the schedule data_update is switched off.")
        switch(watch, SCHEDULE, InstigatorStatus.RUNNING)
        assert GAP_TAG in watch.until_it_starts().tags


def test_tick_while_another_schedule_is_switched_off_starts(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        switch(watch, "nightly_backtest", InstigatorStatus.STOPPED)
        assert GAP_TAG in watch.until_it_starts().tags


def test_tick_run_whose_process_died_is_no_reason_to_wait(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        made(watch, STATUS.STARTED, {PROCESS_TAG: "1:0:0"})
        assert GAP_TAG in watch.until_it_starts().tags


def hold_back(desk: Desk, seen: datetime) -> None:
    """Let the missing candle wait in the quarantine, as a jump seen at this moment."""
    row = ("candles_1h", "BTCUSDT", Timeframe.H1.floor(STOPPED) - 5 * HOUR, "jump", "[1]", seen)
    rows = pl.DataFrame([row], schema=DATASETS["quarantine"].schema, orient="row")
    desk.store.publish({"quarantine": rows}, source="test", published_by="test", now=STOPPED)


def test_tick_candle_that_waits_in_quarantine_is_asked_for_when_its_day_is_over(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        hold_back(watch.desk, STOPPED - 4 * HOUR)
        while watch.clock.now < STOPPED + 19 * HOUR:
            assert watch.tick() == "Nothing is missing."
            watch.clock.now += HOUR / 2
        watch.clock.now = STOPPED + 21 * HOUR
        assert GAP_TAG in watch.until_it_starts().tags


def test_tick_in_an_unchanged_hour_does_not_read_the_store_again(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        watch.clock.now = STOPPED.replace(minute=0)
        watch.tick()
        objects = watch.desk.home.store / "objects"
        objects.rename(objects.with_name("away"))
        assert "is tried at" in watch.tick()
        watch.clock.now += HOUR
        with pytest.raises(StoreError):
            watch.tick()


@pytest.mark.parametrize(
    "cursor", ["", "{", "[]", '{"mark": 1, "ranges": 7}', '{"mark": "x", "ranges": [{}]}']
)
def test_tick_damaged_cursor_begins_anew(tmp_path: Path, cursor: str) -> None:
    with loaded(tmp_path) as watch:
        watch.cursor = cursor
        assert "attempt 1" in watch.tick()
        assert GAP_TAG in watch.until_it_starts().tags


def test_tick_hole_in_mark_prices_beside_whole_candles_is_filled(tmp_path: Path) -> None:
    with home_in(tmp_path, STOPPED) as home:
        assert home.update(days=4).success
        store = home.desk.store
        whole = store.read("mark_price_1h")
        hole = (pl.col("symbol") == "ETHUSDT") & (pl.col("open_time").dt.date() == (STOPPED - 2 * DAY).date())
        away = replace(home.desk, store=SnapshotStore(tmp_path / "other"))
        tables = {
            name: store.read(name)
            for name in (*home.desk.settings.candle_datasets, "funding_rates", "universe")
        }
        tables["mark_price_1h"] = whole.filter(~hole)
        current = store.current()
        assert current is not None
        away.store.publish(tables, source=current.source, published_by="test", now=STOPPED)
        watch = Watch(DeskHome(away, home.clock))
        request = watch.until_it_starts()
        assert request.partition_key == "2026-02-28"
        assert request.run_config["ops"]["market_data"]["config"]["symbols"] == ["ETHUSDT"]
        assert watch.run(request).success
        assert away.store.read("mark_price_1h").equals(whole)
        assert watch.tick() == "Nothing is missing."


def test_tick_symbol_that_is_no_longer_traded_is_not_missed(tmp_path: Path) -> None:
    with loaded(tmp_path) as watch:
        known = watch.desk.store.read("universe")
        gone = known.with_columns(tradable=False, day=pl.col("day") + DAY)
        watch.desk.store.publish({"universe": gone}, source="test", published_by="test", now=STOPPED)
        assert watch.tick() == "Nothing is missing."


def test_tick_history_start_before_the_first_stored_candle_asks_for_the_days_between(tmp_path: Path) -> None:
    with loaded(tmp_path, missing=999, HISTORY_START="2026-02-27") as watch:
        candles = candle_frame([STOPPED.replace(minute=0) - n * HOUR for n in range(-99, 24)])
        fresh = SnapshotStore(tmp_path / "other")
        universe = watch.desk.store.read("universe")
        fresh.publish(
            {"candles_1h": candles, "universe": universe}, source="test", published_by="test", now=STOPPED
        )
        watch.desk = replace(watch.desk, store=fresh)
        request = watch.until_it_starts()
        assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2026-02-27", "2026-03-01")


def test_sensor_of_a_live_home_is_on_and_of_a_recorded_one_off() -> None:
    on, off = build_catch_up_sensor(running=True), build_catch_up_sensor(running=False)
    assert (on.name, on.minimum_interval_seconds) == ("catch_up", 300)
    assert on.default_status is dg.DefaultSensorStatus.RUNNING
    assert off.default_status is dg.DefaultSensorStatus.STOPPED
    assert "clock stands still" in str(off.description)
