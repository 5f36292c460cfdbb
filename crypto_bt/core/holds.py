"""What a person, or a safeguard, keeps from running until it is resumed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from crypto_bt.core.errors import UsageError

#: The nightly backtest, with everything that starts it.
NIGHT: Final = "nightly_backtest"
#: Filling of gaps.
CATCH_UP: Final = "catch_up"


@dataclass(frozen=True, slots=True)
class Hold:
    """``name`` is held ``since`` then, by ``by`` (a person, or the safeguard that did it), for ``reason``."""

    name: str
    since: datetime
    by: str
    reason: str = ""

    @property
    def text(self) -> str:
        """Such as "off since 2026-11-20 09:00 UTC by anna: deployment"."""
        why = f": {self.reason}" if self.reason else ""
        return f"off since {self.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC by {self.by}{why}"


def to_json(holds: Mapping[str, Hold]) -> str:
    """As text for :func:`from_json`."""
    told = {
        name: {"since": hold.since.astimezone(UTC).isoformat(), "by": hold.by, "reason": hold.reason}
        for name, hold in sorted(holds.items())
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> dict[str, Hold]:
    """The holds in ``text`` by name; raises UsageError for anything else: a hold must not be lost."""
    try:
        told = json.loads(text)
        found = {}
        for name, hold in told.items():
            since = datetime.fromisoformat(hold["since"])
            if since.tzinfo is None:
                raise ValueError(f"{hold['since']!r} has no timezone")
            found[str(name)] = Hold(str(name), since, str(hold["by"]), str(hold["reason"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"The list of what is paused cannot be read: {error!r}.",
            "Write it anew: crypto-bt pause, or crypto-bt resume.",
        ) from error
    return found
