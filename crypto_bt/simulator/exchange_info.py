"""The answer of /fapi/v1/exchangeInfo, in the fields and order of the real one.

One field more than the exchange sends: ``loopbackSource``, by which a client knows that this is none of
the exchange's own data, and which.
"""

from crypto_bt.core.market import to_milliseconds
from crypto_bt.simulator.market import Market, SymbolInfo

_NO_DELIVERY = 4_133_404_800_000
_ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"]
_QUOTES = ("USDT", "USDC")
#: Smallest notional and liquidation fee by base asset as the exchange stated them in late 2025, and those of
#: most others.
_NOTIONALS = {"BTC": "100", "ETH": "20"}
_USUAL_NOTIONAL = "5"
_FEES = {
    **dict.fromkeys(("BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "ADA", "LINK", "AVAX", "DOT"), "0.020000"),
    **dict.fromkeys(("GALA", "SAND", "HYPE"), "0.020000"),
    **dict.fromkeys(("TRX", "NEAR"), "0.025000"),
    **dict.fromkeys(("INJ", "HBAR", "COMP"), "0.010000"),
    "ETHFI": "0.007500",
    "OP": "0.005000",
    "XMR": "0.003500",
}
_USUAL_FEE = "0.015000"


def exchange_info(market: Market, weight_limit: int) -> dict[str, object]:
    """exchangeInfo of ``market`` with ``weight_limit`` a minute."""
    return {
        "timezone": "UTC",
        "serverTime": to_milliseconds(market.now()),
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": weight_limit,
            },
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        ],
        "exchangeFilters": [],
        "assets": [
            {"asset": quote, "marginAvailable": True, "autoAssetExchange": "-0.10"} for quote in _QUOTES
        ],
        "symbols": [_symbol(info) for info in market.symbols()],
        "loopbackSource": market.source,
    }


def _symbol(info: SymbolInfo) -> dict[str, object]:
    quote = next((quote for quote in _QUOTES if info.symbol.endswith(quote)), _QUOTES[0])
    base = info.symbol.removesuffix(quote)
    tick, lot = _unit(info.price_decimals), _unit(info.quantity_decimals)
    lots = {"minQty": lot, "maxQty": "10000000", "stepSize": lot}
    return {
        "symbol": info.symbol,
        "pair": info.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _NO_DELIVERY if info.delisting is None else to_milliseconds(info.delisting),
        "onboardDate": to_milliseconds(info.onboard),
        "status": info.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": info.price_decimals,
        "quantityPrecision": info.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": _FEES.get(base, _USUAL_FEE),
        "marketTakeBound": "0.10",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", **lots},
            {"filterType": "MARKET_LOT_SIZE", **lots},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": _NOTIONALS.get(base, _USUAL_NOTIONAL)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.1000",
                "multiplierDown": "0.9000",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": _ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _unit(decimals: int) -> str:
    """One unit of the last of ``decimals`` places."""
    return f"{10**-decimals:.{decimals}f}"
