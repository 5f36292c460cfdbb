"""The hosts beside the exchange: their paths, shapes and refusals, and no value before its time."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from crypto_bt.core.us_calendar import business_day, trading_day
from crypto_bt.simulator.recorded import RecordedMarket
from crypto_bt.simulator.recorded_series import RecordedSeries
from crypto_bt.simulator.series import FEAR_GREED, FRED_SERIES, STABLECOINS, Observation, publication
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic_series import SyntheticSeries
from crypto_bt_tests.recorded import RECORDED, needs_recorded
from crypto_bt_tests.simulator.calls import NOW, get, market_at

KEY = "0123456789abcdef0123456789abcdef"
FRED = "/fred/series/observations"
GRAPH = "/graph/fredgraph.csv"
ALL_SERIES = (*FRED_SERIES, FEAR_GREED, STABLECOINS)


@pytest.fixture(scope="module")
def exchange():
    with running(market_at()) as exchange:
        yield exchange


def fred(exchange, series="VIXCLS", **query):
    return get(exchange.url, FRED, series_id=series, api_key=KEY, file_type="json", **query)


def test_fear_and_greed_is_newest_first_in_seconds_as_text(exchange):
    everything = get(exchange.url, "/fng/", limit=0).json
    newest = get(exchange.url, "/fng/").json["data"]

    assert (everything["name"], everything["metadata"]) == ("Fear and Greed Index", {"error": None})
    times = [int(row["timestamp"]) for row in everything["data"]]
    assert times == sorted(times, reverse=True)
    assert datetime.fromtimestamp(times[0], UTC) == datetime(2026, 3, 14, tzinfo=UTC)
    assert datetime.fromtimestamp(times[-1], UTC) == datetime(2018, 2, 1, tzinfo=UTC)
    assert newest == everything["data"][:1]
    assert newest[0]["time_until_update"] == str(8 * 3600 + 50 * 60 + 34)
    assert {row["value_classification"] for row in everything["data"]} == {
        "Extreme Fear", "Fear", "Neutral", "Greed", "Extreme Greed",
    }  # fmt: skip
    assert all(0 <= int(row["value"]) <= 100 for row in everything["data"])
    lacking = {date(2018, 2, 1) + timedelta(days=n) for n in range(2964)} - {
        datetime.fromtimestamp(time, UTC).date() for time in times
    }
    assert lacking == {date(2018, 4, 14), date(2018, 4, 15), date(2018, 4, 16), date(2024, 10, 26)}


@pytest.mark.parametrize("series", FRED_SERIES)
def test_fred_json_and_csv_give_the_same_values(exchange, series):
    asked = fred(exchange, series, observation_start="2025-06-01", observation_end="2026-12-31").json
    graph = get(exchange.url, GRAPH, id=series, cosd="2025-06-01", coed="2026-12-31")
    header, *lines = graph.text.splitlines()

    assert header == f"observation_date,{series}"
    assert graph.headers["Content-Type"].startswith("text/csv")
    assert [(row["date"], row["value"]) for row in asked["observations"]] == [
        (day, value or ".") for day, value in (line.split(",") for line in lines)
    ]
    assert asked["count"] == len(lines) > 5
    assert {(row["realtime_start"], row["realtime_end"]) for row in asked["observations"]} == {
        ("2026-03-14", "2026-03-14")
    }
    assert min(row["date"] for row in asked["observations"]) >= "2025-06-01"


def test_fred_lists_holidays_of_weekly_series_without_a_value(exchange):
    def missing(series):
        rows = fred(exchange, series, observation_start="2025-01-01", observation_end="2025-12-31").json
        return {row["date"] for row in rows["observations"] if row["value"] == "."}

    assert missing("DGS10") == {
        day.isoformat()
        for day in (date(2025, 1, 1) + timedelta(days=n) for n in range(365))
        if day.weekday() < 5 and not business_day(day)
    }
    assert missing("SP500") >= {"2025-04-18", "2025-12-25"}
    assert missing("SP500").isdisjoint({"2025-10-13", "2025-11-11"})
    assert missing("DFF") == missing("CPIAUCSL") == set()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"series_id": "VIXCLS", "file_type": "json"}, "Variable api_key is not set."),
        ({"series_id": "VIXCLS", "file_type": "json", "api_key": "short"}, "not a 32 character"),
        ({"series_id": "VIXCLS", "file_type": "json", "api_key": KEY.upper()}, "not a 32 character"),
        ({"series_id": "NOSUCH", "file_type": "json", "api_key": KEY}, "The series does not exist."),
        ({"series_id": "VIXCLS", "api_key": KEY}, "file_type"),
        (
            {"series_id": "VIXCLS", "file_type": "json", "api_key": KEY, "observation_start": "1.1.2026"},
            "observation_start",
        ),
    ],
)
def test_fred_wrong_parameter_gets_an_error_in_its_own_shape(exchange, query, words):
    answer = get(exchange.url, FRED, **query)

    assert (answer.status, answer.json["error_code"]) == (400, 400)
    assert answer.json["error_message"].startswith("Bad Request.  ")
    assert words in answer.json["error_message"]


@pytest.mark.parametrize("query", [{"id": "NOSUCH"}, {}, {"id": "VIXCLS", "cosd": "soon"}])
def test_fred_graph_of_nothing_is_a_page_that_is_not_found(exchange, query):
    answer = get(exchange.url, GRAPH, **query)

    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (404, "text/html")


def test_coins_are_one_moment_within_the_last_ten_minutes(exchange):
    data = get(exchange.url, "/api/v3/global").json["data"]

    assert datetime.fromtimestamp(data["updated_at"], UTC) == datetime(2026, 3, 14, 15, 0, tzinfo=UTC)
    assert 30 < data["market_cap_percentage"]["btc"] < 75
    assert 1e11 < data["total_market_cap"]["usd"] < 1e14


def test_stablecoins_are_all_days_and_the_open_one_still_moves():
    charts = []
    for hour in (1, 13):
        with running(market_at(NOW.replace(hour=hour))) as exchange:
            charts.append(get(exchange.url, "/stablecoincharts/all").json)
    morning, evening = charts

    assert (morning[0]["date"], morning[-1]["date"]) == ("1511913600", "1773446400")
    assert morning[:-1] == evening[:-1]
    assert morning[-1] != evening[-1]
    assert {int(b["date"]) - int(a["date"]) for a, b in pairwise(morning)} == {86_400}
    assert all(row["totalCirculating"] == row["totalCirculatingUSD"] for row in morning)


def test_outside_hosts_know_no_weight():
    with running(market_at(), weight_limit=2) as exchange:
        answers = [
            get(exchange.url, path, limit=1) for path in ("/fng/", "/stablecoincharts/all", "/api/v3/global")
        ]

        assert {answer.status for answer in answers} == {200}
        assert all("X-MBX-USED-WEIGHT-1M" not in answer.headers for answer in answers)
        assert (exchange.weight.used, exchange.responses_429) == (0, 0)
        assert exchange.requests["/fng/"] == 1


@pytest.mark.parametrize("series", ALL_SERIES)
def test_series_grow_at_their_end_and_show_nothing_before_its_publication(series):
    late = SyntheticSeries(7).published(series, datetime(2026, 11, 1, tzinfo=UTC))
    for days in range(0, 60, 7):
        now = NOW + timedelta(days=days, hours=days)
        shown = SyntheticSeries(7).published(series, now)
        over = shown[:-1] if series == STABLECOINS else shown

        assert over == late[: len(over)]
        assert publication(series, shown[-1].day) <= now < publication(series, late[len(shown)].day)


def test_series_of_a_seed_never_change():
    series, total = SyntheticSeries(7), hashlib.sha256()
    for name in ALL_SERIES:
        total.update("".join(f"{row.day} {row.value}\n" for row in series.published(name, NOW)).encode())
    for name in ("btc_dominance", "total_market_cap"):
        total.update("{} {}\n".format(*series.latest(name, NOW)).encode())

    assert total.hexdigest()[:16] == "93024781417bd98d"


def test_series_of_another_seed_differ():
    assert SyntheticSeries(7).published("VIXCLS", NOW) != SyntheticSeries(8).published("VIXCLS", NOW)
    assert SyntheticSeries(7).published("NOSUCH", NOW) == []
    assert SyntheticSeries(7).latest("NOSUCH", NOW) is None


@pytest.mark.parametrize(
    ("series", "day", "expected"),
    [
        ("VIXCLS", "2026-03-13", "2026-03-14 13:00"),
        ("DFF", "2026-03-13", "2026-03-16 14:00"),
        ("DGS10", "2026-01-16", "2026-01-20 21:30"),
        ("DTWEXBGS", "2026-03-04", "2026-03-09 21:15"),
        ("DTWEXBGS", "2026-01-14", "2026-01-20 21:15"),
        ("CPIAUCSL", "2026-01-01", "2026-02-13 13:30"),
        ("CPIAUCSL", "2025-11-01", "2025-12-15 13:30"),
        (FEAR_GREED, "2026-03-13", "2026-03-13 00:00"),
    ],
)
def test_publication_follows_the_calendar_of_the_source(series, day, expected):
    assert f"{publication(series, date.fromisoformat(day)):%Y-%m-%d %H:%M}" == expected


def test_synthetic_series_have_plausible_levels():
    late, series = datetime(2028, 1, 1, tzinfo=UTC), SyntheticSeries(7)
    bounds = {
        "DTWEXBGS": (90, 145), "DFF": (0, 8), "DGS10": (0.2, 8), "T10Y2Y": (-3, 4), "CPIAUCSL": (230, 400),
        "VIXCLS": (9, 90), "SP500": (1000, 15_000), FEAR_GREED: (5, 95), STABLECOINS: (1e9, 3e12),
    }  # fmt: skip
    for name, (low, high) in bounds.items():
        values = [row.value for row in series.published(name, late) if row.value is not None]
        assert low <= min(values) < max(values) <= high, name


def test_recorded_series_without_the_file_are_empty(tmp_path):
    series = RecordedSeries(tmp_path)

    assert series.published("VIXCLS", NOW) == []
    assert series.latest("btc_dominance", NOW) is None


@needs_recorded
def test_recorded_series_show_what_was_published_by_the_end_of_the_recording():
    rows = pl.read_parquet(RECORDED / "macro_sentiment.parquet")
    with running(RecordedMarket(RECORDED, symbols=2)) as exchange:
        graph = get(exchange.url, GRAPH, id="VIXCLS").text.splitlines()[1:]
        prices = get(exchange.url, GRAPH, id="CPIAUCSL").text.splitlines()[1:]
        moods = get(exchange.url, "/fng/", limit=0).json["data"]
        coins = get(exchange.url, "/api/v3/global").json["data"]
        supply = get(exchange.url, "/stablecoincharts/all").json

    def recorded(name):
        return rows.filter(pl.col("series") == name).sort("date")

    assert [tuple(line.split(",")) for line in graph] == [
        (day.isoformat(), f"{value:.15g}" if value % 1 else f"{value:.1f}")
        for day, value in recorded("vix").select("date", "value").iter_rows()
    ]
    assert prices[-1].split(",")[0] < "2025-11-01" in {f"{d}" for d in recorded("cpi_index")["date"]}
    assert len(moods) == recorded("fear_greed").height
    assert coins["market_cap_percentage"] == {"btc": 58.68}
    assert (coins["total_market_cap"], coins["updated_at"]) == ({}, 1764547200)
    assert supply[-1]["totalCirculatingUSD"]["peggedUSD"] == recorded("stablecoin_supply")["value"][-1]


def test_observation_of_a_trading_day_has_a_value():
    for row in SyntheticSeries(3).published("VIXCLS", NOW):
        assert row == Observation(row.day, row.value)
        assert (row.value is not None) == trading_day(row.day)
