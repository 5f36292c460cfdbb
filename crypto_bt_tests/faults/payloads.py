"""Bodies of answers as nobody would send them: hypothesis strategies of JSON, and of what is nearly JSON."""

import json
import math
from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from crypto_bt.core.market import to_milliseconds
from crypto_bt_tests.core.positioning_rows import long_short_row, open_interest_row, taker_row
from crypto_bt_tests.core.rows import START, candle_row, funding_row

_HOUR: Final = 3_600_000
#: Stands for an integer of more digits than Python reads or writes.
_HUGE: Final = "an integer of 5000 digits"
#: As deep as a parser may follow, and deeper than any does.
_DEPTHS: Final = (3, 60, 900, 100_000)

odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-3, max_value=3),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.sampled_from([10**400, -(10**400), _HUGE, 2**63, 2**64, 253_402_300_800_000]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    # What the libraries do not agree on: the literals NaN and Infinity, and lone surrogates.
    st.sampled_from([math.nan, math.inf, -math.inf, "\ud800", "a\udfffb", 0.0, "x", "y", "z"]),
    st.sampled_from(
        ["NaN", "inf", "-Infinity", "0", "-0.0", "1e400", "1e-400", "1_0", " 1", "0x10", "", "1,5", "٣", "."]
    ),
    st.integers(min_value=-5, max_value=60).map(lambda hour: to_milliseconds(START) + hour * _HOUR),
    st.dates().map(str),
)
anything = st.recursive(
    odd_values,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=5),
    max_leaves=25,
)


def _listing(index: int) -> dict[str, object]:
    return {
        "symbol": ("BTCUSDT", "ETHUSDT", "币安人生USDT")[index % 3],
        "contractType": "PERPETUAL",
        "marginAsset": "USDT",
        "onboardDate": to_milliseconds(START),
        "deliveryDate": 4_133_404_800_000,
        "status": "TRADING",
        "quoteVolume": "1234.5",
        "serverTime": to_milliseconds(START),
    }


_GOOD_ROWS: Final[tuple[Callable[[int], Any], ...]] = (
    candle_row, funding_row, open_interest_row, long_short_row, taker_row, _listing,
    lambda index: {"timestamp": str(to_milliseconds(START) // 1000 + 86_400 * index), "value": "40"},
    lambda index: {"date": f"2026-03-{index % 28 + 1:02}", "value": "4.1"},
)  # fmt: skip


def _near(value: object) -> st.SearchStrategy[object]:
    """Values that look much like ``value`` and are wrong, or nearly so."""
    if isinstance(value, int):
        moved = [value + 1, value - 1, value + 90_000, value + _HOUR, value - _HOUR, value + 100 * _HOUR]
        return st.sampled_from([*moved, -value, 1000 * value, value // 1000, float(value), str(value), 0])
    odd = ["NaN", "Infinity", "-inf", "0", "-0", "1e400", "1e-320", f"-{value}", f" {value}", f"{value}e3"]
    return st.sampled_from([*odd, "0.0001", "99999999", None, f"{value}0", f"{value}5"])


@st.composite
def rows(draw: st.DrawFn) -> list[object]:
    """Real rows of one kind, of which some have odd fields, lack some, come twice, or are something else."""
    # Every other time candles: they have the most ways to be wrong.
    make = candle_row if draw(st.booleans()) else draw(st.sampled_from(_GOOD_ROWS))
    found: list[object] = []
    for index in draw(st.lists(st.integers(-2, 50), min_size=3, max_size=12)):
        row = make(index)
        for place in draw(st.lists(st.sampled_from(range(len(row))), max_size=2, unique=True)):
            key = place if isinstance(row, list) else list(row)[place]
            row[key] = draw(_near(row[key]) if draw(st.integers(0, 2)) else odd_values)
        if isinstance(row, list):
            row = row[: draw(st.sampled_from([12] * 10 + [13, 11, 6, 0]))]
        elif draw(st.integers(0, 15)) == 7:
            row.pop(draw(st.sampled_from(list(row))))
        found += [row] * draw(st.sampled_from([1, 1, 1, 2]))
    return found + draw(st.one_of(st.just([]), st.lists(anything, max_size=2)))


_others = st.one_of(
    anything,
    st.fixed_dictionaries({"symbols": rows(), "rateLimits": anything}),
    st.fixed_dictionaries({"data": rows() | anything}),
    st.fixed_dictionaries({"observations": rows() | anything}),
    st.fixed_dictionaries({"code": odd_values, "msg": anything}),
    st.fixed_dictionaries({"serverTime": odd_values}),
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """The bytes of an answer: a document, mostly rows, written well or badly."""
    # By numbers in the middle: a strategy named twice counts once, and the ends of a range come often.
    document = draw(_others if draw(st.integers(0, 9)) in (3, 5, 7) else rows())
    text = json.dumps(document, ensure_ascii=draw(st.booleans())).replace(f'"{_HUGE}"', "7" * 5000)
    ways = ("cut", "twice", "nested", "noise", "marked", "appended")
    way = draw(st.sampled_from(ways)) if draw(st.integers(0, 9)) in (4, 7) else "plain"
    match way:
        case "cut":
            text = text[: draw(st.integers(0, len(text)))]
        case "twice":
            # The same key once more: which of the two counts is nowhere laid down.
            text = f'{{"symbols": 1, "data": 2, "symbols": {text}, "data": {text}, "serverTime": 0}}'
        case "nested":
            depth = draw(st.sampled_from(_DEPTHS))
            text = "[" * depth + text + "]" * depth
        case "noise":
            place = draw(st.integers(0, len(text)))
            text = text[:place] + draw(st.text(max_size=3)) + text[place:]
        case "marked":
            text = "\ufeff" + text
        case "appended":
            text += draw(st.sampled_from(["]", "}", ",", "\x00", " NaN", text[:20]]))
    body = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 19)) == 7:
        return draw(st.sampled_from([body + b"\xff\xfe", text.encode("utf-16", "replace")]))
    return body
