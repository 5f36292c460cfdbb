"""What exchangeInfo says: the perpetuals, the request limit, and whose data this is."""

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
    return Listing(symbol, from_milliseconds(onboard), status == "TRADING", status, _delisting(entry))


def _delisting(entry: Mapping[str, object]) -> datetime | None:
    """The delivery date where one is set; that of an undelisted perpetual lies in the year 2100."""
    delivery = entry.get("deliveryDate")
    return from_milliseconds(delivery) if type(delivery) is int and 0 < delivery < _NEVER else None


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
