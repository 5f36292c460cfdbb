"""Evaluating strategies: masks, needs, and what is refused."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

import polars as pl
import pytest

from crypto_bt.backtest import targets
from crypto_bt.backtest.signals import bars_since_gap, strategy_frame
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import MARK_SCHEMA
from crypto_bt.strategies import Strategy
from crypto_bt_tests.backtest.markets import H4, START, Ohlc, candles, funding

FLAT: Ohlc = (100.0, 100.0, 100.0, 100.0)


@dataclass(frozen=True)
class Given(Strategy):
    """Gives whatever expression it is made with."""

    needs: ClassVar[tuple[str, ...]] = ()
    expression: pl.Expr = field(default_factory=lambda: pl.lit(1))
    warm: int = 0

    @property
    def warm_up(self) -> int:
        return self.warm

    def target(self) -> pl.Expr:
        return self.expression


@dataclass(frozen=True)
class Needing(Given):
    needs: ClassVar[tuple[str, ...]] = ("funding_rate", "mark_close")


def test_targets_first_bars_and_bars_after_a_gap_are_flat_for_the_warm_up() -> None:
    bars = candles({"AAAUSDT": [FLAT] * 4 + [None] + [FLAT] * 4, "BBBUSDT": [FLAT] * 3})
    given = targets(Given(warm=2), bars)
    assert given["target"].to_list() == [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]


def test_bars_since_gap_counts_within_unbroken_stretches() -> None:
    bars = candles({"AAAUSDT": [FLAT, FLAT, None, FLAT], "BBBUSDT": [FLAT, FLAT]})
    assert bars_since_gap(bars, Timeframe.H4).to_list() == [0, 1, 0, 0, 1]


def test_targets_null_is_flat() -> None:
    assert targets(Given(pl.lit(None)), candles({"AAAUSDT": [FLAT] * 2}))["target"].to_list() == [0, 0]


def test_targets_are_rounded_to_hundredths_half_to_even() -> None:
    given = [0.004, 0.005, 0.015, 0.025, -0.005, -0.015, 0.374, -1.0, 0.999]
    bars = candles({"AAAUSDT": [FLAT] * len(given)})
    rounded = targets(Given(pl.lit(pl.Series(given))), bars)["target"]
    assert rounded.dtype == pl.Float64
    assert rounded.to_list() == [0.0, 0.0, 0.02, 0.02, 0.0, -0.02, 0.37, -1.0, 1.0]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (pl.lit(2), "gives the target 2 for AAAUSDT at 2025-01-06 00:00"),
        (pl.lit(-1.01), r"gives the target -1\.01"),
        (pl.lit(1.004), r"gives the target 1\.004"),
        (pl.col("close") * float("inf"), "gives the target inf"),
        (pl.col("close") * float("nan"), "gives the target nan"),
        (pl.lit("long"), "gives a target of type String"),
        (pl.col("closing"), "Strategy test_signals failed: ColumnNotFoundError"),
        (pl.col("close").head(1).append(pl.col("close").head(1)), "Strategy test_signals failed"),
    ],
)
def test_targets_wrong_expression_is_refused_with_what_was_seen(expression: pl.Expr, message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        targets(Given(expression), candles({"AAAUSDT": [FLAT] * 3}))


def test_strategy_frame_needs_are_joined_as_known_at_the_close() -> None:
    bars = candles({"AAAUSDT": [FLAT] * 3, "BBBUSDT": [FLAT]})
    rates = funding(
        [
            ("AAAUSDT", START + H4, 0.01, None),  # known exactly at the first close
            ("AAAUSDT", START + 2 * H4 + timedelta(minutes=1), 0.02, None),  # a minute after the second
        ]
    )
    marks = pl.DataFrame(
        [
            ("AAAUSDT", START + timedelta(hours=3), 1.0, 1.0, 1.0, 7.0),  # closes at the first close
            ("AAAUSDT", START + timedelta(hours=7, minutes=30), 1.0, 1.0, 1.0, 8.0),  # not yet at the second
        ],
        schema=MARK_SCHEMA,
        orient="row",
    )
    frame = strategy_frame(bars, Needing(), {"funding_rates": rates, "mark_price_1h": marks})
    assert frame["funding_rate"].to_list() == [0.01, 0.01, 0.02, None]
    assert frame["mark_close"].to_list() == [7.0, 7.0, 8.0, None]
    assert frame["open_time"].to_list() == bars["open_time"].to_list()


def test_strategy_frame_missing_dataset_gives_nulls() -> None:
    assert strategy_frame(candles({"AAAUSDT": [FLAT]}), Needing())["funding_rate"].to_list() == [None]


def test_strategy_frame_unknown_need_is_refused_with_the_list() -> None:
    @dataclass(frozen=True)
    class Wrong(Given):
        needs: ClassVar[tuple[str, ...]] = ("moon_phase",)

    with pytest.raises(
        BacktestError,
        match=r"no column 'moon_phase' to need. There are: funding_rate, funding_rate_8h, mark_close",
    ):
        targets(Wrong(), candles({"AAAUSDT": [FLAT]}))


def test_targets_may_look_across_symbols_at_one_time() -> None:
    bars = candles({"AAAUSDT": [FLAT] * 2, "BBBUSDT": [(200.0, 200.0, 200.0, 200.0)] * 2})
    leader = pl.col("close") == pl.col("close").max().over("open_time")
    assert targets(Given(leader.cast(pl.Int8)), bars)["target"].to_list() == [0, 0, 1, 1]
