"""The nights before one, as far back as a strategy's last verdict is looked for."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from crypto_bt.defs.resources import Desk

EARLIER_NIGHTS: Final = 7


def stamps_before(desk: Desk, night: date) -> list[tuple[date, Mapping[str, Any]]]:
    """Night and stamp of the last :data:`EARLIER_NIGHTS` results before ``night``, oldest first."""
    nights = [earlier for earlier in desk.results.nights() if earlier < night][-EARLIER_NIGHTS:]
    results = [desk.results.night(earlier) for earlier in nights]
    return [(result.night, result.stamp) for result in results if result is not None]
