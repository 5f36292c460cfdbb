"""Whether the exchange and Telegram can be reached from here, and what to do where they cannot."""

import asyncio
from datetime import datetime
from typing import Final

from crypto_bt.alerts import telegram_channel
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.defs.findings import Finding
from crypto_bt.defs.resources import Desk
from crypto_bt.sources.client import OFFICIAL_URL

#: Nobody waits longer for an answer to "does it answer".
PATIENCE_SECONDS: Final = 20.0
#: Of the exchange's 2,400 a minute; beside more than this there is too little left for us.
CROWDED: Final = 1_800


def exchange_answers(desk: Desk, now: datetime) -> list[Finding]:
    """Whether the exchange tells its clock and its symbols, and how much of its limit is in use."""
    address = desk.settings.EXCHANGE_URL or OFFICIAL_URL
    try:
        listed, others = asyncio.run(asyncio.wait_for(_ask(desk), PATIENCE_SECONDS))
    except CryptoBtError as error:
        return [Finding("exchange", False, error.what, error.mend)]
    except TimeoutError:
        seen = f"{address} did not answer within {PATIENCE_SECONDS:.0f} s"
        return [Finding("exchange", False, seen, "check the network, or set EXCHANGE_URL in the home's .env")]
    missing = [symbol for symbol in desk.settings.SYMBOLS if symbol not in listed]
    seen = f"{address} answers; it lists {len(desk.settings.SYMBOLS) - len(missing)} of the "
    seen += f"{len(desk.settings.SYMBOLS)} followed symbols"
    told = f"{', '.join(missing[:5])} not listed: crypto-bt universe list{desk.settings.home_option}"
    budget = f"other programs on this address used a weight of {others:,} in this minute"
    crowded = not desk.on_loopback and others > CROWDED
    mend = "find out who else asks the exchange" if crowded else ""
    return [
        Finding("exchange", True, seen, told if missing else ""),
        Finding("request weight", not crowded, budget, mend),
    ]


async def _ask(desk: Desk) -> tuple[set[str], int]:
    async with desk.source(scheduled=True) as source:
        listed = set(await source.listings())
        return listed, source.usage.others_minute_weight


def telegram_answers(desk: Desk, now: datetime) -> list[Finding]:
    """Whether Telegram knows the bot; that it is not set up is said, not wrong."""
    wiring = desk.settings.alert_wiring
    channel = telegram_channel(wiring)
    if channel is None:
        return [Finding("Telegram", False, "not set up: alerts go to console and log alone", wiring.missing)]
    try:
        return [Finding("Telegram", True, f"the bot {channel.whoami()} answers")]
    except CryptoBtError as error:
        return [Finding("Telegram", False, error.what, error.mend)]
