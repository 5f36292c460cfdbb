"""What each column of the market's tables means: unit, rule, when it is null."""

from typing import Final

import polars as pl

from crypto_bt.core.columns import (
    BASE,
    COUNT,
    DIRECTION,
    FILLED,
    FINITE,
    FRACTION,
    HOURLY,
    MIDNIGHT,
    MINUTELY,
    MOMENT,
    NOT_NEGATIVE,
    NUMBER,
    POSITIVE,
    QUOTE,
    SHARE,
    TIME,
    TRUTH,
    WORD,
    Column,
    Table,
    Together,
    between,
    one_of,
)
from crypto_bt.core.datasets import DATASETS, Dataset
from crypto_bt.core.funding import LARGEST_RATE

_UNSAID: Final = "where the source does not say"
_UNKNOWN: Final = "where not known"
_COUNTED: Final = "where too little is known to say"

#: By the column's name; :data:`_OTHERWISE` has those that mean something else in one table.
MARKET_COLUMNS: Final[dict[str, Column]] = {
    "symbol": Column("the exchange's id of the perpetual", WORD, FILLED),
    "open_time": Column("first moment of the candle; it ends just before the next one's", TIME, MOMENT),
    "open": Column("first price", QUOTE, POSITIVE),
    "high": Column("highest price", QUOTE, POSITIVE),
    "low": Column("lowest price", QUOTE, POSITIVE),
    "close": Column("last price", QUOTE, POSITIVE),
    "volume": Column("traded quantity", BASE, NOT_NEGATIVE),
    "quote_volume": Column("traded notional", QUOTE, NOT_NEGATIVE, _UNSAID),
    "trades": Column("number of trades", NUMBER, COUNT, _UNSAID),
    "taker_buy_volume": Column("quantity bought by takers", BASE, NOT_NEGATIVE, _UNSAID),
    "funding_time": Column("settlement, rounded to its minute", TIME, MINUTELY),
    "funding_rate": Column(
        "rate of the settlement over the notional; positive: longs pay shorts",
        FRACTION,
        between(-LARGEST_RATE, LARGEST_RATE),
    ),
    "mark_price": Column("mark price at the settlement", QUOTE, POSITIVE, "where not published"),
    "available_at": Column("first moment at which the value could be known", TIME, MOMENT),
    "observed_at": Column("moment, or first moment of the hour, that the value is about", TIME, HOURLY),
    "series": Column("name of the series", WORD, FILLED),
    "value": Column("the value, in the unit of its series", "of the series", FINITE),
    "open_interest": Column("open contracts", BASE, POSITIVE),
    "open_interest_value": Column("open contracts", QUOTE, POSITIVE),
    "long_short_ratio": Column(
        "accounts net long over accounts net short", "ratio", NOT_NEGATIVE, "where no account is short"
    ),
    "long_account": Column("share of accounts that are net long", FRACTION, between(0, 1.001)),
    "short_account": Column("share of accounts that are net short", FRACTION, between(0, 1.001)),
    "buy_volume": Column("quantity bought by takers in the hour", BASE, NOT_NEGATIVE),
    "sell_volume": Column("quantity sold by takers in the hour", BASE, NOT_NEGATIVE),
    "buy_sell_ratio": Column(
        "quantity bought over quantity sold by takers", "ratio", NOT_NEGATIVE, "where nothing was sold"
    ),
    "day": Column("the day that the row is about", TIME, MIDNIGHT),
    "onboard_time": Column("first moment of trading", TIME, MOMENT, _UNKNOWN),
    "delisted_time": Column("last moment of trading", TIME, MOMENT, "while none is known"),
    "status": Column("the exchange's own word; `MISSING` where it does not list the symbol", WORD, FILLED),
    "tradable": Column("whether positions can be opened", NUMBER, TRUTH),
    "followed": Column("whether the home's list held the symbol that day", NUMBER, TRUTH, _UNKNOWN),
    "observed": Column(
        "whether the exchange said so that day, or the row is derived from candles", NUMBER, TRUTH, _UNKNOWN
    ),
    "quote_volume_24h": Column(
        "turnover of the 24 hours before the exchange was asked", QUOTE, NOT_NEGATIVE, _UNKNOWN
    ),
    "quote_volume_30d": Column("turnover of the 30 days before the day", QUOTE, NOT_NEGATIVE, _UNKNOWN),
    "tick_size": Column("step of prices; 0 where there is none", QUOTE, NOT_NEGATIVE, _UNKNOWN),
    "lot_size": Column(
        "step of a market order's quantity; 0 where there is none", BASE, NOT_NEGATIVE, _UNKNOWN
    ),
    "min_quantity": Column("smallest quantity of a market order", BASE, NOT_NEGATIVE, _UNKNOWN),
    "min_notional": Column("smallest notional of an order", QUOTE, NOT_NEGATIVE, _UNKNOWN),
    "liquidation_fee": Column(
        "part of the liquidated notional that the exchange takes", FRACTION, SHARE, _UNKNOWN
    ),
    "dataset": Column("name of the table that the row speaks of", WORD, one_of(*DATASETS)),
    "reason": Column("why the row was refused, or `jump` while it waits", WORD, FILLED),
    "raw": Column("the row as received, as JSON; several on a line each", WORD, FILLED),
    "seen_at": Column("when it was seen", TIME, MOMENT),
    "field": Column("name of the column that changed", WORD, FILLED),
    "before": Column("value that was stored", "of the field", FINITE),
    "after": Column("value that the source gives now", "of the field", FINITE, "where it gives none now"),
    "decision": Column(
        "what was decided of a doubtful row", WORD, one_of("accepted", "rejected", "confirmed")
    ),
    "decided_by": Column("who decided: a person, or what confirmed it", WORD, FILLED),
    "decided_at": Column("when it was decided", TIME, MOMENT),
    "realized_volatility": Column(
        "annualised standard deviation of the benchmark's H4 log returns, 30 days",
        FRACTION,
        NOT_NEGATIVE,
        _COUNTED,
    ),
    "trend_strength": Column("benchmark close over its mean of 50 days, minus 1", FRACTION, FINITE, _COUNTED),
    "funding_level": Column(
        "median funding of the symbols over the last 3 days, per 8 hours", FRACTION, FINITE, _COUNTED
    ),
    "fear_greed": Column("fear & greed index", "points", between(0, 100), _UNKNOWN),
    "vix": Column("CBOE volatility index", "points", POSITIVE, _UNKNOWN),
    "dollar_index": Column("broad dollar index", "points", POSITIVE, _UNKNOWN),
    "rate_10y": Column("10-year US treasury yield", "percent", FINITE, _UNKNOWN),
    "btc_dominance": Column(
        "share of BTC in the capitalisation of all coins", "percent", between(0, 100), _UNKNOWN
    ),
    "stablecoin_supply": Column("stablecoins in circulation", "US dollars", NOT_NEGATIVE, _UNKNOWN),
    "volatility_regime": Column("-1 calm, 0 usual, 1 wild", NUMBER, DIRECTION, _COUNTED),
    "trend_regime": Column("-1 falling, 0 none, 1 rising", NUMBER, DIRECTION, _COUNTED),
    "funding_regime": Column("-1 shorts pay, 0 usual, 1 longs pay dearly", NUMBER, DIRECTION, _COUNTED),
    "sentiment_regime": Column("-1 fear, 0 neutral, 1 greed", NUMBER, DIRECTION, _UNKNOWN),
}
_SAID_OF: Final = Column("symbol or series that the row speaks of", WORD, FILLED)
_SAID_AT: Final = Column("time of the row that it speaks of", TIME, MOMENT)
_ELSEWHERE: Final = {"symbol": _SAID_OF, "open_time": _SAID_AT}
_OTHERWISE: Final[dict[str, dict[str, Column]]] = {
    **dict.fromkeys(("quarantine", "revisions", "decisions"), _ELSEWHERE),
    **{
        name: {"observed_at": Column("moment or day that the value is about", TIME, MINUTELY)}
        for name in ("fear_greed", "macro_series", "btc_dominance")
    },
    "market_regime": {
        "symbol": Column("the benchmark that it is measured on", WORD, FILLED),
        "open_time": Column("first moment of the benchmark's H4 bar", TIME, MOMENT),
        "available_at": Column("close of that bar", TIME, MOMENT),
    },
}
_ROWS: Final = {
    "candles_15m": "One closed 15-minute candle; kept where TIMEFRAMES asks for them.",
    "candles_1h": "One closed hourly candle (H1).",
    "candles_4h": "One closed four-hour candle (H4), on which the strategies decide.",
    "candles_1d": "One closed daily candle (D1, UTC).",
    "funding_rates": "One funding settlement of a symbol.",
    "mark_price_1h": "One closed hourly candle of the mark price.",
    "universe": "What was known of a perpetual on a day.",
    "open_interest": "Open contracts of a symbol at an hour.",
    "long_short_ratio": "Accounts that are net long and net short at an hour, all accounts by number.",
    "taker_volume": "What takers bought and sold of a symbol in an hour.",
    "fear_greed": "One value of the index; a revision is a row of its own.",
    "macro_series": "One value of a macro series; a revision is a row of its own.",
    "btc_dominance": "One value of the dominance or of the capitalisation; a revision is a row of its own.",
    "market_regime": "State of the whole market at the close of an H4 bar of the benchmark.",
    "quarantine": "A row that a source sent and that was refused, or waits for a decision.",
    "revisions": "A stored value that the source later gave differently.",
    "decisions": "What was decided of a doubtful row.",
}
_ORDERED: Final = Together(
    "low <= open, close <= high",
    (pl.col("low") <= pl.min_horizontal("open", "close"))
    & (pl.col("high") >= pl.max_horizontal("open", "close")),
)
_KNOWN_LATER: Final = Together("available_at >= observed_at", pl.col("available_at") >= pl.col("observed_at"))
_SHARES: Final = Together(
    "long_account + short_account within 0.001 of 1",
    (pl.col("long_account") + pl.col("short_account") - 1).abs() <= 0.001 + 1e-12,
)


def _rules(dataset: Dataset) -> tuple[Together, ...]:
    found = []
    if dataset.timeframe is not None:
        step = dataset.timeframe
        on_grid = pl.col("open_time").dt.epoch("ms") % step.milliseconds == 0
        found.append(Together(f"open_time is a multiple of {step.value}", on_grid))
    if "low" in dataset.schema:
        found.append(_ORDERED)
    if "observed_at" in dataset.schema:
        found.append(_KNOWN_LATER)
    if "long_account" in dataset.schema:
        found.append(_SHARES)
    return tuple(found)


def _table(dataset: Dataset) -> Table:
    own = MARKET_COLUMNS | _OTHERWISE.get(dataset.name, {})
    columns = {name: own[name] for name in dataset.schema}
    return Table(dataset.name, _ROWS[dataset.name], dataset.schema, dataset.key, columns, _rules(dataset))


#: Every table of the market store.
MARKET_TABLES: Final[dict[str, Table]] = {name: _table(dataset) for name, dataset in DATASETS.items()}
