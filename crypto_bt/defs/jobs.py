"""The jobs, whose names explain themselves in the web UI."""

from typing import Final

import dagster as dg

from crypto_bt.core.datasets import CANDLE_DATASETS
from crypto_bt.defs.market_assets import MARKET_ASSETS

#: What makes Dagster's queue run one writer of market data at a time.
WRITES_MARKET: Final = {"crypto_bt/writes_market": "yes"}
INTRADAY_ASSETS: Final = ("candles_1h", "candles_4h", "funding_rates")

data_update = dg.define_asset_job(
    "data_update",
    selection=dg.AssetSelection.assets(*MARKET_ASSETS).without_checks(),
    tags=WRITES_MARKET,
    description="Fetch whole days of candles, funding and mark prices and publish them as one snapshot.",
)
intraday_update = dg.define_asset_job(
    "intraday_update",
    selection=dg.AssetSelection.assets(*INTRADAY_ASSETS).without_checks(),
    tags=WRITES_MARKET,
    description="Fetch H1, H4 and funding from the last stored candle to the last closed one.",
)
data_validation = dg.define_asset_job(
    "data_validation",
    selection=dg.AssetSelection.checks_for_assets(*CANDLE_DATASETS),
    description="Run every candle check on the current snapshot: the early warning before the night.",
)
nightly_backtest = dg.define_asset_job(
    "nightly_backtest",
    selection=dg.AssetSelection.assets("nightly_backtest", "scorecard")
    | dg.AssetSelection.checks_for_assets(*CANDLE_DATASETS),
    description="Check the candles, backtest every strategy on that very snapshot, write the scorecard.",
)

JOBS: Final = [data_update, intraday_update, data_validation, nightly_backtest]
