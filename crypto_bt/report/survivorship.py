"""What the comparison with the universe known then leaves out, in a sentence."""

from collections.abc import Mapping
from typing import Any

from crypto_bt.report.figures import names


def places_told(compared: Mapping[str, Any] | None) -> str:
    """How many places of the universe known then stayed empty; "" in nights that did not count them."""
    if not compared or "empty_places" not in compared:
        return ""
    count, empty, lacking = (
        compared[name] for name in ("symbols_known_then", "empty_places", "without_candles")
    )
    if not empty:
        return f"Every one of the {count:,} places was filled on every day."
    told = f"{empty:.1f} of the {count:,} places a day were empty and waited in cash"
    if not lacking:
        return f"{told}: the home knows of no more symbols of those days, delisted ones among them."
    return (
        f"{told}, {lacking:.1f} of them for want of candles in this night (delisted or not followed: "
        f"{names(compared['lacking'], 6)}). What survivorship is worth in these is not in the difference."
    )
