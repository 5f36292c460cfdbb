"""Columns of every table of the market store: their types, and what each means, with its unit."""

from typing import Final

import polars as pl

UTC_MS: Final = pl.Datetime("ms", "UTC")

#: Prices in quote units, ``volume`` and ``taker_buy_volume`` in base units, ``quote_volume`` in quote
#: units. Fields that a source does not carry are null, never zero.
CANDLE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
    "quote_volume": pl.Float64(),
    "trades": pl.Int64(),
    "taker_buy_volume": pl.Float64(),
}

#: ``funding_rate`` is a fraction of the notional per settlement (positive: longs pay shorts).
#: ``funding_time`` is the settlement's slot, rounded to the minute; ``mark_price`` null if not published.
FUNDING_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "funding_time": UTC_MS,
    "funding_rate": pl.Float64(),
    "mark_price": pl.Float64(),
}

MARK_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
}

#: Rows that a source sent and that were refused: ``raw`` is the row as received, as JSON.
QUARANTINE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "dataset": pl.String(),
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "reason": pl.String(),
    "raw": pl.String(),
    "seen_at": UTC_MS,
}

#: Stored values that the source later gave differently (one row per changed field).
REVISION_SCHEMA: Final[dict[str, pl.DataType]] = {
    "dataset": pl.String(),
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "field": pl.String(),
    "before": pl.Float64(),
    "after": pl.Float64(),
    "seen_at": UTC_MS,
}

#: What the exchange asks of an order, by the names that a listing and a row of the universe have for it.
ORDER_RULES: Final = ("tick_size", "lot_size", "min_quantity", "min_notional", "liquidation_fee")

#: What was known of a symbol on a day. ``observed``: the exchange itself said so on that day (else the row is
#: derived from the candles of that day); a symbol it does not list has status ``MISSING``. ``followed``: in
#: the home's list that day. ``quote_volume_30d``: turnover of the 30 days before ``day``, from daily candles;
#: ``quote_volume_24h``: what the exchange gave as the last 24 hours' when asked; null where not known.
#: :data:`ORDER_RULES` as the exchange stated them when it was asked, 0 where it had no such rule.
UNIVERSE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "day": UTC_MS,
    "onboard_time": UTC_MS,
    "delisted_time": UTC_MS,
    "status": pl.String(),
    "tradable": pl.Boolean(),
    "followed": pl.Boolean(),
    "observed": pl.Boolean(),
    "quote_volume_24h": pl.Float64(),
    "quote_volume_30d": pl.Float64(),
    **dict.fromkeys(ORDER_RULES, pl.Float64()),
    "available_at": UTC_MS,
}

#: Open interest in base units and in quote units, at ``observed_at``.
OPEN_INTEREST_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "observed_at": UTC_MS,
    "open_interest": pl.Float64(),
    "open_interest_value": pl.Float64(),
    "available_at": UTC_MS,
}

#: Accounts that are net long over those that are net short, all accounts of the exchange, by number.
LONG_SHORT_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "observed_at": UTC_MS,
    "long_short_ratio": pl.Float64(),
    "long_account": pl.Float64(),
    "short_account": pl.Float64(),
    "available_at": UTC_MS,
}

#: What takers bought and sold in the hour that begins at ``observed_at``, base units.
TAKER_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "observed_at": UTC_MS,
    "buy_volume": pl.Float64(),
    "sell_volume": pl.Float64(),
    "buy_sell_ratio": pl.Float64(),
    "available_at": UTC_MS,
}

#: One value of a series that belongs to no symbol. A value that its source revises later is a row of its own,
#: known from the moment the revision was seen: what was known before stays what it was.
SERIES_SCHEMA: Final[dict[str, pl.DataType]] = {
    "series": pl.String(),
    "observed_at": UTC_MS,
    "value": pl.Float64(),
    "available_at": UTC_MS,
}

#: The state of the whole market at the close of each H4 bar of the ``symbol`` it is measured on.
REGIME_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "realized_volatility": pl.Float64(),
    "trend_strength": pl.Float64(),
    "funding_level": pl.Float64(),
    "fear_greed": pl.Float64(),
    "vix": pl.Float64(),
    "dollar_index": pl.Float64(),
    "rate_10y": pl.Float64(),
    "btc_dominance": pl.Float64(),
    "stablecoin_supply": pl.Float64(),
    "volatility_regime": pl.Int64(),
    "trend_regime": pl.Int64(),
    "funding_regime": pl.Int64(),
    "sentiment_regime": pl.Int64(),
    "available_at": UTC_MS,
}

#: What was decided of a doubtful row: ``decision`` is accepted, rejected or confirmed (by the exchange).
DECISION_SCHEMA: Final[dict[str, pl.DataType]] = {
    "dataset": pl.String(),
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "decision": pl.String(),
    "decided_by": pl.String(),
    "decided_at": UTC_MS,
}


#: What each column of the market's tables means, with its unit.
MEANING: Final[dict[str, str]] = {
    "symbol": "the exchange's id of the perpetual",
    "open_time": "first moment of the candle, UTC; the candle ends just before the next one's",
    "open": "first price, quote units",
    "high": "highest price, quote units",
    "low": "lowest price, quote units",
    "close": "last price, quote units",
    "volume": "traded quantity, base units",
    "quote_volume": "traded notional, quote units; null where the source does not say",
    "trades": "number of trades; null where the source does not say",
    "taker_buy_volume": "quantity bought by takers, base units; null where the source does not say",
    "funding_time": "settlement, UTC, rounded to its minute",
    "funding_rate": "fraction of the notional; positive: longs pay shorts",
    "mark_price": "mark price at the settlement, quote units; null where not published",
    "available_at": "first moment at which the value could be known, UTC",
    "observed_at": "moment (or first moment of the span) that the value is about, UTC",
    "series": "name of the series",
    "value": "in the unit of the series",
    "open_interest": "open contracts, base units",
    "open_interest_value": "open contracts, quote units",
    "long_short_ratio": "accounts net long over accounts net short",
    "long_account": "share of accounts that are net long, a fraction",
    "short_account": "share of accounts that are net short, a fraction",
    "buy_volume": "quantity bought by takers in the hour, base units",
    "sell_volume": "quantity sold by takers in the hour, base units",
    "buy_sell_ratio": "quantity bought over quantity sold by takers",
    "day": "the UTC day that the row is about",
    "onboard_time": "first moment of trading, UTC",
    "delisted_time": "last moment of trading, UTC; null while none is known",
    "status": "the exchange's own word; MISSING where it does not list the symbol",
    "tradable": "whether positions can be opened",
    "followed": "whether the home's list held the symbol that day",
    "observed": "whether the exchange said so that day, or the row is derived from candles",
    "quote_volume_24h": "turnover of the 24 hours before the exchange was asked, quote units",
    "quote_volume_30d": "turnover of the 30 days before the day, quote units; null where not known",
    "tick_size": "step of prices, quote units; null where not known, 0 where there is none",
    "lot_size": "step of a market order's quantity, base units; null where not known, 0 where there is none",
    "min_quantity": "smallest quantity of a market order, base units; null where not known",
    "min_notional": "smallest notional of an order, quote units; null where not known",
    "liquidation_fee": "fraction of the liquidated notional that the exchange takes; null where not known",
    "realized_volatility": "annualised standard deviation of the benchmark's H4 log returns, 30 days",
    "trend_strength": "benchmark close over its mean of 50 days, minus 1",
    "funding_level": "median funding of the symbols over the last 3 days, a fraction per 8 hours",
    "fear_greed": "fear & greed index, 0 to 100",
    "vix": "CBOE volatility index, points",
    "dollar_index": "broad dollar index, points",
    "rate_10y": "10-year US treasury yield, percent",
    "btc_dominance": "share of BTC in the market capitalisation of all coins, percent",
    "stablecoin_supply": "stablecoins in circulation, US dollars",
    "volatility_regime": "-1 calm, 0 usual, 1 wild",
    "trend_regime": "-1 falling, 0 none, 1 rising",
    "funding_regime": "-1 shorts pay, 0 usual, 1 longs pay dearly",
    "sentiment_regime": "-1 fear, 0 neutral, 1 greed",
}
