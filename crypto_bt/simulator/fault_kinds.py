"""The ways in which an exchange goes wrong, by where they show."""

from enum import StrEnum
from typing import Final


class FaultKind(StrEnum):
    """What goes wrong with an answer; the numbers are HTTP statuses with the exchange's own bodies."""

    TOO_MANY = "429"
    BANNED = "418"
    RESTRICTED = "451"
    FORBIDDEN = "403"
    BROKEN = "500"
    BAD_GATEWAY = "502"
    OVERLOADED = "503"
    GATEWAY_TIMEOUT = "504"
    UNKNOWN_SYMBOL = "-1121"

    HTML = "html200"
    EMPTY = "empty"
    MALFORMED = "malformed"
    RESET = "reset"
    TRUNCATED = "truncated"
    SLOW = "slow"
    TIMEOUT = "timeout"
    DRIP = "drip"

    OTHER_BODY = "other body"
    WRONG_SHAPE = "wrong shape"
    NESTED = "nested"
    NO_ROWS = "no rows"
    NAN = "nan"
    INFINITY = "infinity"
    NULL = "null"
    GARBLED = "garbled"
    ZERO = "zero"
    NEGATIVE = "negative"
    HIGH_BELOW_LOW = "high below low"
    SHORT_ROW = "short row"
    TEXT_TIME = "text time"
    MISALIGNED = "misaligned"
    OTHER_TIMEFRAME = "other timeframe"
    OTHER_SYMBOL = "other symbol"
    OPEN_CANDLE = "open candle"
    FUTURE = "future"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    DISORDER = "disorder"
    GAP = "gap"
    REVISED = "revised"

    CLOCK_SKEW = "clock skew"
    DELISTED = "delisted"
    UNLISTED = "unlisted"
    NO_LISTINGS = "no listings"


#: An error status: the answer is another one altogether.
STATUS_FAULTS: Final = frozenset(
    {
        FaultKind.TOO_MANY,
        FaultKind.BANNED,
        FaultKind.RESTRICTED,
        FaultKind.FORBIDDEN,
        FaultKind.BROKEN,
        FaultKind.BAD_GATEWAY,
        FaultKind.OVERLOADED,
        FaultKind.GATEWAY_TIMEOUT,
        FaultKind.UNKNOWN_SYMBOL,
    }
)
#: The right answer, delivered badly.
DELIVERY_FAULTS: Final = frozenset(
    {
        FaultKind.HTML,
        FaultKind.EMPTY,
        FaultKind.MALFORMED,
        FaultKind.RESET,
        FaultKind.TRUNCATED,
        FaultKind.SLOW,
        FaultKind.TIMEOUT,
        FaultKind.DRIP,
    }
)
#: An answer about the whole exchange that is wrong in itself: its clock or its listings.
LISTING_FAULTS: Final = frozenset(
    {FaultKind.CLOCK_SKEW, FaultKind.DELISTED, FaultKind.UNLISTED, FaultKind.NO_LISTINGS}
)
#: Well delivered and well formed, but the rows are not what they ought to be.
ROW_FAULTS: Final = (
    frozenset(FaultKind) - STATUS_FAULTS - DELIVERY_FAULTS - LISTING_FAULTS - {FaultKind.OTHER_BODY}
)
