"""A backtest's trades, and the log of an account that traded them with differences put in on purpose."""

import csv
import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from crypto_bt.backtest.tables import TRADES_SCHEMA

BAR = timedelta(hours=4)
BEGAN = datetime(2024, 9, 1, tzinfo=UTC)
MODEL_BPS = 2.0
TAKER_BPS, MAKER_BPS = 5.0, 2.0
#: A reversal leaves first and enters then.
_AFTER = timedelta(seconds=1)
#: The live account is a tenth of the backtest's.
SCALE = 0.1


@dataclass(frozen=True)
class Planned:
    """One trade as the backtest made it: market prices before slippage, and how it was left."""

    symbol: str
    side: int
    entry_time: datetime
    exit_time: datetime
    entry_market: float
    exit_market: float
    quantity: float
    reason: str
    #: Settlements while it was held, by time, positive when paid.
    funding: Mapping[datetime, float]

    @property
    def has_market_exit(self) -> bool:
        """Whether the exit slips."""
        return self.reason in ("signal", "stop", "time")

    def row(self) -> dict[str, Any]:
        """As the backtest's trades table has it."""
        share = MODEL_BPS / 10_000
        entry = self.entry_market * (1 + self.side * share)
        leave = self.exit_market * (1 - self.side * share * self.has_market_exit)
        exit_rate = TAKER_BPS if self.has_market_exit else MAKER_BPS
        commission = self.quantity * (entry * TAKER_BPS + leave * exit_rate) / 10_000
        slippage = self.quantity * (abs(entry - self.entry_market) + abs(leave - self.exit_market))
        gross = self.side * self.quantity * (self.exit_market - self.entry_market)
        funding = sum(self.funding.values())
        net = gross - commission - slippage - funding
        return {
            "symbol": self.symbol, "side": self.side,
            "entry_time": self.entry_time, "exit_time": self.exit_time,
            "entry_price": entry, "exit_price": leave, "quantity": self.quantity, "gross_pnl": gross,
            "commission": commission, "slippage": slippage, "funding": funding, "net_pnl": net,
            "net_return": net / 10_000, "exit_reason": self.reason,
        }  # fmt: skip


def planned_trades(symbols: Sequence[str], each: int, seed: int) -> list[Planned]:
    """``each`` trades a symbol, one after the other, some reversals; ten bars' pause after every five."""
    chance = random.Random(seed)
    found = []
    for symbol in symbols:
        bar, side, price = 6, 1, chance.uniform(50, 50_000)
        for number in range(each):
            length = chance.randint(1, 8)
            reason = chance.choice(["signal", "signal", "stop", "target", "time"])
            leaving = round(price * chance.uniform(0.97, 1.03), 2)
            entered = BEGAN + bar * BAR
            left = entered + length * BAR
            quantity = round(5_000 / price, 3)
            notional = quantity * price
            paid = {
                BEGAN + at * timedelta(hours=8): round(side * notional * chance.uniform(-1, 3) / 10_000, 4)
                for at in range((bar * 4 + 7) // 8, ((bar + length) * 4) // 8 + 1)
                if entered < BEGAN + at * timedelta(hours=8) < left
            }
            found.append(
                Planned(symbol, side, entered, left, round(price, 2), leaving, quantity, reason, paid)
            )
            reverses = reason == "signal" and (number + 1) % 5 != 0
            bar += length + (0 if reverses else 10 if (number + 1) % 5 == 0 else 2)
            side = -side if reverses else chance.choice([1, -1])
            price = leaving
    return found


def trades_frame(planned: Sequence[Planned], strategy: str | None = None) -> pl.DataFrame:
    """The backtest's trades table, with a column ``strategy`` if one is given."""
    frame = pl.DataFrame([each.row() for each in planned], schema=TRADES_SCHEMA)
    frame = frame.sort("symbol", "entry_time")
    return frame if strategy is None else frame.select(pl.lit(strategy).alias("strategy"), pl.all())


@dataclass
class LiveLog:
    """What the account's files say; every argument of :meth:`trade` is a planted difference."""

    fills: list[dict[str, Any]] = field(default_factory=list)
    funding: list[dict[str, Any]] = field(default_factory=list)

    def trade(
        self,
        each: Planned,
        *,
        slippage_bps: float,
        taker_bps: float = TAKER_BPS,
        parts: int = 1,
        scale: float = SCALE,
        pays_funding: bool = True,
        late: timedelta = timedelta(seconds=3),
    ) -> None:
        """Trade ``each`` live: entry and exit in ``parts`` fills around the planted average price."""
        share = slippage_bps / 10_000
        maker = not each.has_market_exit
        leave = each.exit_market * (1 - each.side * share * each.has_market_exit)
        inside = each.reason in ("stop", "target")
        left = each.exit_time - timedelta(hours=1) if inside else each.exit_time + late
        self._fills(
            each, each.side, each.entry_market * (1 + each.side * share), each.entry_time + late + _AFTER,
            taker_bps, parts, scale, maker=False,
        )  # fmt: skip
        self._fills(
            each, -each.side, leave, left, MAKER_BPS if maker else taker_bps, parts, scale, maker=maker
        )
        if pays_funding:
            for time, paid in each.funding.items():
                self.funding.append(
                    {
                        "Date(UTC)": f"{time:%Y-%m-%d %H:%M:%S}", "Type": "FUNDING_FEE",
                        "Amount": repr(-paid * scale), "Asset": "USDT", "Symbol": each.symbol,
                    }
                )  # fmt: skip

    def _fills(
        self, each: Planned, side: int, price: float, time: datetime, bps: float, parts: int, scale: float,
        *, maker: bool,
    ) -> None:  # fmt: skip
        quantity = each.quantity * scale / parts
        for part in range(parts):
            # Symmetric around the average, which stays what was planted.
            shifted = price * (1 + (part - (parts - 1) / 2) * 1e-4)
            self.fills.append(
                {
                    "time": time + timedelta(milliseconds=part), "Symbol": each.symbol,
                    "Side": "BUY" if side > 0 else "SELL", "Price": repr(shifted),
                    "Quantity": f"{quantity:.12f}",
                    "Amount": repr(shifted * quantity), "Fee": repr(shifted * quantity * bps / 10_000),
                    "Fee Coin": "USDT", "Maker": str(maker).lower(),
                }
            )  # fmt: skip

    def fills_csv(self) -> str:
        """As the exchange lists them: the newest first."""
        listed = sorted(self.fills, key=lambda fill: fill["time"])[::-1]
        rows = [
            {"Date(UTC)": f"{fill['time']:%Y-%m-%d %H:%M:%S.%f}"}
            | {name: value for name, value in fill.items() if name != "time"}
            for fill in listed
        ]
        return as_csv(rows)

    def funding_csv(self) -> str:
        """The account's funding payments, positive when received."""
        return as_csv(self.funding)


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
