"""Where market data comes from; one adapter each. Opening nothing and importing no client until used."""

from crypto_bt.sources.answers import AddressRefused
from crypto_bt.sources.binance import BinanceUsdm
from crypto_bt.sources.metrics_archive import MetricsArchive, metrics_archive
from crypto_bt.sources.outside import series_sources
from crypto_bt.sources.series_source import SeriesSource
from crypto_bt.sources.source import (
    Batch,
    Estimate,
    Failure,
    FetchPlan,
    FetchRequest,
    MarketSource,
    Usage,
    estimate,
)

__all__ = [
    "AddressRefused",
    "Batch",
    "BinanceUsdm",
    "Estimate",
    "Failure",
    "FetchPlan",
    "FetchRequest",
    "MarketSource",
    "MetricsArchive",
    "SeriesSource",
    "Usage",
    "estimate",
    "metrics_archive",
    "series_sources",
]
