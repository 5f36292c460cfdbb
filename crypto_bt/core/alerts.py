"""An alert: one trouble that a person should know of, as a value that any channel can carry."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from crypto_bt.core.errors import UsageError

_TEXTS: Final = ("cause", "what", "where", "value", "limit", "command")
#: Texts that alerts written before they existed do not have.
_LATER_TEXTS: Final = ("doing", "run")


class AlertSeverity(StrEnum):
    """How soon a person has to look: at once, within the day, whenever."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    def at_most(self, other: "AlertSeverity") -> "AlertSeverity":
        """The lesser of the two."""
        return max(self, other, key=list(AlertSeverity).index)


@dataclass(frozen=True, slots=True)
class Alert:
    """One trouble.

    ``cause`` names its kind (``gap_not_filled``), ``where`` what it befell; ``what`` says it in a sentence,
    with ``value`` seen and ``limit`` allowed. ``since``: UTC, when it began. ``command`` mends it.
    ``resolved``: it is over. ``doing``: what the system does about it. ``run``: the id of Dagster's run in
    which it was seen. ``news``: worth a word though this trouble has been told already.
    """

    cause: str
    severity: AlertSeverity
    what: str
    where: str
    value: str
    limit: str
    since: datetime
    command: str
    resolved: bool = False
    doing: str = ""
    run: str = ""
    news: bool = False

    @property
    def id(self) -> str:
        """Ten hexadecimal digits; the same for the same cause at the same place, however often it is sent."""
        return hashlib.sha256(f"{self.cause}\0{self.where}".encode("utf-8", "surrogatepass")).hexdigest()[:10]

    def as_resolved(self) -> "Alert":
        """The word that this trouble is over."""
        return replace(self, resolved=True)

    def to_json(self) -> str:
        """One line of JSON, its id included."""
        return json.dumps(
            {
                "id": self.id,
                **{name: getattr(self, name) for name in ("cause", "severity", "what", "where", "value")},
                "limit": self.limit,
                "since": self.since.astimezone(UTC).isoformat(),
                "command": self.command,
                "resolved": self.resolved,
                "doing": self.doing,
                "run": self.run,
                "news": self.news,
            },
            ensure_ascii=False,
        )

    @staticmethod
    def from_json(text: str) -> "Alert":
        """Read what :meth:`to_json` wrote; keys that it did not write are ignored.

        Raises UsageError for anything else.
        """
        try:
            told = json.loads(text)
            texts = {name: told[name] for name in _TEXTS}
            texts |= {name: told.get(name, "") for name in _LATER_TEXTS}
            since, flags = datetime.fromisoformat(told["since"]), (told["resolved"], told.get("news", False))
            if not all(isinstance(value, str) for value in texts.values()) or since.tzinfo is None:
                raise ValueError("a text or a timezone is missing")
            if not all(isinstance(flag, bool) for flag in flags):
                raise TypeError("resolved or news is neither true nor false")
            return Alert(
                **texts,
                severity=AlertSeverity(told["severity"]),
                since=since.astimezone(UTC),
                resolved=flags[0],
                news=flags[1],
            )
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise UsageError(f"{text[:80]!r} is not an alert: {error!r}.") from error
