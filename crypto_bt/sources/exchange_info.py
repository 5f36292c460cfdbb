"""What exchangeInfo says: the perpetuals and their order rules, the request limit, and whose data this is."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from crypto_bt.core.market import SYMBOL_PATTERN, Listing, from_milliseconds, to_milliseconds
from crypto_bt.sources.client import OFFICIAL_HOST

#: The documented weight limit a minute, until exchangeInfo has told the true one.
DEFAULT_LIMIT: Final = 2400
_TIME_LIMIT: Final = 253_402_300_800_000
#: A perpetual that nobody has delisted is delivered in the last days of 2100.
_NEVER: Final = to_milliseconds(datetime(2100, 1, 1, tzinfo=UTC))


def listings_of(info: Mapping[str, Any]) -> dict[str, Listing]:
    """The USDT-margined perpetuals by symbol; entries that make no sense are left out."""
    entries = info.get("symbols")
    found = [_listing(entry) for entry in entries] if isinstance(entries, list) else []
    return {listing.symbol: listing for listing in found if listing is not None}


def _listing(entry: object) -> Listing | None:
    if not isinstance(entry, dict):
        return None
    if entry.get("contractType") != "PERPETUAL" or entry.get("marginAsset") != "USDT":
        return None
    symbol, onboard, status = (entry.get(key) for key in ("symbol", "onboardDate", "status"))
    if not isinstance(symbol, str) or not SYMBOL_PATTERN.match(symbol) or not isinstance(status, str):
        return None
    if type(onboard) is not int or not 0 <= onboard < _TIME_LIMIT:
        return None
    filters = _filters(entry)
    sizes = _sizes(filters)
    return Listing(
        symbol,
        from_milliseconds(onboard),
        status == "TRADING",
        status,
        _delisting(entry),
        tick_size=figure_of(filters.get("PRICE_FILTER", {}).get("tickSize")),
        lot_size=figure_of(sizes.get("stepSize")),
        min_quantity=figure_of(sizes.get("minQty")),
        min_notional=figure_of(filters.get("MIN_NOTIONAL", {}).get("notional")),
        liquidation_fee=_liquidation_fee(entry),
    )


def _delisting(entry: Mapping[str, object]) -> datetime | None:
    """The delivery date where one is set; that of an undelisted perpetual lies in the year 2100."""
    delivery = entry.get("deliveryDate")
    return from_milliseconds(delivery) if type(delivery) is int and 0 < delivery < _NEVER else None


def _filters(entry: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """The filters of a symbol by their type; what is none is left out."""
    given = entry.get("filters")
    found: dict[str, Mapping[str, object]] = {}
    for item in given if isinstance(given, list) else []:
        kind = item.get("filterType") if isinstance(item, dict) else None
        if isinstance(kind, str):
            found[kind] = item
    return found


def _sizes(filters: Mapping[str, Mapping[str, object]]) -> Mapping[str, object]:
    """The filter that rules quantities: backtests enter by market orders, which MARKET_LOT_SIZE is about.

    Where that is absent, or switched off by a step of 0, LOT_SIZE remains, which is about all orders.
    """
    market = filters.get("MARKET_LOT_SIZE", {})
    return market if figure_of(market.get("stepSize")) else filters.get("LOT_SIZE", {})


def _liquidation_fee(entry: Mapping[str, object]) -> float | None:
    """The exchange documents it as a rate ("0.020000" is 2 %); a rate of all or more is none."""
    fee = figure_of(entry.get("liquidationFee"))
    return fee if fee is not None and fee < 1.0 else None


def figure_of(value: object) -> float | None:
    """A decimal text or number that is finite and not negative; None for anything else."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        figure = float(value)
    except (ValueError, OverflowError):
        return None
    return figure if math.isfinite(figure) and figure >= 0 else None


def weight_limit_of(info: Mapping[str, Any]) -> int:
    """The advertised REQUEST_WEIGHT a minute; the documented one where none is advertised."""
    limits = info.get("rateLimits")
    for entry in limits if isinstance(limits, list) else []:
        if not isinstance(entry, dict) or entry.get("rateLimitType") != "REQUEST_WEIGHT":
            continue
        limit = entry.get("limit")
        if entry.get("interval") == "MINUTE" and entry.get("intervalNum") == 1 and type(limit) is int:
            return max(limit, 1)
    return DEFAULT_LIMIT


def identity_of(info: Mapping[str, Any], base_url: str) -> str:
    """``binanceusdm`` for the official host, a loopback exchange's own word, else the host is named."""
    host = urlsplit(base_url).hostname or base_url
    if host == OFFICIAL_HOST:
        return "binanceusdm"
    stated = info.get("loopbackSource")
    return stated if isinstance(stated, str) and stated else f"binanceusdm@{host}"
