"""What matters most of docs/assumptions.md, word for word: the rule's number there, and its sentence."""

from typing import Final

ASSUMPTIONS: Final[tuple[tuple[int, str], ...]] = (
    (4, "A target seen at a bar's close is acted on at the open of the next bar."),
    (8, "Volume does not limit a fill."),
    (
        10,
        "Each symbol has an account of its own with an equal share of the initial capital, never rebalanced.",
    ),
    (21, "So when stop and take-profit (or scale-out) lie in one bar, the stop counts."),
    (22, "A position never loses more than its margin."),
    (25, "Each symbol has its own settlements, whatever their interval."),
    (30, "A gap in the candles is no bars, never a return."),
    (
        31,
        "A position still open on the last bar stays open, marked to the last close, without exit costs.",
    ),
    (33, "Depth within a day is not seen."),
    (50, "A change of the set in charge costs nothing and hands nothing over."),
    (34, "Years have 365 days, the risk-free rate is 0."),
)
