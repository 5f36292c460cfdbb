"""Round trips of fills: nothing is lost, whatever the account did."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.backtest.live.fills import Fill
from crypto_bt.backtest.live.funding_paid import Payment, add_funding
from crypto_bt.backtest.live.listed_trades import trades_of
from crypto_bt.backtest.live.round_trips import RoundTrip, build_round_trips
from crypto_bt.core.errors import UsageError

BEGAN = datetime(2026, 9, 1, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def fill(
    quantity: str, price: str, *, at: int = 0, symbol: str = "BTCUSDT", commission: str | None = "0.1",
    realized: str | None = None, strategy: str | None = None,
) -> Fill:  # fmt: skip
    """A fill ``at`` so many seconds after the beginning."""
    return Fill(
        strategy, symbol, BEGAN + timedelta(seconds=at), Decimal(quantity), Decimal(price),
        None if commission is None else Decimal(commission),
        realized=None if realized is None else Decimal(realized), row=at,
    )  # fmt: skip


def trip_of(fills: Sequence[Fill]) -> RoundTrip:
    """The only round trip of ``fills``."""
    (trip,) = build_round_trips(fills)
    return trip


amounts = st.decimals("0.001", "50", places=3)
logs = st.lists(
    st.builds(
        lambda quantity, side, price, commission, symbol, strategy: (
            quantity * side, price, commission, symbol, strategy,
        ),
        amounts, st.sampled_from([1, -1]), st.decimals("0.01", "90000", places=2),
        st.decimals("-1", "9", places=4), st.sampled_from(SYMBOLS), st.sampled_from(["a", "b"]),
    ),
    max_size=40,
)  # fmt: skip


def as_fills(log: list[tuple[Decimal, Decimal, Decimal, str, str]]) -> list[Fill]:
    """Fills one second apart."""
    return [
        Fill(strategy, symbol, BEGAN + timedelta(seconds=at), quantity, price, commission)
        for at, (quantity, price, commission, symbol, strategy) in enumerate(log)
    ]


@given(logs)
def test_signed_quantity_is_conserved(log: list[tuple[Decimal, Decimal, Decimal, str, str]]) -> None:
    fills = as_fills(log)
    trips = build_round_trips(fills)
    for symbol in SYMBOLS:
        for strategy in ("a", "b"):
            own = [trip for trip in trips if (trip.symbol, trip.strategy) == (symbol, strategy)]
            traded = sum(one.quantity for one in fills if (one.symbol, one.strategy) == (symbol, strategy))
            assert sum(trip.side * trip.held for trip in own) == traded
            assert sum(trip.held != 0 for trip in own) <= 1
            assert all((trip.held == 0) == (trip.exit_time is not None) for trip in own)
            assert all(trip.held >= 0 and trip.entered > 0 for trip in own)


@given(logs)
def test_cash_is_conserved(log: list[tuple[Decimal, Decimal, Decimal, str, str]]) -> None:
    fills = as_fills(log)
    trips = build_round_trips(fills)
    assert sum(trip.side * (trip.got - trip.paid) for trip in trips) == -sum(
        one.quantity * one.price for one in fills
    )
    charged = sum((trip.commission or Decimal(0) for trip in trips), Decimal(0))
    assert abs(charged - sum((one.commission or Decimal(0) for one in fills), Decimal(0))) < Decimal("1e-18")


@given(logs)
def test_trips_of_one_symbol_and_strategy_never_overlap(
    log: list[tuple[Decimal, Decimal, Decimal, str, str]],
) -> None:
    last: dict[tuple[str, str | None], RoundTrip] = {}
    for trip in build_round_trips(as_fills(log)):
        before = last.get((trip.symbol, trip.strategy))
        assert before is None or (before.exit_time is not None and before.exit_time <= trip.entry_time)
        last[trip.symbol, trip.strategy] = trip


def test_partial_fills_scale_ins_and_scale_outs_are_one_trip() -> None:
    fills = [
        fill("1", "100", at=0), fill("2", "103", at=1),
        fill("-1.5", "110", at=2), fill("1", "101", at=3), fill("-2.5", "108", at=4),
    ]  # fmt: skip
    trip = trip_of(fills)
    assert (trip.side, trip.entered, trip.held) == (1, Decimal(4), Decimal(0))
    assert trip.paid == Decimal(407)
    assert trip.got == Decimal(435)
    assert trip.commission == Decimal("0.5")
    (row,) = trades_of([trip]).to_dicts()
    assert (row["entry_price"], row["exit_price"]) == (101.75, 108.75)
    assert (row["entry_time"], row["exit_time"]) == (BEGAN, BEGAN + timedelta(seconds=4))


def test_a_tenth_and_two_tenths_make_three_tenths() -> None:
    trip = trip_of([fill("0.1", "10"), fill("0.2", "10", at=1), fill("-0.3", "11", at=2)])
    assert trip.exit_time == BEGAN + timedelta(seconds=2)


def test_a_fill_beyond_flat_closes_and_opens_and_shares_its_commission() -> None:
    first, second = build_round_trips([fill("1", "100"), fill("-3", "110", at=1, commission="0.9")])
    assert (first.held, first.commission) == (0, Decimal("0.1") + Decimal("0.9") * (Decimal(1) / Decimal(3)))
    assert (second.side, second.held, second.exit_time) == (-1, Decimal(2), None)
    assert first.commission is not None
    assert second.commission is not None
    assert first.commission + second.commission == Decimal("1.0")


def test_a_position_still_open_has_no_exit_and_no_commission_once_it_left_in_part() -> None:
    whole, part = (
        trades_of(build_round_trips(fills)).row(0, named=True)
        for fills in ([fill("2", "100")], [fill("2", "100"), fill("-1", "110", at=1)])
    )
    assert (whole["exit_time"], whole["exit_price"], whole["commission"]) == (None, None, 0.1)
    assert (part["exit_time"], part["exit_price"], part["commission"]) == (None, None, None)


def test_one_unknown_commission_makes_the_trips_unknown() -> None:
    assert trip_of([fill("1", "10"), fill("-1", "11", at=1, commission=None)]).commission is None


def test_a_position_held_before_the_file_is_told_and_not_compared() -> None:
    fills = [fill("-2", "110", at=1), fill("-1", "111", at=2), fill("1", "100", at=3)]
    first, second = build_round_trips(fills, {(None, "BTCUSDT"): Decimal(2)})
    assert (first.opened_before, first.held, first.exit_time) == (True, 0, BEGAN + timedelta(seconds=1))
    assert (second.side, second.opened_before) == (-1, False)
    assert trades_of([first, second])["side"].to_list() == [-1]


def test_a_realized_profit_out_of_no_position_closes_one_from_before() -> None:
    fills = [fill("-2", "110", realized="20"), fill("1", "100", at=1, realized="0")]
    first, second = build_round_trips(fills)
    assert (first.opened_before, first.side, first.held) == (True, 1, 0)
    assert (second.opened_before, second.side) == (False, 1)


def test_a_realized_profit_while_adding_is_a_contradiction_and_names_its_row() -> None:
    fills = [fill("1", "100"), fill("2", "110", at=7, realized="-4")]
    with pytest.raises(UsageError, match=r"Row 7: BTCUSDT realized -4 .* --held BTCUSDT=QUANTITY"):
        build_round_trips(fills)


def payment(amount: str, at: int, strategy: str | None = None) -> Payment:
    """Funding of BTCUSDT, positive when received."""
    return Payment(
        strategy, "BTCUSDT", BEGAN + timedelta(seconds=at), Decimal(amount), f"funding.csv, row {at}"
    )


def test_funding_goes_to_the_trip_that_held_the_position_when_it_was_due() -> None:
    trips = build_round_trips(
        [fill("1", "100", at=10), fill("-2", "110", at=62), fill("1", "100", at=130), fill("1", "99", at=300)]
    )
    orphans = add_funding(
        trips, [payment("-3", 60), payment("2", 65), payment("5", 124), payment("1", 200), payment("-7", 302)]
    )
    # Booked at 65 after the reversal, it was due on the minute of the long; at 124 that of the short.
    assert [trip.funding for trip in trips] == [Decimal(1), Decimal(-5), Decimal(7)]
    assert [one.amount for one in orphans] == [Decimal(1)]


def test_funding_of_a_reversal_in_the_very_moment_is_that_of_the_position_carried_into_it() -> None:
    trips = build_round_trips([fill("1", "100", at=10), fill("-2", "110", at=60)])
    assert add_funding(trips, [payment("-3", 60)]) == []
    assert [trip.funding for trip in trips] == [Decimal(3), Decimal(0)]


def test_funding_booked_for_a_position_opened_within_its_seconds_is_that_ones() -> None:
    trips = build_round_trips([fill("1", "100", at=62)])
    assert add_funding(trips, [payment("-3", 70)]) == []
    assert trips[0].funding == Decimal(3)


def test_funding_of_two_strategies_in_one_symbol_must_say_whose_it_is() -> None:
    def trips() -> list[RoundTrip]:
        return build_round_trips([fill("1", "100", strategy="a"), fill("1", "100", strategy="b")])

    with pytest.raises(UsageError, match=r"funding.csv, row 5: a, b all held BTCUSDT"):
        add_funding(trips(), [payment("-3", 5)])
    told = trips()
    assert add_funding(told, [payment("-3", 5, "b")]) == []
    assert [trip.funding for trip in told] == [Decimal(0), Decimal(3)]
