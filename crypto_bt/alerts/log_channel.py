"""The log file as a channel: one line for each word."""

from crypto_bt.alerts.channel import NotDelivered
from crypto_bt.alerts.log_file import AlertLog
from crypto_bt.core.alert_text import Message
from crypto_bt.core.errors import CryptoBtError


class LogChannel:
    """Appends to ``log``; it takes everything at once."""

    name = "log"
    batched = False

    def __init__(self, log: AlertLog) -> None:
        self._log = log

    def send(self, message: Message) -> str:
        """Append every alert that the message tells."""
        for word in message.words:
            try:
                self._log.send(word.alert)
            except CryptoBtError as error:
                raise NotDelivered(error.what, error.mend) from error
        return ""
