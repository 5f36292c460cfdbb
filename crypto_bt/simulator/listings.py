"""The perpetuals of the synthetic market: their usual price, swing, turnover and listing date.

The figures have the order of magnitude of late 2025. The market is invented, and so are the newest
listing dates: a market without young symbols would leave half of the wholeness rules unused.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

#: First hour of the synthetic market, when the real one listed its first perpetual.
OPENING: Final = datetime(2019, 9, 8, tzinfo=UTC)
NEWEST_LISTING: Final = datetime(2025, 10, 30, tzinfo=UTC)

# symbol: usual price, annual volatility, turnover in million quote units an hour, listing date
_KNOWN: Final[dict[str, tuple[float, float, float, str]]] = {
    "BTCUSDT": (80_000, 0.50, 600, "2019-09-08"),
    "ETHUSDT": (3_000, 0.65, 550, "2019-11-27"),
    "SOLUSDT": (150, 0.85, 200, "2020-09-14"),
    "XRPUSDT": (2.1, 0.80, 80, "2020-01-06"),
    "DOGEUSDT": (0.17, 0.95, 65, "2020-07-10"),
    "BNBUSDT": (750, 0.55, 60, "2020-02-10"),
    "ADAUSDT": (0.55, 0.85, 20, "2020-01-31"),
    "SUIUSDT": (2.2, 1.00, 30, "2023-05-03"),
    "LINKUSDT": (15, 0.85, 17, "2020-01-17"),
    "AVAXUSDT": (20, 0.90, 17, "2020-09-23"),
    "LTCUSDT": (95, 0.70, 12, "2020-01-09"),
    "BCHUSDT": (480, 0.75, 8, "2019-12-19"),
    "TRXUSDT": (0.28, 0.50, 5, "2020-01-15"),
    "DOTUSDT": (3.2, 0.80, 7, "2020-08-22"),
    "NEARUSDT": (2.3, 0.95, 9, "2020-10-15"),
    "UNIUSDT": (7.5, 0.95, 9, "2020-09-18"),
    "AAVEUSDT": (210, 0.90, 8, "2020-10-16"),
    "APTUSDT": (3.4, 0.90, 6, "2022-10-19"),
    "ARBUSDT": (0.32, 1.00, 5, "2023-03-23"),
    "OPUSDT": (0.55, 1.00, 4, "2022-06-01"),
    "FILUSDT": (2.0, 0.95, 10, "2020-10-16"),
    "ETCUSDT": (17, 0.75, 5, "2020-01-16"),
    "ATOMUSDT": (3.4, 0.80, 3, "2020-02-07"),
    "INJUSDT": (9.5, 0.95, 4, "2022-08-22"),
    "TIAUSDT": (1.6, 1.10, 5, "2023-10-31"),
    "SEIUSDT": (0.2, 1.05, 4, "2023-08-15"),
    "WLDUSDT": (0.85, 1.15, 7, "2023-07-24"),
    "XLMUSDT": (0.29, 0.80, 4, "2020-01-20"),
    "HBARUSDT": (0.17, 0.90, 5, "2021-03-17"),
    "ALGOUSDT": (0.19, 0.85, 2, "2020-06-12"),
    "1000PEPEUSDT": (0.007, 1.10, 20, "2023-05-05"),
    "1000SHIBUSDT": (0.011, 0.85, 4, "2021-05-10"),
    "WIFUSDT": (0.6, 1.20, 6, "2024-01-18"),
    "1000BONKUSDT": (0.015, 1.15, 5, "2023-11-22"),
    "1000FLOKIUSDT": (0.07, 1.10, 3, "2023-05-06"),
    "ENAUSDT": (0.4, 1.20, 15, "2024-04-02"),
    "ONDOUSDT": (0.75, 0.95, 4, "2024-01-20"),
    "TAOUSDT": (330, 1.00, 12, "2024-04-11"),
    "FETUSDT": (0.45, 1.10, 4, "2023-02-16"),
    "RENDERUSDT": (2.9, 1.00, 2, "2024-07-26"),
    "JUPUSDT": (0.38, 1.00, 2, "2024-01-31"),
    "PENDLEUSDT": (3.4, 1.00, 2, "2023-07-28"),
    "LDOUSDT": (0.85, 1.05, 3, "2022-09-09"),
    "CRVUSDT": (0.55, 1.05, 4, "2020-08-25"),
    "ETHFIUSDT": (1.0, 1.10, 3, "2024-03-18"),
    "GALAUSDT": (0.013, 1.00, 2, "2021-09-17"),
    "SANDUSDT": (0.23, 0.90, 1.5, "2021-01-18"),
    "STXUSDT": (0.5, 0.95, 1, "2023-02-20"),
    "GRTUSDT": (0.075, 0.95, 1, "2020-12-18"),
    "RUNEUSDT": (1.1, 0.95, 1, "2020-09-04"),
    "KASUSDT": (0.07, 0.90, 1, "2023-11-17"),
    "VETUSDT": (0.02, 0.85, 1, "2020-02-14"),
    "ENSUSDT": (16, 0.95, 1.2, "2021-11-30"),
    "HYPEUSDT": (35, 0.95, 40, "2025-05-30"),
    "TRUMPUSDT": (7.5, 1.10, 8, "2025-01-18"),
    "FARTCOINUSDT": (0.6, 1.20, 9, "2024-12-20"),
    "PENGUUSDT": (0.018, 1.20, 7, "2024-12-17"),
    "COMPUSDT": (42, 0.90, 1, "2025-08-14"),
    "ZECUSDT": (330, 1.10, 25, "2025-09-25"),
    "XMRUSDT": (360, 0.70, 2, "2025-10-16"),
}


@dataclass(frozen=True, slots=True)
class SyntheticListing:
    """One symbol: ``turnover`` in quote units an hour, ``volatility`` annual, ``share`` of it common.

    ``delisting`` is when trading ends, None while no end is known.
    """

    symbol: str
    price: float
    volatility: float
    turnover: float
    onboard: datetime
    share: float
    funding_hours: int
    delisting: datetime | None = None

    @property
    def price_decimals(self) -> int:
        """Decimals of a tick: six significant digits at the usual price."""
        return min(max(5 - math.floor(math.log10(self.price)), 1), 8)

    @property
    def quantity_decimals(self) -> int:
        """Decimals of a lot: worth a few dollars to some hundred."""
        return min(max(math.floor(math.log10(self.price)) - 1, 0), 3)


def listing_of(symbol: str) -> SyntheticListing:
    """The listing of ``symbol``; one that is not in the table gets figures drawn from its name."""
    digest = hashlib.sha256(symbol.encode()).digest()
    draws = [value / 255 for value in digest[:8]]
    if symbol in _KNOWN:
        price, volatility, millions, day = _KNOWN[symbol]
        onboard = datetime.fromisoformat(day).replace(tzinfo=UTC)
    else:
        price = round(10 ** (4 * draws[0] - 2), 4)
        volatility, millions = 0.7 + 0.5 * draws[1], 1 + 4 * draws[2]
        days = (NEWEST_LISTING - OPENING).days
        onboard = OPENING + timedelta(days=int.from_bytes(digest[8:10], "big") % (days + 1))
    quiet = volatility < 1.0 or draws[3] < 0.7
    return SyntheticListing(
        symbol=symbol,
        price=price,
        volatility=volatility,
        turnover=millions * 1e6,
        onboard=onboard,
        share=0.85 if symbol == "BTCUSDT" else 0.45 + 0.3 * draws[4],
        funding_hours=8 if quiet else 4,
    )
