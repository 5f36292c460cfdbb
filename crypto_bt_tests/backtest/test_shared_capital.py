"""Cases of the portfolio with shared capital that are computed by hand."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest

from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.backtest.shared_capital import SharedResult, simulate_shared
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.by_hand import FLAT, FREE
from crypto_bt_tests.backtest.markets import START, Ohlc, candles, wanted

A, B, C = "AAAUSDT", "BBBUSDT", "CCCUSDT"
H4 = Timeframe.H4.delta
STOP_5 = Rules(FREE, Exits(stop_loss=Distance(0.05)))
#: Nothing limits but what a test sets itself.
FREELY = {
    "risk_per_trade": None, "total_risk": None, "max_asset_share": None, "max_correlation": None,
    "daily_drawdown": None, "total_drawdown": None,
}  # fmt: skip


def freely(**limits: object) -> PortfolioRules:
    return PortfolioRules(**{**FREELY, **limits})  # type: ignore[arg-type]


def run(
    bars: Mapping[str, Sequence[Ohlc | None]],
    targets: Mapping[str, Sequence[float]],
    portfolio: PortfolioRules,
    rules: Rules = STOP_5,
    **given: object,
) -> SharedResult:
    """A portfolio of 1,000."""
    wishes = targets if isinstance(targets, pl.DataFrame) else wished(targets)
    return simulate_shared(
        candles(bars), wishes, timeframe=Timeframe.H4, rules=rules, portfolio=portfolio,
        initial_capital=1_000.0, **given,
    )  # type: ignore[arg-type]  # fmt: skip


def wished(targets: Mapping[str, Sequence[float]]) -> pl.DataFrame:
    rows = [(s, START + H4 * i, float(v)) for s, row in targets.items() for i, v in enumerate(row)]
    schema = {**wanted({}).schema, "target": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def still(*symbols: str, bars: int = 4) -> dict[str, list[Ohlc | None]]:
    return {symbol: [FLAT] * bars for symbol in symbols}


def always(*symbols: str, bars: int = 4) -> dict[str, list[float]]:
    return {symbol: [1.0] * bars for symbol in symbols}


def entered(result: SharedResult) -> dict[str, float]:
    """Quantity by symbol."""
    return dict(result.trades.select("symbol", "quantity").rows())


def test_an_entry_loses_two_percent_of_the_equity_at_its_stop() -> None:
    result = run(still(A), always(A), PortfolioRules(max_asset_share=None))
    assert entered(result)[A] == pytest.approx(0.02 * 1_000 / 5.0)
    assert result.bar_equity["open_risk"][1] == pytest.approx(20.0)


def test_the_weight_of_a_target_scales_its_risk() -> None:
    result = run(still(A), {A: [0.5] * 4}, PortfolioRules())
    assert entered(result)[A] == pytest.approx(0.5 * 0.02 * 1_000 / 5.0)


def test_an_entry_without_a_stop_risks_its_margin() -> None:
    rules = Rules(FREE, sizing=Sizing(leverage=4.0))
    result = run(still(A), always(A), PortfolioRules(), rules)
    assert entered(result)[A] == pytest.approx(0.02 * 1_000 / (100.0 / 4.0))


def test_one_symbol_is_at_most_forty_percent_of_the_equity() -> None:
    rules = Rules(FREE, Exits(stop_loss=Distance(0.01)))
    assert entered(run(still(A), always(A), PortfolioRules(), rules))[A] == pytest.approx(4.0)


def test_what_all_may_lose_is_cut_at_six_percent_and_then_refused() -> None:
    portfolio = freely(risk_per_trade=0.025, total_risk=0.06, max_positions=9)
    symbols = [f"S{number}USDT" for number in range(4)]
    rules = Rules(FREE, STOP_5.exits, Sizing(leverage=5.0))
    result = run(still(*symbols), always(*symbols), portfolio, rules)
    assert list(entered(result).values()) == pytest.approx([5.0, 5.0, 2.0])
    assert result.refusals["risk"] == 1
    assert result.metrics["refused"].item() == 1


def test_a_stop_beyond_the_entry_frees_its_share_of_the_total_risk() -> None:
    """Break-even is reached in bar 1, so that BBB may risk all five percent at bar 3."""
    rules = Rules(
        FREE, Exits(stop_loss=Distance(0.05), break_even_after=Distance(0.02)), Sizing(leverage=5.0)
    )
    rise = [FLAT, (100.0, 103.0, 100.0, 103.0), (103.0, 103.0, 103.0, 103.0), (103.0, 103.0, 103.0, 103.0)]
    result = run(
        {A: rise, B: [FLAT] * 4}, {A: [1.0] * 4, B: [0.0, 0.0, 1.0, 1.0]}, freely(total_risk=0.05), rules
    )
    assert result.bar_equity["open_risk"].to_list() == pytest.approx([0.0, 0.0, 0.0, 0.05 * 1_030.0])
    assert entered(result) == pytest.approx({A: 10.0, B: 10.3})


def test_the_notional_of_all_is_at_most_the_leverage_times_the_equity() -> None:
    rules = Rules(FREE, sizing=Sizing(exposure=1.5, leverage=2.0))
    portfolio = freely(max_leverage=2.0)
    result = run(still(A, B, C), always(A, B, C), portfolio, rules)
    assert entered(result) == pytest.approx({A: 15.0, B: 5.0})
    assert result.refusals["leverage"] == 1


def test_cash_must_carry_margin_and_commission() -> None:
    rules = Rules(Costs(taker_bps=100.0, maker_bps=0.0, slippage_bps=0.0))
    result = run(still(A, B), always(A, B), freely(), rules)
    assert entered(result) == pytest.approx({A: 10.0 / 1.01})
    assert result.refusals["cash"] == 1


def test_no_more_than_the_highest_number_of_positions() -> None:
    symbols = [f"S{number}USDT" for number in range(7)]
    result = run(still(*symbols), always(*symbols), PortfolioRules(total_risk=None, max_asset_share=0.1))
    assert len(result.trades) == 5
    assert result.bar_equity["positions"].to_list() == [0, 5, 5, 5]
    assert result.refusals["positions"] == 2


def test_the_heaviest_targets_go_first_then_the_alphabet() -> None:
    result = run(still(A, B, C), {A: [0.5] * 4, B: [1.0] * 4, C: [-1.0] * 4}, freely(max_positions=1))
    assert result.trades["symbol"].to_list() == [B]


def test_the_rank_goes_before_the_weight_and_null_comes_last() -> None:
    targets = wished({A: [1.0] * 4, B: [0.1] * 4, C: [0.2] * 4})
    rank = pl.col("symbol").replace_strict({A: None, B: -1.0, C: -2.0}, return_dtype=pl.Float64)
    result = run(still(A, B, C), targets.with_columns(rank=rank), freely(max_positions=2))
    assert result.trades["symbol"].to_list() == [B, C]


def test_a_rank_that_is_no_number_is_an_error() -> None:
    targets = wished(always(A)).with_columns(rank=float("nan"))
    with pytest.raises(BacktestError, match="rank is nan"):
        run(still(A), targets, freely())


def test_a_freed_place_waits_for_a_new_signal() -> None:
    """BBB is refused while AAA is held, and enters only after it has been flat."""
    targets = {A: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], B: [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]}
    result = run(still(A, B, bars=6), targets, freely(max_positions=1))
    assert result.trades["symbol"].to_list() == [A, B]
    assert result.trades["entry_time"][1] == START + 5 * H4


def test_a_place_left_at_an_open_is_taken_at_the_same_open() -> None:
    targets = {A: [1.0, 0.0, 0.0, 0.0], B: [0.0, 1.0, 1.0, 1.0]}
    result = run(still(A, B), targets, freely(max_positions=1))
    assert result.trades["entry_time"].to_list() == [START + H4, START + 2 * H4]


def test_a_place_left_inside_a_bar_is_free_at_the_next_open() -> None:
    falling = [FLAT, FLAT, (100.0, 100.0, 90.0, 90.0), (90.0, 90.0, 90.0, 90.0), (90.0, 90.0, 90.0, 90.0)]
    targets = {A: [1.0] * 5, B: [0.0, 1.0, 1.0, 1.0, 1.0], C: [0.0, 0.0, 1.0, 1.0, 1.0]}
    result = run({A: falling, B: [FLAT] * 5, C: [FLAT] * 5}, targets, freely(max_positions=1))
    assert result.trades["symbol"].to_list() == [A, C]
    assert result.refusals["positions"] == 1


def trends(*slopes: float, days: int = 40) -> list[list[Ohlc | None]]:
    """One market for each slope: the same ups and downs day by day, times the slope."""
    found: list[list[Ohlc | None]] = []
    for slope in slopes:
        close, bars = 100.0, []
        for number in range(days * 6):
            close *= 1.0 + slope * (0.01 if number // 6 % 3 else -0.012)
            bars.append((close, close, close, close))
        found.append(bars)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("slope", "side", "held"), [(1.0, 1, 1), (1.0, -1, 2), (-1.0, 1, 2), (-1.0, -1, 1), (0.0, 1, 2)]
)
def test_positions_that_move_alike_are_refused(slope: float, side: int, held: int) -> None:
    first, second = trends(1.0, slope)
    late = [0.0] * 199
    targets = {A: [*late, *[1.0] * 41], B: [*late, 0.0, *[float(side)] * 40]}
    result = run({A: first, B: second}, targets, freely(max_correlation=0.8), Rules(FREE, sizing=Sizing(0.4)))
    assert len(result.trades) == held
    assert result.refusals["correlation"] == 2 - held


def test_a_correlation_of_fewer_than_thirty_days_forbids_nothing() -> None:
    first, second = trends(1.0, 1.0)
    targets = {A: [0.0] * 180 + [1.0] * 60, B: [0.0] * 180 + [1.0] * 60}
    early = {symbol: row[6:] for symbol, row in targets.items()}
    rules = Rules(FREE, sizing=Sizing(0.4))
    known = run({A: first, B: second}, targets, freely(max_correlation=0.8), rules)
    unknown = run({A: first, B: second}, early, freely(max_correlation=0.8), rules)
    assert (known.refusals["correlation"], unknown.refusals["correlation"]) == (0, 0)
    later = {symbol: [0.0] * 6 + row for symbol, row in targets.items()}
    assert run({A: first, B: second}, later, freely(max_correlation=0.8), rules).refusals["correlation"] == 1


def test_volatility_sizes_an_entry_and_refuses_where_it_is_unknown() -> None:
    (market,) = trends(1.0)
    closes = [bar[3] for bar in market[5::6] if bar]
    returns = [after / before - 1.0 for before, after in pairwise(closes[3:34])]
    mean = sum(returns) / 30
    volatility = (sum((each - mean) ** 2 for each in returns) / 29 * 365) ** 0.5
    targets = {A: [1.0] + [0.0] * 203 + [1.0] * 36}
    result = run({A: market}, targets, freely(target_volatility=0.1), Rules(FREE))
    assert result.refusals["volatility"] == 1
    trade = result.trades.row(0, named=True)
    assert trade["quantity"] * trade["entry_price"] == pytest.approx(1_000 * 0.1 / volatility)


def falls(*closes: float) -> list[Ohlc | None]:
    """Bars that open at the close before them."""
    opens = (100.0, *closes[:-1])
    return [(o, max(o, c), min(o, c), c) for o, c in zip(opens, closes, strict=True)]


def test_a_daily_loss_of_five_percent_closes_all_and_waits_a_day() -> None:
    """Six bars a day. The equity is 945 at the close of bar 2; all leaves at the open of bar 3, at 95."""
    first = falls(100.0, 100.0, 94.5, *[95.0] * 15)
    second = [FLAT] * 18
    targets = {A: [1.0] * 18, B: [0.0] * 3 + [1.0, 0.0] + [1.0] * 2 + [0.0] + [1.0] * 10}
    result = run({A: first, B: second}, targets, freely(daily_drawdown=0.05, max_positions=2), Rules(FREE))
    assert result.drawdown_stops.rows() == [(START + 3 * H4, "daily", pytest.approx(945.0))]
    gone, back = result.trades.rows(named=True)
    assert (gone["exit_time"], gone["exit_reason"], gone["exit_price"]) == (START + 3 * H4, "drawdown", 94.5)
    assert result.refusals["waiting"] == 2
    assert (back["symbol"], back["entry_time"]) == (B, START + 9 * H4)


def test_a_signal_that_is_still_on_after_the_wait_does_not_enter_again() -> None:
    result = run(
        {A: falls(100.0, 100.0, 94.0, *[94.0] * 27)},
        {A: [1.0] * 30},
        freely(daily_drawdown=0.05),
        Rules(FREE),
    )
    assert len(result.trades) == 1


def test_the_daily_stop_counts_from_the_last_close_of_the_day_before() -> None:
    """Up 10 % on the first day, then down 4.9 % and 5.1 % of it."""
    rise = falls(100.0, 100.0, 110.0, 110.0, 110.0, 110.0, 110.0 * 0.951, 110.0 * 0.949, 104.0)
    result = run({A: rise}, {A: [1.0] * 9}, freely(daily_drawdown=0.05), Rules(FREE))
    assert result.drawdown_stops["time"].to_list() == [START + 8 * H4]


def test_a_fall_of_fifteen_percent_from_the_peak_halts_for_good() -> None:
    """The peak is 1,200 at a close of the first day; 1,019 is the first close at or below 85 % of it."""
    path = falls(100.0, 110.0, 120.0, 115.0, 110.0, 107.0, 103.0, 101.9, 90.0, *[90.0] * 9)
    targets = {A: [1.0] * 18, B: [0.0] * 10 + [1.0] * 8}
    result = run({A: path, B: [FLAT] * 18}, targets, freely(total_drawdown=0.15), Rules(FREE))
    assert result.drawdown_stops.rows() == [(START + 8 * H4, "total", pytest.approx(1_019.0))]
    assert result.trades["exit_reason"].to_list() == ["drawdown"]
    assert result.trades["exit_time"].to_list() == [START + 8 * H4]
    assert sum(result.refusals.values()) == 0
    assert result.equity["equity"][-1] == pytest.approx(1.019)


def test_a_delisted_symbol_leaves_at_its_last_close_and_frees_its_place() -> None:
    targets = {A: [1.0] * 6, B: [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]}
    result = run({A: [FLAT] * 3, B: [FLAT] * 6}, targets, freely(max_positions=1))
    rows = result.trades.select("symbol", "exit_reason", "entry_time", "exit_time").rows()
    assert rows == [
        (A, "gap", START + H4, START + 3 * H4),
        (B, "open", START + 3 * H4, START + 6 * H4),
    ]


def test_an_order_that_is_too_small_for_the_exchange_is_refused() -> None:
    result = run(still(A), always(A), PortfolioRules(), contracts={A: Contract(min_notional=401.0)})
    assert result.refusals["order"] == 1
    assert result.trades.is_empty()


def test_a_portfolio_that_never_trades_keeps_its_capital() -> None:
    result = run(still(A, B, bars=30), {A: [0.0] * 30}, PortfolioRules())
    assert result.bar_equity["equity"].to_list() == [1_000.0] * 30
    assert result.equity["equity"].to_list() == [1.0] * 6
    assert result.metrics["sharpe"].item() is None


def test_the_equity_at_midnight_is_that_of_the_last_close() -> None:
    path = falls(100.0, *[100.0 + step for step in range(1, 18)])
    result = run({A: path}, always(A, bars=18), freely(), Rules(FREE))
    closes = result.bar_equity["equity"].to_list()
    assert (result.daily.portfolio[1:]).tolist() == pytest.approx(closes[5::6])
    assert result.equity["time"].to_list() == [START + timedelta(days=day) for day in range(4)]
