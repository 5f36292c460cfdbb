"""universe list, add, remove: the home's list changes whole or not at all, and history is never lost."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto_bt.commands.loopback import LoopbackMarket
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import ORDER_RULES
from crypto_bt.runtime.home import Home, with_values
from crypto_bt.settings import load_settings, render_example
from crypto_bt.simulator.faults import Fault, FaultKind
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt_tests.command_line import run, run_json
from crypto_bt_tests.commands.invoking import ServedHome, served_home

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
TODAY = datetime(2026, 3, 10, tzinfo=UTC)
DAY = timedelta(days=1)
CANDLES = ["candles_1h", "candles_4h", "candles_1d"]
LISTED = ["ETHUSDT", "SOLUSDT", "1000PEPEUSDT"]


def env(home: ServedHome) -> bytes:
    """The home's settings file as it is."""
    return Home(home.root).env_file.read_bytes()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory):
    """A home of two symbols with 32 days of history; its exchange lists more."""
    root = tmp_path_factory.mktemp("filled")
    with served_home(root, ["BTCUSDT", "XRPUSDT"], NOW, listed=LISTED) as home:
        home.fill(TODAY - 31 * DAY, TODAY + DAY, CANDLES)
        yield home


def test_universe_list_tells_status_history_and_turnover(filled: ServedHome) -> None:
    told = filled.call_json("universe", "list")
    assert told["source"] == "simulated:seed=7"
    bitcoin, ripple = told["symbols"]
    assert (bitcoin["symbol"], ripple["symbol"]) == ("BTCUSDT", "XRPUSDT")
    assert (bitcoin["status"], bitcoin["followed"]) == ("TRADING", True)
    assert bitcoin["onboard"] == "2019-09-08T00:00:00Z"
    assert bitcoin["followed_since"] == "2026-03-10T00:00:00Z"
    assert bitcoin["first"] == "2026-02-07T00:00:00Z"
    daily = filled.desk.store.read("candles_1d", symbols=["BTCUSDT"], start=TODAY - 30 * DAY)
    assert daily.height == 30
    assert bitcoin["quote_volume_30d"] == pytest.approx(daily["quote_volume"].sum())
    assert "BTCUSDT" in filled.call("universe", "list")


def test_universe_rows_of_an_update_keep_the_order_rules_of_every_listed_symbol(filled: ServedHome) -> None:
    said = filled.desk.store.read("universe").filter("observed")
    assert {symbol: rules for symbol, *rules in said.select("symbol", *ORDER_RULES).iter_rows()} == {
        "BTCUSDT": [0.1, 0.001, 0.001, 100.0, 0.02],
        "ETHUSDT": [0.01, 0.01, 0.01, 20.0, 0.02],
        "SOLUSDT": [0.001, 0.1, 0.1, 5.0, 0.02],
        "XRPUSDT": [0.00001, 1.0, 1.0, 5.0, 0.02],
        "1000PEPEUSDT": [0.00000001, 1.0, 1.0, 5.0, 0.015],
    }


def test_universe_list_of_an_empty_home_names_the_symbols_and_knows_nothing(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW) as home:
        [row] = home.call_json("universe", "list")["symbols"]
        assert (row["symbol"], row["status"], row["rows"], row["first"]) == ("BTCUSDT", None, 0, None)
        assert "not asked yet" in home.call("universe", "list")
        assert home.exchange.requests.total() == 0


def test_universe_add_follows_and_fetches_the_history_that_the_others_have(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW, listed=LISTED) as home:
        home.fill(TODAY - 6 * DAY, TODAY + DAY, CANDLES)
        done = home.call_json("universe", "add", "solusdt", "ETHUSDT")
        assert done["added"] == ["SOLUSDT", "ETHUSDT"]
        assert load_settings(tmp_path).SYMBOLS == ("BTCUSDT", "SOLUSDT", "ETHUSDT")
        for symbol in done["added"]:
            for timeframe in (Timeframe.H1, Timeframe.H4, Timeframe.D1):
                assert home.times(symbol, timeframe) == home.times("BTCUSDT", timeframe)
        assert done["rows"]["funding_rates"] > 0
        assert done["rows"]["open_interest"] > 0
        assert home.call_json("data", "repair", "--timeframes", "1h,4h,1d")["lacking"] == 0


def test_universe_add_to_an_empty_home_follows_and_fetches_nothing(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW, listed=LISTED) as home:
        assert "Nothing is loaded yet" in home.call("universe", "add", "ETHUSDT")
        assert load_settings(tmp_path).SYMBOLS == ("BTCUSDT", "ETHUSDT")
        assert home.desk.store.current() is None


def test_universe_add_without_backfill_leaves_the_history_to_repair(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW, listed=LISTED) as home:
        home.fill(TODAY - 2 * DAY, TODAY + DAY, CANDLES)
        said = home.call("universe", "add", "ETHUSDT", "--no-backfill")
        assert f"crypto-bt data repair --home {tmp_path} --symbols ETHUSDT" in said
        assert home.times("ETHUSDT") == []
        home.call("data", "repair", "--symbols", "ETHUSDT")
        assert home.times("ETHUSDT") == home.times("BTCUSDT")


def test_universe_add_whose_backfill_fails_says_that_it_is_followed_and_how_to_go_on(tmp_path: Path) -> None:
    ban = Fault("/fapi/v1/klines", 1, FaultKind.RESTRICTED, symbol="ETHUSDT", times=None)
    with served_home(tmp_path, ["BTCUSDT"], NOW, listed=LISTED, faults=[ban]) as home:
        home.fill(TODAY - 2 * DAY, TODAY + DAY, CANDLES)
        said = home.refused("universe", "add", "ETHUSDT")
        assert "will be followed, but their history could not be fetched" in said
        assert "data repair" in said
        assert load_settings(tmp_path).SYMBOLS == ("BTCUSDT", "ETHUSDT")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "BTCUSDT"), "Already followed: BTCUSDT"),
        (("add", "ETHUSDT", "BTCUSDT"), "Already followed: BTCUSDT"),
        (("add", "ETHUSDT", "ethusdt"), "Named twice: ETHUSDT"),
        (("add", "ETHUSD"), "does not list ETHUSD. Did you mean ETHUSDT"),
        (("add", "PEPEUSDT"), "Did you mean 1000PEPEUSDT"),
        (("add", "SOLUSDT", "NOPEXUSDT"), "does not list NOPEXUSDT"),
        (("add", "../etc"), "is not a symbol"),
        (("add", "ЕTHUSDT"), "is not a symbol"),
        (("add", ","), "No symbol is named"),
        (("remove", "ETHUSDT"), "Not followed: ETHUSDT"),
        (("remove", "BTCUSD"), "Did you mean BTCUSDT"),
        (("remove", "XRPUSDT", "BTCUSDT"), "market_regime is measured on it"),
    ],
)
def test_universe_impossible_change_is_refused_and_the_list_stays(
    filled: ServedHome, arguments: tuple[str, ...], says: str
) -> None:
    before, runs = env(filled), filled.runs()
    assert says in filled.refused("universe", *arguments)
    assert env(filled) == before
    assert filled.runs() == runs


def test_universe_add_of_a_symbol_no_longer_traded_is_refused(tmp_path: Path) -> None:
    ended = {"ETHUSDT": TODAY - 5 * DAY}
    with served_home(tmp_path, ["BTCUSDT"], NOW, listed=["ETHUSDT"], delisted=ended) as home:
        assert "does not trade ETHUSDT (SETTLING)" in home.refused("universe", "add", "ETHUSDT")


def test_universe_add_at_another_exchange_than_the_stores_is_refused(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW, listed=LISTED) as home:
        home.fill(TODAY, TODAY + DAY, ["candles_1h"])
        other = SyntheticMarket(8, ["BTCUSDT", "ETHUSDT"], clock=lambda: NOW)
        with running(other) as exchange:
            file = Home(tmp_path).env_file
            file.write_text(with_values(file.read_text(), {"EXCHANGE_URL": exchange.url}))
            said = home.refused("universe", "add", "ETHUSDT")
        assert "holds data of simulated:seed=7, and simulated:seed=8 answers" in said
        assert load_settings(tmp_path).SYMBOLS == ("BTCUSDT",)


def test_universe_turnover_counts_each_day_once_however_often_it_was_fetched(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW) as home:
        for _ in range(2):
            home.fill(TODAY - 31 * DAY, TODAY + DAY, CANDLES)
        [bitcoin] = home.call_json("universe", "list")["symbols"]
        daily = home.desk.store.read("candles_1d", start=TODAY - 30 * DAY)
        assert bitcoin["quote_volume_30d"] == pytest.approx(daily["quote_volume"].sum())


def test_update_after_a_delisting_has_the_symbols_last_hours(tmp_path: Path) -> None:
    ended = {"XRPUSDT": TODAY - 12 * timedelta(hours=1)}
    with served_home(tmp_path, ["BTCUSDT", "XRPUSDT"], NOW, delisted=ended) as home:
        home.fill(TODAY - DAY, TODAY, ["candles_1h"])
        times = home.desk.store.read("candles_1h", symbols=["XRPUSDT"])["open_time"].to_list()
        assert times == [TODAY - DAY + timedelta(hours=hour) for hour in range(12)]


def test_universe_last_symbol_is_not_removed(tmp_path: Path) -> None:
    with served_home(tmp_path, ["ETHUSDT"], NOW) as home:
        assert "at least one symbol" in home.refused("universe", "remove", "ETHUSDT")


def test_universe_remove_keeps_the_history_and_add_brings_it_back(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT", "ETHUSDT"], NOW) as home:
        home.fill(TODAY - 2 * DAY, TODAY + DAY, CANDLES)
        before = home.desk.store.read("candles_1h")
        done = home.call_json("universe", "remove", "ETHUSDT")
        assert done["symbols"] == ["BTCUSDT"]
        assert done["kept_rows"]["ETHUSDT"] == 2 * 31 + 12 + 3
        home.fill(TODAY - DAY, TODAY + DAY, CANDLES)
        assert home.desk.store.read("candles_1h").equals(before)
        rows = {row["symbol"]: row for row in home.call_json("universe", "list")["symbols"]}
        assert (rows["ETHUSDT"]["followed"], rows["ETHUSDT"]["followed_since"]) == (False, None)
        assert rows["ETHUSDT"]["rows"] == done["kept_rows"]["ETHUSDT"]
        home.call("universe", "add", "ETHUSDT", "--no-backfill")
        assert load_settings(tmp_path).SYMBOLS == ("BTCUSDT", "ETHUSDT")


def test_universe_change_keeps_the_rest_of_the_settings_private_and_as_they_were(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT", "ETHUSDT"], NOW, COMMISSION_BPS="3.5") as home:
        before = env(home).decode().splitlines()
        home.call("universe", "remove", "ETHUSDT")
        changed = [(a, b) for a, b in zip(before, env(home).decode().splitlines(), strict=True) if a != b]
        assert changed == [("SYMBOLS=BTCUSDT,ETHUSDT", "SYMBOLS=BTCUSDT")]
        assert stat.S_IMODE(Home(tmp_path).env_file.stat().st_mode) == 0o600


def test_universe_changes_at_the_same_time_all_count(tmp_path: Path) -> None:
    with served_home(tmp_path, ["BTCUSDT"], NOW, listed=LISTED):

        def add(symbol: str) -> None:
            run("universe", "add", symbol, "--no-backfill", "--home", str(tmp_path))

        with ThreadPoolExecutor(len(LISTED)) as pool:
            list(pool.map(add, LISTED))
        assert set(load_settings(tmp_path).SYMBOLS) == {"BTCUSDT", *LISTED}


def test_universe_remove_and_add_on_a_demo_home_serve_its_own_exchange(tmp_path: Path) -> None:
    Home(tmp_path).prepare(render_example(), {"SYMBOLS": "BTCUSDT,ETHUSDT"})
    LoopbackMarket(symbols=2, days=40).save(Home(tmp_path).market_file)
    home = ("--home", str(tmp_path))
    start = datetime.now(UTC) - 3 * DAY
    run("data", "backfill", "--start", f"{start:%F}", "--timeframes", "1h", "--symbols", "1", *home)
    run("universe", "remove", "ETHUSDT", *home)
    done = run_json("universe", "add", "ETHUSDT", *home)
    assert done["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert done["rows"]["candles_1h"] >= 3 * 24
    assert run_json("universe", "list", *home)["source"] == "simulated:seed=7"
