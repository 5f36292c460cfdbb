"""Matching: one to one, as many as possible, the nearest; checked against trying everything."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.backtest.live.matching import match_entries, match_trades

BEGAN = datetime(2026, 9, 1, tzinfo=UTC)
times = st.lists(st.integers(0, 30), max_size=5).map(sorted)


def best_of_all(first: list[int], second: list[int], tolerance: int) -> tuple[int, int]:
    """(pairs, least distance) over every possible pairing."""
    best = (0, 0)
    for count in range(1, min(len(first), len(second)) + 1):
        for mine in combinations(first, count):
            for theirs in permutations(second, count):
                apart = [abs(a - b) for a, b in zip(mine, theirs, strict=True)]
                if max(apart) <= tolerance:
                    best = max(best, (count, -sum(apart)))
    return best


@given(times, times, st.integers(0, 8))
def test_no_other_pairing_is_better(first: list[int], second: list[int], tolerance: int) -> None:
    pairs = match_entries(first, second, tolerance)
    assert len({left for left, _ in pairs}) == len({right for _, right in pairs}) == len(pairs)
    assert all(abs(first[left] - second[right]) <= tolerance for left, right in pairs)
    distance = sum(abs(first[left] - second[right]) for left, right in pairs)
    assert (len(pairs), -distance) == best_of_all(first, second, tolerance)


def test_the_nearest_is_not_taken_where_it_would_leave_another_alone() -> None:
    assert match_entries([0, 10], [9, 19], 9) == [(0, 0), (1, 1)]


def test_of_equal_pairings_the_earlier_is_taken() -> None:
    assert match_entries([10], [5, 15], 5) == [(0, 0)]
    assert match_entries([5, 15], [10], 5) == [(0, 0)]


def test_symbol_and_side_must_be_the_same() -> None:
    def table(*rows: tuple[str, int, int]) -> pl.DataFrame:
        return pl.DataFrame(
            [(symbol, side, BEGAN + timedelta(hours=hour)) for symbol, side, hour in rows],
            schema={"symbol": pl.String, "side": pl.Int8, "entry_time": pl.Datetime("ms", "UTC")},
            orient="row",
        )

    backtest = table(("ETHUSDT", 1, 0), ("BTCUSDT", 1, 0), ("BTCUSDT", -1, 8), ("ETHUSDT", -1, 40))
    live = table(("BTCUSDT", -1, 0), ("BTCUSDT", -1, 9), ("ETHUSDT", 1, 1), ("ETHUSDT", -1, 45))
    pairs = match_trades(backtest, live, 4 * 3_600_000)
    assert pairs.rows() == [(2, 1), (0, 2)]
