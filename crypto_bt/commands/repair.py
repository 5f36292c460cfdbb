"""``crypto-bt data repair``: ask again for the candles that are missing, and for those that cannot be right."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import polars as pl
import typer

from crypto_bt.commands.fetching import fetch_days, remarks_of, rows_of
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.loopback import reachable
from crypto_bt.commands.options import (
    SymbolsOption,
    TimeframesOption,
    parse_datasets,
    parse_days,
    parse_symbols,
)
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.datasets import CANDLE_DATASETS, SERIES_DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.lacking import LACKING_SCHEMA, lacking
from crypto_bt.core.verdict import not_loaded

if TYPE_CHECKING:
    from crypto_bt.core.market import Listing
    from crypto_bt.core.missing import MissingRange
    from crypto_bt.defs.execute import JobOutcome
    from crypto_bt.defs.resources import Desk

#: What has no candles of its own to miss, but was not fetched while the candles were not.
COMPANIONS: Final = ("funding_rates", "mark_price_1h")
