"""What an alert channel is. Every one passes ``crypto_bt_tests/alerts/test_channel_contract.py``."""

from datetime import timedelta
from typing import Protocol

from crypto_bt.core.alert_text import Message
from crypto_bt.core.errors import CryptoBtError


class NotDelivered(CryptoBtError):
    """The channel did not take a message, and may take it later; after ``wait`` if it says when.

    Its text holds no secret.
    """

    def __init__(self, what: str, mend: str = "", wait: timedelta | None = None) -> None:
        super().__init__(what, mend)
        self.wait = wait


class MessageRefused(CryptoBtError):
    """The channel will never take this very message."""


class Channel(Protocol):
    """Somewhere that messages go; ``batched`` is false where each may come at once, by itself."""

    @property
    def name(self) -> str:
        """Its name in the outbox."""

    @property
    def batched(self) -> bool:
        """Whether a person is disturbed by each message."""

    def send(self, message: Message) -> str:
        """Send within 25 seconds; a receipt.

        Raises :class:`NotDelivered` or :class:`MessageRefused`, and nothing else.
        """
