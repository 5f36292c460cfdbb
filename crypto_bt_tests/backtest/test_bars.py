"""Arranging candles and funding: what is accepted, what is refused, where settlements fall."""

from datetime import date, timedelta

import polars as pl
import pytest

from crypto_bt.backtest import layout
from crypto_bt.backtest.bars import arrange_bars
from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.layout import BLOCK_PAID, BLOCK_SWING, CLOSE, PAID_AT_END, PAID_AT_OPEN, STATISTICS
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import CANDLE_SCHEMA, MARK_SCHEMA
from crypto_bt_tests.backtest.by_hand import FLAT
from crypto_bt_tests.backtest.markets import START, candles, funding

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
    # paid by a long since the symbol's first bar: 0.5, then 0.6 and 2.0 inside; -1.0 at the second open
    assert bars.lines[:, PAID_AT_OPEN].tolist() == pytest.approx([0.5, 2.1, 0.0])
    assert bars.lines[:, PAID_AT_END].tolist() == pytest.approx([3.1, 2.1, 0.0])
    assert bars.funding_use.marks == {"exchange": 1, "mark_1h": 1, "candle_open": 2}
    assert bars.funding_use.symbols_without == ("BBBUSDT",)


@pytest.mark.parametrize("rates", [None, funding([])])
def test_arrange_bars_without_funding_names_every_symbol(rates: pl.DataFrame | None) -> None:
    bars = arrange_bars(candles({"AAAUSDT": [FLAT], "BBBUSDT": [FLAT]}), Timeframe.H4, funding_rates=rates)
    assert bars.funding_use.symbols_without == ("AAAUSDT", "BBBUSDT")
    assert not bars.lines[:, [PAID_AT_OPEN, PAID_AT_END]].any()
    assert not bars.blocks.lines[:, [BLOCK_PAID, BLOCK_SWING]].any()


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


def test_arrange_bars_candles_that_contradict_themselves_are_refused() -> None:
    for contradiction in ((100, 99, 98, 99), (100, 101, 100.5, 101), (100, 101, 98, 102), (100, 101, 98, 97)):
        frame = candles({"AAAUSDT": [FLAT, contradiction]})
        with pytest.raises(
            BacktestError, match=r"'AAAUSDT', \d+\): the candle contradicts itself: .*'high': "
        ):
            arrange_bars(frame, Timeframe.H4)


def test_arrange_bars_holds_prices_volume_and_contracts_by_symbol() -> None:
    frame = candles({"AAAUSDT": [(1, 4, 0.5, 2)], "BBBUSDT": [(5, 8, 4, 6)]})
    frame = frame.with_columns(volume=pl.Series([None, 7.0]))
    known = {"BBBUSDT": Contract(tick=0.5)}
    bars = arrange_bars(frame, Timeframe.H4, contracts=known)
    assert bars.lines[:, : CLOSE + 1].tolist() == [[1.0, 4.0, 0.5, 2.0], [5.0, 8.0, 4.0, 6.0]]
    assert bars.volume.tolist() == [0.0, 7.0]
    assert bars.contracts == (Contract(), Contract(tick=0.5))


def test_arrange_bars_days_are_those_of_all_symbols_or_those_given() -> None:
    frame = candles({"AAAUSDT": [FLAT] * 7, "BBBUSDT": [None] * 6 + [FLAT] * 13})
    bars = arrange_bars(frame, Timeframe.H4)
    monday = START.date().toordinal() - date(1970, 1, 1).toordinal()
    assert (bars.first_day, bars.days) == (monday, 4)
    assert bars.blocks.day.tolist() == [0, 1, 1, 2, 3]
    part = arrange_bars(frame, Timeframe.H4, days=(monday - 2, monday + 4))
    assert (part.first_day, part.days) == (monday - 2, 7)
    assert part.blocks.day.tolist() == [2, 3, 3, 4, 5]


def test_statistics_have_the_names_of_their_columns() -> None:
    for index, name in enumerate(STATISTICS):
        assert getattr(layout, name.upper()) == index
