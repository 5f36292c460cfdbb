"""The symbols the desk follows unless the setting SYMBOLS says otherwise.

Sixty liquid USD-M perpetuals, the most traded first. The list is checked against the exchange at
every update: one that is missing or delisted is reported and left out, and never stops the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto_bt.core.market import Listing

UNIVERSE: Final[tuple[str, ...]] = (
    "BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "BNBUSDT", "ADAUSDT", "SUIUSDT", "LINKUSDT",
    "AVAXUSDT", "LTCUSDT", "BCHUSDT", "TRXUSDT", "DOTUSDT", "NEARUSDT", "UNIUSDT", "AAVEUSDT", "APTUSDT",
    "ARBUSDT", "OPUSDT", "FILUSDT", "ETCUSDT", "ATOMUSDT", "INJUSDT", "TIAUSDT", "SEIUSDT", "WLDUSDT",
    "XLMUSDT", "HBARUSDT", "ALGOUSDT", "1000PEPEUSDT", "1000SHIBUSDT", "WIFUSDT", "1000BONKUSDT",
    "1000FLOKIUSDT", "ENAUSDT", "ONDOUSDT", "TAOUSDT", "FETUSDT", "RENDERUSDT", "JUPUSDT", "PENDLEUSDT",
    "LDOUSDT", "CRVUSDT", "ETHFIUSDT", "GALAUSDT", "SANDUSDT", "STXUSDT", "GRTUSDT", "RUNEUSDT", "KASUSDT",
    "VETUSDT", "ENSUSDT", "HYPEUSDT", "TRUMPUSDT", "FARTCOINUSDT", "PENGUUSDT", "COMPUSDT", "ZECUSDT",
    "XMRUSDT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UniverseReport:
    """The run's symbols held against what the exchange lists."""

    tradable: tuple[str, ...]
    delisted: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """A sentence for each symbol that is not tradable; empty when all are."""
        return (
            *(f"{symbol} is no longer traded; its history stays." for symbol in self.delisted),
            *(
                f"{symbol} is not listed by the exchange (renamed? then add the new symbol to SYMBOLS)."
                for symbol in self.missing
            ),
        )


def check_universe(symbols: Sequence[str], listings: Mapping[str, Listing]) -> UniverseReport:
    """Sort ``symbols`` into tradable, delisted and missing, keeping their order."""
    return UniverseReport(
        tradable=tuple(s for s in symbols if s in listings and listings[s].tradable),
        delisted=tuple(s for s in symbols if s in listings and not listings[s].tradable),
        missing=tuple(s for s in symbols if s not in listings),
    )
