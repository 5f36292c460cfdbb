"""Columns of every table of the market store and their types; ``market_columns`` says what each means."""

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
