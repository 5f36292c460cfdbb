"""Whole answers of hosts that are not the exchange's, each in the type and the error shape of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

_JSON: Final = "application/json"
Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """Body, type and HTTP status of an answer."""

    body: bytes
    content_type: str = _JSON
    status: int = 200


def json_reply(answer: object, status: int = 200) -> Reply:
    """``answer`` as JSON."""
    return Reply(json.dumps(answer, separators=(",", ":")).encode(), status=status)


def seconds_of(day: date) -> str:
    """The start of ``day`` (UTC) in seconds since 1970, as a text."""
    return str(int(datetime.combine(day, time(), UTC).timestamp()))
