"""Whether this machine's clock agrees with the exchange's."""

import logging
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.core.errors import SourceUnavailable

SKEW_WARNING: Final = timedelta(seconds=1)
SKEW_LIMIT: Final = timedelta(seconds=30)


def check_clock_skew(exchange: datetime, before: datetime, after: datetime) -> None:
    """Compare the exchange's time with ours ``before`` and ``after`` it was asked.

    Warns in the log above one second; SourceUnavailable above thirty: then nothing here knows when a
    schedule is due or how old data is.
    """
    skew = exchange - (before + (after - before) / 2)
    ahead = "behind" if skew > timedelta(0) else "ahead of"
    seen = f"This machine's clock is {abs(skew).total_seconds():.1f} s {ahead} the exchange's"
    if abs(skew) > SKEW_LIMIT:
        raise SourceUnavailable(
            f"{seen}, limit {SKEW_LIMIT.seconds} s.",
            "Set the clock (timedatectl set-ntp true), then run the update again.",
        )
    if abs(skew) > SKEW_WARNING + (after - before) / 2:
        logging.getLogger(__name__).warning("%s; above %d s nothing is fetched.", seen, SKEW_LIMIT.seconds)
