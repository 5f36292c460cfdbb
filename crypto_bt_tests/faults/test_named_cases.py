"""The cases that every desk has met, each by itself: what is stored, refused, recorded and reported."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.errors import SourceUnavailable
from crypto_bt.core.market import Timeframe
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.core.wholeness import coverage, judge
from crypto_bt.defs.changes import Window
from crypto_bt.simulator.faults import Fault, FaultKind
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.store import SnapshotStore
from crypto_bt_tests.faults.ground_truth import stored, truth
from crypto_bt_tests.faults.updates import Update, run_update
from crypto_bt_tests.sources.fake_time import FakeTime

START = datetime(2026, 3, 10, tzinfo=UTC)
NOW = START + timedelta(days=2, hours=9, minutes=20)
KLINES, INFO, TIME = "/fapi/v1/klines", "/fapi/v1/exchangeInfo", "/fapi/v1/time"
SYMBOLS = ("BTCUSDT", "SUIUSDT", "XMRUSDT")


class Desk:
    """A market whose clock can be turned, and an empty store."""

    def __init__(self, root: Path, symbols: tuple[str, ...] = SYMBOLS, **listing: object) -> None:
        self.now, self.symbols = NOW, symbols
        self.market = SyntheticMarket(5, symbols, lambda: self.now, **listing)
        self.store, self.time = SnapshotStore(root, views=False), FakeTime()

    def update(self, *faults: Fault) -> Update:
        """One update of the hourly candles over all days; every fault has to show."""
        self.time.seconds += 600
        window = Window(START, Timeframe.D1.floor(self.now) + timedelta(days=1))
        update = run_update(
            self.market,
            self.store,
            self.time,
            faults,
            datasets=["candles_1h"],
            symbols=self.symbols,
            window=window,
        )
        assert update.plan.outstanding == []
        return update

    def own(self, symbol: str) -> list[tuple]:
        return truth(self.market, "candles_1h", symbol, START, self.now)

    def rows(self, symbol: str) -> list[tuple]:
        return stored(self.store, "candles_1h", [symbol], START, self.now)


def test_update_three_of_sixty_symbols_down_publishes_57_and_does_not_pass_coverage(tmp_path: Path) -> None:
    desk = Desk(tmp_path, UNIVERSE)
    down = UNIVERSE[7], UNIVERSE[30], UNIVERSE[59]
    update = desk.update(*(Fault(KLINES, 1, FaultKind.BROKEN, symbol=name, times=None) for name in down))

    assert update.report is not None
    assert sorted(update.report.failed) == sorted(f"{symbol} candles_1h" for symbol in down)
    assert all(desk.rows(name) == ([] if name in down else desk.own(name)) for name in UNIVERSE)
    judged = judge(
        desk.store.read("candles_1h"),
        Timeframe.H1,
        symbols=sorted(UNIVERSE),
        begins=dict.fromkeys(UNIVERSE, START),
        now=NOW,
        lookback=timedelta(days=30),
    )
    found = coverage(judged)
    assert (found.whole, found.total, found.passes) == (57, 60, False)
    desk.update()
    assert all(desk.rows(name) == desk.own(name) for name in UNIVERSE)


def test_update_values_changed_at_first_are_corrected_and_recorded(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    fault = Fault(KLINES, 1, FaultKind.REVISED, symbol="SUIUSDT", row=9)
    desk.update(fault)
    own, seen = desk.own("SUIUSDT"), desk.rows("SUIUSDT")
    assert [index for index, row in enumerate(seen) if row != own[index]] == [9]

    update = desk.update()

    assert update.report is not None
    assert desk.rows("SUIUSDT") == own
    revisions = desk.store.read("revisions")
    assert set(revisions["field"]) == {"open", "high", "low", "close"}
    before = dict(zip(revisions["field"], revisions["before"], strict=True))
    after = dict(zip(revisions["field"], revisions["after"], strict=True))
    assert tuple(before[name] for name in ("open", "high", "low", "close")) == seen[9][2:6]
    assert tuple(after[name] for name in ("open", "high", "low", "close")) == own[9][2:6]
    assert set(revisions["open_time"]) == {own[9][1]}


def test_update_true_values_changed_later_and_back_are_recorded_both_times(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.update()
    desk.now += timedelta(minutes=5)
    desk.update(Fault(KLINES, 1, FaultKind.REVISED, symbol="BTCUSDT", row=3))
    assert desk.rows("BTCUSDT") != desk.own("BTCUSDT")
    desk.now += timedelta(minutes=5)
    desk.update()

    assert desk.rows("BTCUSDT") == desk.own("BTCUSDT")
    close = desk.store.read("revisions").filter(pl.col("field") == "close").sort("seen_at")
    assert close["seen_at"].n_unique() == 2
    assert close["before"].to_list() == close["after"].to_list()[::-1]


@pytest.mark.parametrize("kind", [FaultKind.GAP, FaultKind.NO_ROWS, FaultKind.CONFLICT])
def test_update_rows_missing_once_are_there_after_the_next(kind: FaultKind, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.update(Fault(KLINES, 1, kind, symbol="XMRUSDT", row=20))
    assert set(desk.rows("XMRUSDT")) < set(desk.own("XMRUSDT"))
    desk.update()
    assert desk.rows("XMRUSDT") == desk.own("XMRUSDT")


def test_update_open_candle_sent_as_closed_is_refused_and_stored_once_it_is_closed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.update(Fault(KLINES, 1, FaultKind.OPEN_CANDLE, symbol="BTCUSDT"))
    opened = Timeframe.H1.floor(NOW)
    assert desk.store.read("quarantine").select("symbol", "open_time", "reason").rows() == [
        ("BTCUSDT", opened, "unclosed")
    ]
    assert desk.rows("BTCUSDT") == desk.own("BTCUSDT")
    desk.now += timedelta(hours=1)
    desk.update()
    assert desk.rows("BTCUSDT")[-1] == desk.own("BTCUSDT")[-1]
    assert desk.rows("BTCUSDT")[-1][1] == opened


@pytest.mark.parametrize(("seconds", "word"), [(300, "behind"), (-300, "ahead of")])
def test_update_clocks_five_minutes_apart_fetches_nothing(seconds: int, word: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.update()
    before = desk.store.current()
    update = desk.update(Fault(TIME, 1, FaultKind.CLOCK_SKEW, seconds=seconds))

    assert isinstance(update.error, SourceUnavailable)
    assert f"300.0 s {word} the exchange's" in str(update.error)
    assert (update.calls, desk.store.current()) == (1, before)


def test_update_symbol_delisted_between_updates_keeps_its_history(tmp_path: Path) -> None:
    ends = NOW + timedelta(hours=3)
    desk = Desk(tmp_path, delisted={"XMRUSDT": ends})
    desk.update()
    kept = desk.rows("XMRUSDT")
    assert kept == desk.own("XMRUSDT")
    desk.now = NOW + timedelta(hours=8)
    update = desk.update()

    assert update.report is not None
    assert update.report.universe.delisted == ("XMRUSDT",)
    assert update.report.failed == {}
    assert desk.rows("XMRUSDT")[: len(kept)] == kept
    assert set(desk.rows("XMRUSDT")) <= set(desk.own("XMRUSDT"))
    assert desk.rows("BTCUSDT") == desk.own("BTCUSDT")


@pytest.mark.parametrize("kind", [FaultKind.DELISTED, FaultKind.UNLISTED])
def test_update_symbol_wrongly_off_the_list_once_loses_nothing(kind: FaultKind, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.update()
    desk.now += timedelta(hours=5)
    update = desk.update(Fault(INFO, 1, kind, symbol="SUIUSDT"))
    assert update.report is not None
    assert "SUIUSDT" not in update.report.universe.tradable
    desk.update()
    assert desk.rows("SUIUSDT") == desk.own("SUIUSDT")


def test_update_new_listing_is_fetched_from_its_first_candle(tmp_path: Path) -> None:
    listed = Timeframe.H1.floor(NOW) + timedelta(hours=3)
    desk = Desk(tmp_path, (*SYMBOLS, "NEWCOINUSDT"), onboard={"NEWCOINUSDT": listed})
    desk.update()
    assert desk.rows("NEWCOINUSDT") == []
    desk.now += timedelta(hours=7)
    desk.update()
    assert desk.rows("NEWCOINUSDT") == desk.own("NEWCOINUSDT")
    assert desk.rows("NEWCOINUSDT")[0][1] == listed


def test_update_unknown_symbol_costs_itself_alone_and_no_retry(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    update = desk.update(Fault(KLINES, 1, FaultKind.UNKNOWN_SYMBOL, symbol="BTCUSDT"))
    assert update.report is not None
    assert list(update.report.failed) == ["BTCUSDT candles_1h"]
    assert "-1121" in update.report.failed["BTCUSDT candles_1h"]
    assert update.usage.retries == 0
    assert [desk.rows(name) == desk.own(name) for name in SYMBOLS] == [False, True, True]
