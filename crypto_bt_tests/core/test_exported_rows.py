"""Rows in our own schemas: validated as fetched ones are, and kept as they are."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.exported_rows import read_exported

NOW = datetime(2026, 3, 10, tzinfo=UTC)
AT = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CANDLE = ("BTCUSDT", AT, 2.0, 3.0, 1.0, 2.5, 10.0, 25.0, 7, 5.0)


def frame(dataset: str, *rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=DATASETS[dataset].schema, orient="row")


def read(dataset: str, *rows: tuple):
    return read_exported(frame(dataset, *rows), DATASETS[dataset], NOW, name="a.parquet")


#: The regime of a bar, known when it closed.
REGIME = ("BTCUSDT", AT, *[1.0] * 9, 1, 0, -1, None, AT + 4 * HOUR)
#: Tick, lot, smallest quantity, smallest notional and liquidation fee, and a day on which nobody knew them.
RULES, NO_RULES = (0.1, 0.001, 0.001, 100.0, 0.02), (None,) * 5
GOOD = [
    ("candles_1h", [CANDLE, ("BTCUSDT", AT + HOUR, *CANDLE[2:7], None, None, None)]),
    ("mark_price_1h", [CANDLE[:6]]),
    ("funding_rates", [("BTCUSDT", AT, -0.0001, None), ("BTCUSDT", AT + 8 * HOUR, 0.0003, 7.5)]),
    ("open_interest", [("BTCUSDT", AT, 80424.539, 2934227437.9, AT + 2 * HOUR)]),
    ("long_short_ratio", [("BTCUSDT", AT, 2.4518, 0.7103, 0.2897, AT + 2 * HOUR)]),
    ("taker_volume", [("BTCUSDT", AT, 10.0, 8.0, 1.25, AT + 2 * HOUR)]),
    # A revised observation: both values, each known from its own moment on.
    (
        "macro_series",
        [
            ("DFF", AT, 4.33, AT + 70 * HOUR),
            ("DFF", AT, 4.32, AT + 90 * HOUR),
            ("VIXCLS", AT, 20.5, AT + 72 * HOUR),
        ],
    ),
    ("fear_greed", [("fear_greed", AT, 40.0, AT + 24 * HOUR)]),
    (
        "universe",
        [
            ("BTCUSDT", AT, AT, None, "TRADING", True, True, True, None, None, *RULES, AT),
            ("ETHUSDT", AT, AT, None, "TRADING", True, True, False, None, None, *NO_RULES, AT),
        ],
    ),
    ("market_regime", [REGIME]),
    ("quarantine", [("macro_series", "DFF", AT, "not a number", "[1]", AT)]),
    ("revisions", [("candles_1h", "BTCUSDT", AT, "close", 1.0, 2.0, AT)]),
    ("decisions", [("candles_1h", "BTCUSDT", AT, "rejected", "a person", AT)]),
]


@pytest.mark.parametrize(("dataset", "rows"), GOOD)
def test_read_exported_good_rows_come_through_unchanged(dataset, rows):
    found = read(dataset, *reversed(rows))

    assert found.frame.equals(frame(dataset, *rows).sort(DATASETS[dataset].key))
    assert (found.quarantine.height, found.left_out) == (0, 0)


def test_every_dataset_that_can_be_fetched_has_a_good_row_here():
    named = {dataset for dataset, _ in GOOD}
    assert set(DATASETS) - named == {
        "candles_15m",
        "candles_4h",
        "candles_1d",
        "btc_dominance",
    }


@pytest.mark.parametrize(
    ("dataset", "good", "bad", "reason"),
    [
        ("candles_1h", CANDLE, ("BTCUSDT", AT + HOUR, 2.0, 1.5, *CANDLE[4:]), "inconsistent"),
        ("candles_1h", CANDLE, ("BTCUSDT", AT + HOUR, float("nan"), *CANDLE[3:]), "not finite"),
        ("candles_1h", CANDLE, ("BTCUSDT", AT + timedelta(minutes=7), *CANDLE[2:]), "misaligned"),
        ("candles_1h", CANDLE, ("BTCUSDT", NOW, *CANDLE[2:]), "unclosed"),
        ("candles_1h", CANDLE, ("BTCUSDT", NOW + HOUR, *CANDLE[2:]), "future"),
        ("mark_price_1h", CANDLE[:6], ("BTCUSDT", AT + HOUR, 0.0, 3.0, 1.0, 2.5), "not positive"),
        ("funding_rates", ("BTCUSDT", AT, 0.1, None), ("BTCUSDT", AT + HOUR, 1.5, None), "impossible rate"),
        (
            "open_interest",
            ("BTCUSDT", AT, 1.0, 1.0, AT + 2 * HOUR),
            ("BTCUSDT", AT + HOUR, 0.0, 1.0, AT),
            "not positive",
        ),
        (
            "long_short_ratio",
            ("BTCUSDT", AT, 1.0, 0.5, 0.5, AT + 2 * HOUR),
            ("BTCUSDT", AT + HOUR, 1.0, 0.7, 0.5, AT),
            "shares miss 1",
        ),
        (
            "taker_volume",
            ("BTCUSDT", AT, 1.0, 1.0, 1.0, AT + 2 * HOUR),
            ("BTCUSDT", AT + HOUR, 2.0, 1.0, 1.0, AT),
            "inconsistent",
        ),
        ("macro_series", ("DFF", AT, 4.0, AT + 72 * HOUR), ("DFF", AT + 24 * HOUR, 400.0, AT), "implausible"),
    ],
)
def test_read_exported_bad_rows_are_refused_with_their_reason(dataset, good, bad, reason):
    found = read(dataset, good, bad)

    assert found.frame.rows() == [good]
    assert found.quarantine["reason"].to_list() == [reason]


@pytest.mark.parametrize(
    ("dataset", "row", "says"),
    [
        ("candles_1h", ("龙虾USDT", *CANDLE[1:]), "no symbol that can be kept"),
        ("candles_1h", (None, *CANDLE[1:]), "rows without symbol"),
        ("candles_1h", ("BTCUSDT", None, *CANDLE[2:]), "rows without open_time"),
        ("candles_1h", ("BTCUSDT", AT, -1.0, *CANDLE[3:]), "no row that can be kept: not positive"),
        ("macro_series", ("NOPE", AT, 1.0, AT), "no series that can be kept"),
        ("decisions", ("nope", "BTCUSDT", AT, "accepted", "a person", AT), "no dataset that can be kept"),
        ("decisions", ("candles_1h", "BTCUSDT", NOW + HOUR, "accepted", "a", AT), "rows of the future"),
        ("macro_series", ("DFF", AT, 4.0, AT + HOUR), "cannot be before"),
        ("open_interest", ("BTCUSDT", AT, 1.0, 1.0, AT - 240 * HOUR), "cannot be before"),
        ("taker_volume", ("BTCUSDT", AT, 1.0, 1.0, 1.0, None), "cannot be before"),
        (
            "universe",
            ("BTCUSDT", AT, AT, None, "T", True, True, True, None, None, *NO_RULES, AT - HOUR),
            "cannot be before",
        ),
        (
            "universe",
            ("BTCUSDT", AT, AT, None, "T", True, True, True, None, None, 0.1, -1.0, *RULES[2:], AT),
            r"lot_size -1\.0, not 0 or more",
        ),
        (
            "universe",
            ("BTCUSDT", AT, AT, None, "T", True, True, True, None, None, *RULES[:4], float("nan"), AT),
            "liquidation_fee nan, not 0 or more",
        ),
        ("market_regime", (*REGIME[:-1], AT + 3 * HOUR), "cannot be before"),
        ("market_regime", (*REGIME[:-2], 77, REGIME[-1]), "sentiment_regime 77, not -1, 0 or 1"),
    ],
)
def test_read_exported_wrong_files_are_refused_in_one_sentence(dataset, row, says):
    with pytest.raises(UsageError, match=says):
        read(dataset, row)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop("trades"), "missing trades"),
        (lambda f: f.with_columns(source=pl.lit("x")), "unknown 'source'"),
        (lambda f: f.with_columns(pl.col("open_time").dt.cast_time_unit("us")), "open_time is Datetime"),
    ],
)
def test_read_exported_another_schema_is_refused(change, says):
    with pytest.raises(UsageError, match=says):
        read_exported(change(frame("candles_1h", CANDLE)), DATASETS["candles_1h"], NOW, name="a.parquet")
