"""data repair finds what is missing, fills it, and says what cannot be filled."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.candle_flags import JUMP
from crypto_bt.core.doubt import REJECTED
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import DECISION_SCHEMA, QUARANTINE_SCHEMA
from crypto_bt.core.verdict import repair_command
from crypto_bt.simulator.faults import Fault, FaultKind
from crypto_bt_tests.commands.invoking import ServedHome, served_home

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
TODAY = datetime(2026, 3, 10, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CANDLES = ["candles_1h", "candles_4h", "candles_1d"]
FEEDS = [*CANDLES, "funding_rates", "mark_price_1h"]
KLINES = "/fapi/v1/klines"


def hours(start: datetime, end: datetime) -> list[datetime]:
    """Every full hour from ``start`` to ``end`` (exclusive)."""
    return [start + number * HOUR for number in range((end - start) // HOUR)]


def test_repair_gaps_before_within_and_after_are_filled_with_a_run_each(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT", "ETHUSDT"], NOW, HISTORY_START="2026-02-27") as home:
        home.fill(TODAY - 8 * DAY, TODAY - 6 * DAY, FEEDS)
        home.fill(TODAY - 3 * DAY, TODAY - 1 * DAY, FEEDS)
        before = home.runs()
        done = home.call_json("data", "repair")
        assert [(r["start"], r["end"]) for r in done["ranges"]] == [
            ("2026-02-27T00:00:00Z", "2026-03-02T00:00:00Z"),
            ("2026-03-04T00:00:00Z", "2026-03-07T00:00:00Z"),
            ("2026-03-09T00:00:00Z", "2026-03-11T00:00:00Z"),
        ]
        assert home.runs() == before + len(done["runs"]) == before + 3
        assert done["missing"] == []
        assert sum(done["filled"].values()) == done["lacking"] > 0
        for symbol in ("BTCUSDT", "ETHUSDT"):
            assert home.times(symbol) == hours(datetime(2026, 2, 27, tzinfo=UTC), TODAY + 12 * HOUR)
            assert home.times(symbol, Timeframe.D1) == [TODAY - n * DAY for n in range(11, 0, -1)]
        # What was not fetched either while candles were not, and what is made of them.
        assert done["rows"]["mark_price_1h"] > 0
        assert done["rows"]["funding_rates"] > 0
        assert done["rows"]["market_regime"] > 0
        again = home.call_json("data", "repair")
        assert (again["lacking"], again["ranges"], again["runs"]) == (0, [], [])
        assert again["snapshot"] == done["snapshot"]


def test_repair_of_one_symbols_gap_asks_for_that_symbol_alone(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT", "ETHUSDT"], NOW) as home:
        home.fill(TODAY - 4 * DAY, TODAY + DAY, CANDLES, ["BTCUSDT"])
        home.fill(TODAY - 4 * DAY, TODAY - 2 * DAY, CANDLES, ["ETHUSDT"])
        home.fill(TODAY - 1 * DAY, TODAY + DAY, CANDLES, ["ETHUSDT"])
        done = home.call_json("data", "repair", "--timeframes", "1h,4h")
        [asked] = done["ranges"]
        assert asked["symbols"] == ["ETHUSDT"]
        assert asked["datasets"] == ["candles_1h", "candles_4h"]
        assert done["filled"] == {"candles_1h": 24, "candles_4h": 6}
        assert home.times("ETHUSDT") == home.times("BTCUSDT")
        assert len(home.times("ETHUSDT", Timeframe.D1)) == 3


def test_repair_impossible_candle_is_replaced_by_the_exchanges(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW) as home:
        home.fill(TODAY - 3 * DAY, TODAY + DAY, CANDLES)
        store = home.desk.store
        right = store.read("candles_1h")
        hit = right.filter(pl.col("open_time") == TODAY - 2 * DAY + 5 * HOUR)
        wrong = hit.with_columns(high=pl.col("low") / 2)
        store.publish({"candles_1h": wrong}, source="simulated:seed=7", published_by="test", now=NOW)
        assert not store.read("candles_1h").equals(right)
        done = home.call_json("data", "repair")
        assert done["lacking"] == 1
        assert done["filled"] == {"candles_1h": 1}
        assert store.read("candles_1h").equals(right)
        # What stood there before is on record.
        [revised] = store.read("revisions").iter_rows(named=True)
        assert (revised["field"], revised["before"]) == ("high", wrong["high"][0])


def test_repair_candle_the_exchange_does_not_have_is_named_with_exit_code_3(tmp_path: Path) -> None:
    gap = Fault(KLINES, 1, FaultKind.GAP, symbol="ETHUSDT", times=None, row=7)
    with served_home(tmp_path, ["BTCUSDT", "ETHUSDT"], NOW, faults=[gap]) as home:
        home.fill(TODAY - 3 * DAY, TODAY + DAY, ["candles_1h"], ["BTCUSDT"])
        home.fill(TODAY - 3 * DAY, TODAY - DAY, ["candles_1h"], ["ETHUSDT"])
        done = home.call_json("data", "repair", "--timeframes", "1h", code=3)
        # The hidden candle of the first answer is missing, and that of the answer to the repair.
        assert [(row["symbol"], row["dataset"], row["why"]) for row in done["missing"]] == [
            ("ETHUSDT", "candles_1h", "the exchange does not have it")
        ]
        gone = set(home.times("BTCUSDT")) - set(home.times("ETHUSDT"))
        assert done["missing"][0]["candles"] == len(gone) > 0
        assert done["lacking"] - sum(done["filled"].values()) == len(gone)
        text = home.call("data", "repair", "--timeframes", "1h", code=3)
        assert "the exchange does not have it" in text


def test_repair_candle_that_is_refused_says_where_it_is(tmp_path: Path) -> None:
    bad = Fault(KLINES, 1, FaultKind.HIGH_BELOW_LOW, symbol="BTCUSDT", times=None, row=3)
    with served_home(tmp_path, ["BTCUSDT"], NOW, faults=[bad]) as home:
        home.fill(TODAY - 2 * DAY, TODAY + DAY, ["candles_1h"])
        done = home.call_json("data", "repair", "--timeframes", "1h", code=3)
        assert "crypto-bt data quarantine list" in done["missing"][0]["why"]


def test_repair_candle_that_a_person_rejected_is_not_missed(tmp_path: Path) -> None:
    gap = Fault(KLINES, 1, FaultKind.GAP, symbol="BTCUSDT", times=None, row=7)
    with served_home(tmp_path, ["BTCUSDT"], NOW, faults=[gap]) as home:
        home.fill(TODAY - 2 * DAY, TODAY + DAY, ["candles_1h"])
        store = home.desk.store
        assert home.call_json("data", "repair", "--timeframes", "1h", code=3)["lacking"] == 1
        [hole] = set(hours(TODAY - 2 * DAY, TODAY + 12 * HOUR)) - set(home.times("BTCUSDT"))
        row = {"dataset": "candles_1h", "symbol": "BTCUSDT", "open_time": hole}
        refused = {**row, "reason": JUMP, "raw": "[]", "seen_at": NOW - 3 * DAY}
        decided = {**row, "decision": REJECTED, "decided_by": "desk", "decided_at": NOW - 2 * DAY}
        store.publish(
            {
                "quarantine": pl.DataFrame([refused], schema=QUARANTINE_SCHEMA),
                "decisions": pl.DataFrame([decided], schema=DECISION_SCHEMA),
            },
            source="simulated:seed=7", published_by="test", now=NOW,
        )  # fmt: skip
        done = home.call_json("data", "repair", "--timeframes", "1h")
        assert (done["lacking"], done["runs"], done["missing"]) == (0, [], [])


def test_repair_named_days_are_asked_again_though_nothing_is_missing(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW) as home:
        home.fill(TODAY - 3 * DAY, TODAY + DAY, CANDLES)
        asked = home.exchange.requests[KLINES]
        command = repair_command(Timeframe.H1, TODAY - 2 * DAY, TODAY - DAY, ["BTCUSDT"])
        done = home.call_json(*command.split()[1:])
        assert done["lacking"] == 0
        assert done["rows"]["candles_1h"] == 48
        assert home.exchange.requests[KLINES] > asked


def test_repair_named_start_before_the_first_candle_fills_from_there(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW) as home:
        home.fill(TODAY - 2 * DAY, TODAY + DAY, ["candles_1h"])
        home.call_json("data", "repair", "--timeframes", "1h", "--start", "2026-02-20")
        assert home.times("BTCUSDT") == hours(datetime(2026, 2, 20, tzinfo=UTC), TODAY + 12 * HOUR)


@pytest.mark.parametrize(
    ("path", "dataset", "rows"),
    [("/fapi/v1/fundingRate", "funding_rates", 6), ("/fapi/v1/markPriceKlines", "mark_price_1h", 48)],
)
def test_repair_hole_beside_whole_candles_is_filled(
    tmp_path: Path, path: str, dataset: str, rows: int
) -> None:
    silent = Fault(path, 3, FaultKind.NO_ROWS, symbol="ETHUSDT", times=1)
    with served_home(tmp_path, ["BTCUSDT", "ETHUSDT"], NOW, faults=[silent]) as home:
        for first in (8, 6):
            home.fill(TODAY - first * DAY, TODAY - (first - 2) * DAY, FEEDS)
        home.fill(TODAY - 4 * DAY, TODAY - 2 * DAY, FEEDS)
        home.fill(TODAY - 2 * DAY, TODAY + DAY, FEEDS)
        before = home.desk.store.read(dataset)
        assert (before["symbol"] == "BTCUSDT").sum() - (before["symbol"] == "ETHUSDT").sum() == rows
        done = home.call_json("data", "repair")
        assert (done["lacking"], done["filled"], done["missing"]) == (rows, {dataset: rows}, [])
        [asked] = done["ranges"]
        assert asked["symbols"] == ["ETHUSDT"]
        assert not set(CANDLES) & set(asked["datasets"])
        after = home.desk.store.read(dataset)
        assert (after["symbol"] == "BTCUSDT").sum() == (after["symbol"] == "ETHUSDT").sum()
        assert home.call_json("data", "repair", "--timeframes", dataset)["lacking"] == 0


def test_repair_on_an_empty_home_with_named_days_loads_them(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW) as home:
        assert "crypto-bt data backfill --home" in home.refused("data", "repair")
        command = repair_command(Timeframe.H4, TODAY - 5 * DAY, TODAY - DAY)
        done = home.call_json(*command.split()[1:])
        assert done["filled"] == {"candles_4h": 5 * 6}


def test_repair_dry_run_says_the_ranges_and_fetches_nothing(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW) as home:
        home.fill(TODAY - 6 * DAY, TODAY - 4 * DAY, CANDLES)
        runs, snapshot, asked = home.runs(), home.desk.store.current(), home.exchange.requests[KLINES]
        plan = home.call_json("data", "repair", "--dry-run")
        assert plan["dry_run"] is True
        assert [row["start"] for row in plan["ranges"]] == ["2026-03-06T00:00:00Z"]
        assert plan["requests"] > 3
        assert (home.runs(), home.desk.store.current()) == (runs, snapshot)
        assert home.exchange.requests[KLINES] == asked


def test_repair_delisted_symbol_is_left_out_and_said_so(tmp_path: Path) -> None:
    ended = {"ETHUSDT": TODAY - 5 * DAY}
    with served_home(tmp_path, ["BTCUSDT", "ETHUSDT"], NOW, delisted=ended) as home:
        home.fill(TODAY - 4 * DAY, TODAY - 2 * DAY, CANDLES)
        done = home.call_json("data", "repair")
        assert {symbol for item in done["ranges"] for symbol in item["symbols"]} == {"BTCUSDT"}
        assert done["missing"] == []
        assert done["remarks"] == ["ETHUSDT is no longer traded; its history stays."]
        only = home.call_json("data", "repair", "--symbols", "ETHUSDT", "--start", "2026-03-01")
        assert only["runs"] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--timeframes", "open_interest"), "Name the days to ask again: --start and --end"),
        (("--timeframes", "7h"), "Unknown timeframes: 7h"),
        (("--symbols", "NOPEUSDT"), "Unknown symbols: NOPEUSDT"),
        (("--start", "2026-03-05", "--end", "2026-03-01"), "is not after --start"),
        (("--start", "tomorrow"), "is not a date"),
        (("--end", "2026-03-20"), "is in the future"),
    ],
)
def test_repair_impossible_request_is_refused_before_anything_is_asked(
    filled: ServedHome, arguments: tuple[str, ...], says: str
) -> None:
    asked = filled.exchange.requests.total()
    assert says in filled.refused("data", "repair", *arguments)
    assert filled.exchange.requests.total() == asked


def test_repair_while_the_exchange_refuses_changes_nothing_and_says_why(tmp_path: Path) -> None:
    ban = Fault("/fapi/v1/exchangeInfo", 2, FaultKind.RESTRICTED, times=None)
    with served_home(tmp_path, ["BTCUSDT"], NOW, faults=[ban]) as home:
        home.fill(TODAY - 6 * DAY, TODAY - 4 * DAY, CANDLES)
        snapshot = home.desk.store.current()
        assert "451" in home.refused("data", "repair")
        assert home.desk.store.current() == snapshot


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory):
    """A home with three whole days."""
    with served_home(tmp_path_factory.mktemp("filled"), ["BTCUSDT"], NOW) as home:
        home.fill(TODAY - 2 * DAY, TODAY + DAY, CANDLES)
        yield home
