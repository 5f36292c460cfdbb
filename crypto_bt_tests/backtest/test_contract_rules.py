"""The contracts that the universe's rows tell of: the newest figures known, and which are not known."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.backtest.contract_rules import contracts_known, figures_unknown
from crypto_bt.backtest.contracts import Contract, contract_tiers
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.schemas import ORDER_RULES, UNIVERSE_SCHEMA

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
RULES = (0.1, 0.001, 0.002, 100.0, 0.02)
NOTHING = (None,) * 5


def row(symbol: str, day: int, rules: tuple[float | None, ...], late: int = 0) -> dict[str, object]:
    """What was said of ``symbol`` on ``day``, available ``late`` days later."""
    at = FIRST + day * DAY
    return {
        "symbol": symbol,
        "day": at,
        "available_at": at + late * DAY,
        **dict(zip(ORDER_RULES, rules, strict=True)),
    }


def universe(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=UNIVERSE_SCHEMA)


def test_contracts_known_are_the_newest_figures_with_the_margin_tiers() -> None:
    coarser = (0.5, 0.01, 0.01, 5.0, 0.015)
    rows = universe(row("BTCUSDT", 3, RULES), row("BTCUSDT", 1, coarser), row("XXUSDT", 5, coarser))
    tiers = contract_tiers(["BTCUSDT"])["BTCUSDT"]
    assert contracts_known(rows, ["XXUSDT", "BTCUSDT", "XXUSDT"]) == {
        "XXUSDT": Contract(*coarser),
        "BTCUSDT": Contract(*RULES, tiers=tiers),
    }
    assert figures_unknown(rows, ["XXUSDT", "BTCUSDT"]) == {}


def test_contracts_known_a_null_hides_no_older_figure() -> None:
    rows = universe(
        row("XXUSDT", 1, RULES), row("XXUSDT", 2, (None, 0.5, None, None, 0.0)), row("XXUSDT", 3, NOTHING)
    )
    assert contracts_known(rows, ["XXUSDT"]) == {"XXUSDT": Contract(0.1, 0.5, 0.002, 100.0, 0.0)}


@pytest.mark.parametrize("rows", [DATASETS["universe"].empty(), universe(row("ETHUSDT", 1, NOTHING))])
def test_contracts_known_of_a_symbol_without_figures_are_its_tiers_alone(rows: pl.DataFrame) -> None:
    symbols = ["ETHUSDT", "NOSUCHUSDT"]
    assert contracts_known(rows, symbols) == {
        "ETHUSDT": Contract(tiers=contract_tiers(["ETHUSDT"])["ETHUSDT"]),
        "NOSUCHUSDT": Contract(),
    }
    assert figures_unknown(rows, symbols) == dict.fromkeys(symbols, ORDER_RULES)


def test_figures_unknown_names_what_no_row_says_and_takes_zero_for_an_answer() -> None:
    rows = universe(
        row("AUSDT", 1, (None, 0.001, None, 5.0, 0.02)),
        row("AUSDT", 2, (None, None, 0.001, None, None)),
        row("BUSDT", 1, (0.0, 0.0, 0.0, 0.0, 0.0)),
    )
    assert figures_unknown(rows, ["CUSDT", "BUSDT", "AUSDT"]) == {
        "CUSDT": ORDER_RULES,
        "AUSDT": ("tick_size",),
    }


def test_contracts_known_reads_categories_as_symbols() -> None:
    rows = universe(row("AUSDT", 1, RULES)).with_columns(pl.col("symbol").cast(pl.Categorical))
    assert contracts_known(rows, ["AUSDT"]) == {"AUSDT": Contract(*RULES)}


def test_contracts_known_of_a_negative_figure_is_refused() -> None:
    with pytest.raises(BacktestError, match="lot of a contract is -1"):
        contracts_known(universe(row("AUSDT", 1, (0.1, -1.0, 1.0, 1.0, 0.0))), ["AUSDT"])


FIGURE = st.none() | st.sampled_from([0.0, 0.001, 0.5, 20.0])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["AUSDT", "BUSDT", "CUSDT"]),
        st.integers(0, 9),
        st.tuples(*[FIGURE] * 5),
        st.integers(0, 3),
    ),
    max_size=20,
    unique_by=lambda item: item[:2],
)


@given(rows=ROWS, cutoff=st.integers(0, 12))
def test_contracts_known_are_what_a_plain_search_of_the_available_rows_finds(rows: list, cutoff: int) -> None:
    table = universe(*(row(*item) for item in rows))
    known = table.filter(pl.col("available_at") <= FIRST + cutoff * DAY)
    symbols = ["CUSDT", "AUSDT"]
    found: dict[str, list[float | None]] = {symbol: [None] * 5 for symbol in symbols}
    for symbol, day, rules, late in sorted(rows, key=lambda item: item[1]):
        if symbol in found and day + late <= cutoff:
            found[symbol] = [
                old if new is None else new for old, new in zip(found[symbol], rules, strict=True)
            ]
    assert contracts_known(known, symbols) == {
        symbol: Contract(*(figure or 0.0 for figure in figures)) for symbol, figures in found.items()
    }
    missing = {
        symbol: tuple(n for n, figure in zip(ORDER_RULES, figures, strict=True) if figure is None)
        for symbol, figures in found.items()
    }
    assert figures_unknown(known, symbols) == {symbol: names for symbol, names in missing.items() if names}
