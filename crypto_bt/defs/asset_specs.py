"""What the web UI says of each data asset: group, description, columns, freshness."""

from typing import Final

import dagster as dg

from crypto_bt.core.datasets import CANDLE_DATASETS, POSITIONING_DATASETS
from crypto_bt.core.market_columns import MARKET_TABLES
from crypto_bt.defs.partitions import DAILY, DAILY_FRESHNESS, FRESHNESS

OWNERS: Final = ["team:desk"]
GROUPS: Final = {
    **dict.fromkeys(CANDLE_DATASETS, "candles"),
    **dict.fromkeys(POSITIONING_DATASETS, "sentiment"),
    **dict.fromkeys(("funding_rates", "mark_price_1h", "universe"), "market"),
    "fear_greed": "sentiment",
    "macro_series": "macro",
    "btc_dominance": "macro",
    "market_regime": "features",
}
DESCRIPTIONS: Final = {
    "candles_15m": "Quarter-hourly candles of the universe. Closed candles only, by the exchange's "
    "clock. Source: Binance USD-M `klines`. Kept because TIMEFRAMES asks for them.",
    "candles_1h": "Hourly candles (H1) of the universe: OHLC in quote units, volumes, trade count. "
    "Closed candles only, by the exchange's clock. Source: Binance USD-M `klines`.",
    "candles_4h": "Four-hour candles (H4) of the universe, on which the strategies decide. Closed "
    "candles only. Source: Binance USD-M `klines`.",
    "candles_1d": "Daily candles (D1, UTC) of the universe. Closed candles only. Source: Binance USD-M "
    "`klines`.",
    "funding_rates": "Funding settlements of each symbol at its own, changing interval: rate as a "
    "fraction of notional (positive: longs pay shorts) and mark price. Source: Binance USD-M "
    "`fundingRate`.",
    "mark_price_1h": "Hourly mark price candles; the fallback where a settlement lacks its mark price, "
    "and the witness against which a sudden jump is judged. Source: Binance USD-M `markPriceKlines`.",
    "universe": "Every perpetual that the exchange lists, by day: status, onboard and delisting date, "
    "turnover of the last 24 hours and of the 30 days before; tick, lot, smallest order and liquidation "
    "fee; which of them the home follows. Rows of days before the home existed are derived from the "
    "candles of the followed symbols, without order rules. Source: "
    "`exchangeInfo`, `ticker/24hr`.",
    "open_interest": "Open interest of each symbol by the hour, in base and quote units. The exchange "
    "keeps 30 days. Source: Binance `openInterestHist`.",
    "long_short_ratio": "Accounts net long over accounts net short (all accounts), by the hour. The "
    "exchange keeps 30 days. Source: Binance `globalLongShortAccountRatio`.",
    "taker_volume": "What takers bought and sold in each hour, base units. The exchange keeps 30 days. "
    "Source: Binance `takerlongshortRatio`.",
    "fear_greed": "Fear & greed index of the crypto market, 0 to 100, by day since 2018. Source: "
    "alternative.me.",
    "macro_series": "Broad dollar index, fed funds rate, 10-year yield, 10y-2y spread, consumer prices, "
    "VIX and S&P 500 from FRED; stablecoin supply in US dollars from DefiLlama. Each value with the "
    "moment from which it could be known; a later revision is a row of its own.",
    "btc_dominance": "Share of BTC in the capitalisation of all coins (percent), and that "
    "capitalisation (US dollars): one snapshot an update, from the first update on. Source: CoinGecko.",
    "market_regime": "State of the whole market at each H4 close of the benchmark: volatility, trend, "
    "funding, fear & greed, macro figures, each as it was known at that moment. Strategies use it as a "
    "filter.",
}


def data_spec(name: str, deps: tuple[str, ...] = ()) -> dg.AssetSpec:
    """The spec of the data asset ``name``, partitioned by day."""
    table = MARKET_TABLES[name]
    columns = [
        dg.TableColumn(column, str(table.schema[column]), known.described)
        for column, known in table.columns.items()
    ]
    return dg.AssetSpec(
        name,
        deps=deps,
        group_name=GROUPS[name],
        description=DESCRIPTIONS[name],
        owners=OWNERS,
        kinds={"parquet", "polars"},
        skippable=True,
        partitions_def=DAILY,
        freshness_policy=FRESHNESS.get(name, DAILY_FRESHNESS),
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "dagster/table_name": name,
        },
    )


def market_assets(candle_datasets: tuple[str, ...]) -> tuple[str, ...]:
    """What one session with the exchange fetches, in one step and one publish."""
    return (*candle_datasets, "funding_rates", "mark_price_1h", "universe")
