"""Every pure reader of answers, run on one body, and what must hold of all that it lets through."""

import json
import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import polars as pl

from crypto_bt.core.candles import validate_candles, validate_mark_prices
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import SourceRefused
from crypto_bt.core.funding import validate_funding
from crypto_bt.core.market import SYMBOL_PATTERN, Timeframe
from crypto_bt.core.positioning import (
    validate_long_short_ratio,
    validate_open_interest,
    validate_taker_volume,
)
from crypto_bt.core.raw_rows import Validated
from crypto_bt.core.series import PLAUSIBLE, validate_series
from crypto_bt.sources.answers import Transient, check_answer
from crypto_bt.sources.exchange_info import identity_of, listings_of, weight_limit_of
from crypto_bt.sources.questions import read_exchange_info, read_list, read_server_time, read_tickers
from crypto_bt_tests.core.rows import END, START

NOW: Final = START + timedelta(hours=40, minutes=30)
_SYMBOL: Final = "BTCUSDT"
_VALIDATORS: Final[tuple[tuple[str, Callable[..., Validated]], ...]] = (
    ("candles_1h", validate_candles),
    ("mark_price_1h", validate_mark_prices),
    ("funding_rates", validate_funding),
    ("open_interest", validate_open_interest),
    ("long_short_ratio", validate_long_short_ratio),
    ("taker_volume", validate_taker_volume),
)
_SERIES: Final = (
    ("fear_greed", "fear_greed"),
    ("macro_series", "DGS10"),
    ("btc_dominance", "total_market_cap"),
)


def parsed(body: bytes) -> list[object]:
    """What the client may make of ``body``: by either JSON library, None where it is none to it."""
    text = body.decode("utf-8", "replace")
    found: list[object] = []
    for loads in (orjson.loads, json.loads):
        try:
            found.append(loads(text) if text[:1] in ("{", "[") else None)
        except (ValueError, RecursionError):
            found.append(None)
    return found


def read_all(body: bytes) -> Counter[str]:
    """Run every reader on ``body``; AssertionError for anything bad that one lets through.

    Counts the answers ``refused`` as a whole, and the rows ``kept`` and ``quarantined``.
    """
    counts: Counter[str] = Counter()
    for answer in parsed(body):
        counts.update(_judge(200, body, answer))
        _judge(400, body, answer)
        _about_the_exchange(answer)
        rows = read_list(answer)
        if rows is not None:
            for dataset, validate in _VALIDATORS:
                valid = validate(rows, dataset=dataset, symbol=_SYMBOL, start=START, end=END, now=NOW)
                _check_table(dataset, valid)
                counts.update(kept=valid.frame.height, quarantined=valid.quarantine.height)
        pairs = [(row.get("timestamp", row.get("date")), row.get("value")) for row in _dicts(answer)]
        for dataset, series in _SERIES:
            valid = validate_series(pairs, dataset=dataset, series=series, start=START, end=END, now=NOW)
            _check_series(series, valid)
            counts.update(kept=valid.frame.height, quarantined=valid.quarantine.height)
    return counts


def _dicts(answer: object) -> list[dict[str, Any]]:
    if isinstance(answer, dict):
        answer = answer.get("data", answer.get("observations"))
    return [row for row in answer if isinstance(row, dict)] if isinstance(answer, list) else []


def _judge(status: int, body: bytes, answer: object) -> Counter[str]:
    text = body.decode("utf-8", "replace")
    try:
        check_answer(status, {"Content-Type": "application/json"}, text, answer)
    except (Transient, SourceRefused) as error:
        message = str(error)
    else:
        assert status == 200
        assert answer is not None
        return Counter(passed=1)
    assert message.isprintable()
    assert len(message) < 600
    return Counter(refused=1)


def _about_the_exchange(answer: object) -> None:
    time = read_server_time(answer)
    assert time is None or datetime(1970, 1, 1, tzinfo=UTC) < time < datetime(9999, 12, 31, tzinfo=UTC)
    info = read_exchange_info(answer)
    if info is not None:
        listings = listings_of(info)
        assert listings
        assert all(SYMBOL_PATTERN.match(symbol) for symbol in listings)
        assert all(listing.onboard.tzinfo is UTC for listing in listings.values())
    if isinstance(answer, dict):
        assert weight_limit_of(answer) >= 1
        assert identity_of(answer, "http://127.0.0.1:1")
    tickers = read_tickers(answer) or {}
    assert all(math.isfinite(figure) and figure >= 0 for figure in tickers.values())


def _check_table(dataset: str, valid: Validated) -> None:
    frame, time = valid.frame, DATASETS[dataset].time
    assert dict(frame.schema) == DATASETS[dataset].schema
    check_rows(dataset, frame, NOW)
    assert frame[time].is_between(START, END, closed="left").all()
    _check_quarantine(valid.quarantine)


def check_rows(dataset: str, frame: pl.DataFrame, now: datetime) -> None:
    """AssertionError unless each row of ``frame`` may be in the store at ``now``."""
    assert frame.select(DATASETS[dataset].key).is_duplicated().sum() == 0
    for row in frame.iter_rows(named=True):
        figures = [value for value in row.values() if isinstance(value, float)]
        assert all(math.isfinite(figure) for figure in figures), row
        if dataset == "funding_rates":
            assert row["funding_time"] <= now
            assert row["funding_time"].second == 0
            assert abs(row["funding_rate"]) <= 1
            assert row["mark_price"] is None or row["mark_price"] > 0
            continue
        opened = row[DATASETS[dataset].time]
        assert (opened - START) % (DATASETS[dataset].timeframe or Timeframe.H1).delta == timedelta(0), row
        assert opened + (DATASETS[dataset].timeframe or Timeframe.H1).delta <= now, row
        if "low" in row:
            assert 0 < row["low"] <= min(row["open"], row["close"]), row
            assert row["high"] >= max(row["open"], row["close"]), row
        assert all(figure >= 0 for figure in figures), row


def _check_series(series: str, valid: Validated) -> None:
    low, high = PLAUSIBLE[series]
    for row in valid.frame.iter_rows(named=True):
        assert low <= row["value"] <= high
        assert START <= row["observed_at"] <= NOW
        assert row["available_at"] >= row["observed_at"]
    assert valid.frame.select("observed_at").is_duplicated().sum() == 0
    _check_quarantine(valid.quarantine)


def _check_quarantine(quarantine: pl.DataFrame) -> None:
    assert dict(quarantine.schema) == DATASETS["quarantine"].schema
    assert quarantine.null_count().sum_horizontal().sum() == 0
    assert quarantine.select(DATASETS["quarantine"].key).is_duplicated().sum() == 0
    for raw in quarantine["raw"]:
        assert all(json.loads(line) is not ... for line in raw.split("\n"))
