"""Arranging candles and funding: what is accepted, what is refused, where settlements fall."""

from datetime import timedelta

import polars as pl
import pytest

from crypto_bt.backtest import kernel
from crypto_bt.backtest.bars import arrange_bars
from crypto_bt.backtest.layout import STATISTICS, ExitReason
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import CANDLE_SCHEMA, MARK_SCHEMA
from crypto_bt_tests.backtest.markets import START, Ohlc, candles, funding

FLAT: Ohlc = (100.0, 100.0, 100.0, 100.0)
HOUR = timedelta(hours=1)


def test_arrange_bars_cuts_stretches_at_gaps_and_symbols() -> None:
    bars = arrange_bars(candles({"AAAUSDT": [FLAT, None, FLAT, FLAT], "BBBUSDT": [FLAT] * 2}), Timeframe.H4)
    assert bars.symbols == ("AAAUSDT", "BBBUSDT")
    assert bars.offsets.tolist() == [0, 3, 5]
    assert bars.stretches.tolist() == [0, 1, 3, 5]
    assert bars.stretch_offsets.tolist() == [0, 2, 3]


def test_arrange_bars_settlements_fall_at_the_open_or_inside() -> None:
    rates = funding(
        [
            ("AAAUSDT", START - HOUR, 0.5, 1.0),  # before all bars
            ("AAAUSDT", START, 0.01, 50.0),
            ("AAAUSDT", START + HOUR, 0.01, None),
            ("AAAUSDT", START + 2 * HOUR, 0.02, None),
            ("AAAUSDT", START + 5 * HOUR, 0.5, 1.0),  # in the gap
            ("AAAUSDT", START + 8 * HOUR, -0.01, None),
            ("AAAUSDT", START + 12 * HOUR, 0.5, 1.0),  # after all bars
        ]
    )
    marks = pl.DataFrame(
        [("AAAUSDT", START + HOUR, 60.0, 60.0, 60.0, 60.0)], schema=MARK_SCHEMA, orient="row"
    )
    frame = candles({"AAAUSDT": [FLAT, None, FLAT], "BBBUSDT": [FLAT]})
    bars = arrange_bars(frame, Timeframe.H4, funding_rates=rates, mark_prices=marks)
    assert bars.funding[0].tolist() == pytest.approx([0.5, -1.0, 0.0])
    assert bars.funding[1].tolist() == pytest.approx([0.6 + 2.0, 0.0, 0.0])
    assert bars.funding_use.marks == {"exchange": 1, "mark_1h": 1, "candle_open": 2}
    assert bars.funding_use.symbols_without == ("BBBUSDT",)


@pytest.mark.parametrize("rates", [None, funding([])])
def test_arrange_bars_without_funding_names_every_symbol(rates: pl.DataFrame | None) -> None:
    bars = arrange_bars(candles({"AAAUSDT": [FLAT], "BBBUSDT": [FLAT]}), Timeframe.H4, funding_rates=rates)
    assert bars.funding_use.symbols_without == ("AAAUSDT", "BBBUSDT")
    assert not bars.funding[0].any()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame(schema=CANDLE_SCHEMA), "no 4h candles"),
        (candles({"AAAUSDT": [FLAT, FLAT]}).reverse(), "not sorted and unique"),
        (pl.concat([candles({"AAAUSDT": [FLAT]})] * 2), "not sorted and unique"),
        (pl.concat([candles({"BBBUSDT": [FLAT]}), candles({"AAAUSDT": [FLAT]})]), "not sorted by symbol"),
        (
            candles({"AAAUSDT": [FLAT]}).with_columns(pl.col("open_time") + HOUR),
            "not the start of a 4h candle",
        ),
        (candles({"AAAUSDT": [FLAT]}).with_columns(low=pl.lit(0.0)), "low is 0.0"),
        (candles({"AAAUSDT": [FLAT]}).with_columns(close=pl.lit(float("nan"))), "close is nan"),
        (candles({"AAAUSDT": [FLAT]}).with_columns(high=pl.lit(None, pl.Float64)), "high is nan"),
    ],
)
def test_arrange_bars_unusable_candles_are_refused(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        arrange_bars(frame, Timeframe.H4)


def test_kernel_constants_are_those_of_the_layout() -> None:
    for index, name in enumerate(STATISTICS):
        assert getattr(kernel, f"_{name.upper()}") == index
    for reason in ExitReason:
        assert getattr(kernel, f"_{reason.name}") == reason.value
