"""``data quarantine``: a person looks at doubtful rows and decides."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from crypto_bt.commands.quarantine import app
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.raw_rows import raw_text
from crypto_bt.defs.doubting import without_doubtful
from crypto_bt.runtime.home import Home
from crypto_bt.settings import render_example
from crypto_bt.store import SnapshotStore
from crypto_bt_tests.core.rows import candle_row
from crypto_bt_tests.core.test_doubt import HOUR, JUMPED, LAST, NOW, marks_of, moved

TIME = f"{LAST:%Y-%m-%dT%H:%M}"
CASE = ("BTCUSDT", "candles_1h", TIME)
#: Hour of the conflicting duplicate, and of an impossible row, after START.
CONFLICT_HOUR, BROKEN_HOUR = 390, 391
SOURCE = "simulated:seed=7"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with 399 stored hours, a waiting jump, a conflicting duplicate and an impossible row."""
    root = tmp_path / "home"
    Home(root).prepare(render_example(), {"FIXED_NOW": NOW.isoformat(), "SYMBOLS": "BTCUSDT,ETHUSDT"})
    store = store_of(root)
    first = LAST - 399 * HOUR
    gaps = [first + hour * HOUR for hour in (CONFLICT_HOUR, BROKEN_HOUR)]
    publish(root, {"candles_1h": JUMPED.filter(pl.col("open_time") < LAST, ~pl.col("open_time").is_in(gaps))})
    changes = without_doubtful(store, {"candles_1h": JUMPED.filter(open_time=LAST)}, NOW)
    # The jump is still a jump beside the two gaps before it.
    assert changes["quarantine"].height == 1
    two = "\n".join(raw_text(candle_row(CONFLICT_HOUR, close=close)) for close in ("491.0", "492.0"))
    rows = [
        ("candles_1h", "BTCUSDT", gaps[0], "conflicting duplicate", two, NOW),
        ("candles_1h", "BTCUSDT", gaps[1], "not positive", raw_text(candle_row(BROKEN_HOUR, low="0")), NOW),
    ]
    refused = pl.DataFrame(rows, schema=DATASETS["quarantine"].schema, orient="row")
    publish(root, {**changes, "quarantine": pl.concat([changes["quarantine"], refused])})
    return root


def store_of(home: Path) -> SnapshotStore:
    return SnapshotStore(home / "store", views=False)


def publish(home: Path, changes: dict[str, pl.DataFrame]) -> None:
    store_of(home).publish(changes, source=SOURCE, published_by="a test", now=NOW)


def run(home: Path, *arguments: str) -> Any:
    """The JSON that a command prints."""
    done = CliRunner().invoke(app, [*arguments, "--home", str(home), "--json"])
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)


def refused(home: Path, *arguments: str) -> str:
    """The sentence with which a command refuses; the store stays as it was."""
    before = store_of(home).current()
    with pytest.raises(CryptoBtError) as error:
        run(home, *arguments)
    assert store_of(home).current() == before
    assert "\n" not in str(error.value)
    return str(error.value)


def at(hour: int) -> str:
    return f"{LAST - (399 - hour) * HOUR:%Y-%m-%dT%H:%M}"


def states(home: Path) -> dict[str, tuple[str, bool]]:
    return {row["reason"]: (row["state"], row["healed"]) for row in run(home, "list")["rows"]}


def test_list_shows_what_waits_and_what_was_refused(home: Path) -> None:
    done = run(home, "list")

    assert done["waiting"] == 1
    assert [row["reason"] for row in done["rows"]] == ["jump", "not positive", "conflicting duplicate"]
    assert states(home)["jump"] == ("waiting", False)
    assert states(home)["not positive"] == ("refused", False)
    assert run(home, "list", "--symbols", "ETHUSDT")["rows"] == []
    assert len(run(home, "list", "--symbols", "1")["rows"]) == 3


def test_list_for_a_person_has_the_times_that_the_other_commands_take(home: Path) -> None:
    text = CliRunner().invoke(app, ["list", "--home", str(home)]).output

    assert f"BTCUSDT  candles_1h  {TIME}  jump" in " ".join(text.split(" "))
    assert "1 waits for a decision, a day at most" in text


def test_list_of_an_empty_home_is_empty(tmp_path: Path) -> None:
    Home(tmp_path).prepare(render_example(), {})

    assert run(tmp_path, "list") == {"home": str(tmp_path), "waiting": 0, "rows": []}


def test_list_tells_rows_that_healed(home: Path) -> None:
    publish(home, {"candles_1h": JUMPED.filter(pl.col("open_time") == LAST - 8 * HOUR)})

    assert states(home)["not positive"] == ("refused", True)
    assert run(home, "list")["rows"][-1]["healed"] is True


def test_show_gives_the_raw_row_its_neighbours_and_the_mark_price(home: Path) -> None:
    publish(home, {"mark_price_1h": marks_of(JUMPED)})

    done = run(home, "show", *CASE)

    close = JUMPED.filter(open_time=LAST)["close"].item()
    assert done["raws"][0][4] == close
    assert done["mark_price"]["close"] == close
    assert [row["open_time"] for row in done["stored"]] == [
        f"{LAST - hours * HOUR:%Y-%m-%dT%H:%M:%SZ}" for hours in (3, 2, 1)
    ]
    text = CliRunner().invoke(app, ["show", *CASE, "--home", str(home)]).output
    assert "waiting" in text
    assert f"{close:.10g}" in text


def test_accept_publishes_the_candle_and_records_who_decided(home: Path) -> None:
    done = run(home, "accept", *CASE)

    store = store_of(home)
    current = store.current()
    assert current is not None
    assert (current.id, current.published_by, current.source) == (
        done["snapshot"],
        "data quarantine accept",
        SOURCE,
    )
    assert store.read("candles_1h", start=LAST).equals(JUMPED.filter(open_time=LAST))
    decided = store.read("decisions").select("decision", "decided_by", "decided_at").rows()
    assert decided == [("accepted", "a person", NOW)]
    assert states(home)["jump"] == ("accepted", True)
    assert "stored with this very value" in refused(home, "accept", *CASE)


def test_accept_after_a_rejection_changes_the_decision(home: Path) -> None:
    run(home, "reject", *CASE)
    run(home, "accept", "BTCUSDT", "1h", f"{LAST:%Y-%m-%d %H:%M}")

    assert store_of(home).read("decisions")["decision"].to_list() == ["accepted"]


def test_reject_keeps_the_value_out_of_later_updates(home: Path) -> None:
    run(home, "reject", *CASE)

    assert states(home)["jump"] == ("rejected", False)
    store, newest = store_of(home), JUMPED.filter(open_time=LAST)
    later = NOW + timedelta(days=3)
    assert without_doubtful(store, {"candles_1h": newest}, later)["candles_1h"].is_empty()
    other = moved(JUMPED, 399, 1.1).filter(open_time=LAST)
    assert without_doubtful(store, {"candles_1h": other}, later)["candles_1h"].equals(other)


def test_reject_holds_though_the_exchange_has_seen_the_row_ahead_of_this_clock(home: Path) -> None:
    ahead = NOW + timedelta(seconds=20)
    publish(
        home,
        {
            "quarantine": store_of(home)
            .read("quarantine")
            .with_columns(seen_at=pl.lit(ahead).dt.cast_time_unit("ms"))
        },
    )

    run(home, "reject", *CASE)

    assert states(home)["jump"] == ("rejected", False)


def test_reject_of_what_is_stored_is_refused(home: Path) -> None:
    run(home, "accept", *CASE)

    assert "is stored by now" in refused(home, "reject", *CASE)


def test_accept_an_impossible_row_is_refused_and_says_why(home: Path) -> None:
    said = refused(home, "accept", "BTCUSDT", "candles_1h", at(BROKEN_HOUR))

    assert "cannot be accepted: it was refused as not positive" in said
    assert f"crypto-bt data backfill --home {home} --symbols BTCUSDT --timeframes candles_1h --start" in said
    assert "cannot be rejected" in refused(home, "reject", "BTCUSDT", "candles_1h", at(BROKEN_HOUR))


def test_accept_one_of_two_conflicting_rows_needs_its_number(home: Path) -> None:
    case = ("BTCUSDT", "candles_1h", at(CONFLICT_HOUR))

    assert "has 2 raw rows" in refused(home, "accept", *case)
    assert "has 2 raw rows" in refused(home, "accept", *case, "--row", "3")
    run(home, "accept", *case, "--row", "2")
    stored = store_of(home).read("candles_1h", start=LAST - 9 * HOUR, end=LAST - 8 * HOUR)
    assert stored["close"].to_list() == [492.0]


@pytest.mark.parametrize("raw", ["[1]", '"not JSON: set"', "no JSON at all", "{}", "null"])
def test_accept_a_raw_row_that_is_no_candle_is_refused(home: Path, raw: str) -> None:
    rows = store_of(home).read("quarantine").filter(reason="jump")
    publish(home, {"quarantine": rows.with_columns(raw=pl.lit(raw))})

    assert "cannot be accepted" in refused(home, "accept", *CASE)
    assert len(run(home, "show", *CASE)["raws"]) == 1


def test_accept_over_another_stored_value_records_the_revision(home: Path) -> None:
    stored = moved(JUMPED, 399, 1.2).filter(open_time=LAST)
    publish(home, {"candles_1h": stored})

    run(home, "accept", *CASE)

    revised = store_of(home).read("revisions").filter(field="close")
    assert revised["before"].to_list() == stored["close"].to_list()
    assert revised["after"].to_list() == JUMPED.filter(open_time=LAST)["close"].to_list()


def test_accept_of_settlements_and_positions_goes_by_their_own_rules(home: Path) -> None:
    two = "\n".join(
        raw_text({"symbol": "BTCUSDT", "fundingTime": 1772323200007, "fundingRate": rate, "markPrice": ""})
        for rate in ("0.0001", "7")
    )
    opened = pl.from_epoch(pl.Series([1772323200000]), "ms").dt.replace_time_zone("UTC").item()
    row = ("funding_rates", "BTCUSDT", opened, "conflicting duplicate", two, NOW)
    publish(home, {"quarantine": pl.DataFrame([row], schema=DATASETS["quarantine"].schema, orient="row")})
    case = ("BTCUSDT", "funding_rates", f"{opened:%Y-%m-%dT%H:%M}")

    assert "impossible rate" in refused(home, "accept", *case, "--row", "2")
    run(home, "accept", *case, "--row", "1")
    assert store_of(home).read("funding_rates")["funding_rate"].to_list() == [0.0001]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "BTCUSDT", "candles_1h", "2026-01-01"), "Nothing is quarantined of BTCUSDT candles_1h"),
        (("show", "ETHUSDT", "candles_1h", TIME), "Nothing is quarantined"),
        (("accept", "BTCUSDT", "candles_4h", TIME), "Nothing is quarantined"),
        (("show", "BTCUSDT", "candles_7h", TIME), "There is no dataset 'candles_7h'"),
        (("reject", "BTCUSDT", "1h", "yesterday"), "'yesterday' is not a time"),
        (("show", "龙虾USDT", "1h", TIME), "is not a symbol"),
        (("list", "--symbols", "龙虾"), "is not a symbol"),
    ],
)
def test_impossible_requests_get_one_sentence(home: Path, arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(home, *arguments)


def test_decision_while_an_update_writes_says_who_holds_the_lock(home: Path) -> None:
    with Home(home).locked("market", "run 1234 of data_update"):
        assert "is in use by run 1234 of data_update" in refused(home, "accept", *CASE)
