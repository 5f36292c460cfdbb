"""Alerts on standard error: what is there before any messenger is set up."""

import sys
from typing import TextIO

from crypto_bt.alerts.channel import NotDelivered
from crypto_bt.core.alert_text import Message


class ConsoleChannel:
    """Writes each message as a paragraph to ``stream``, standard error if none is given."""

    name = "console"
    batched = False

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def send(self, message: Message) -> str:
        """Write the message; a picture shows as its words alone."""
        stream = self._stream or sys.stderr
        try:
            text = message.plain.encode(stream.encoding or "utf-8", "replace").decode(
                stream.encoding or "utf-8"
            )
            stream.write(text + "\n")
            stream.flush()
        except (OSError, ValueError) as error:
            raise NotDelivered(f"Standard error cannot be written: {error}.") from error
        return ""
