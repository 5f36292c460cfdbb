"""Alerts to any address that apprise knows (e-mail, Slack, Matrix ...): the extra ``apprise``."""

from collections.abc import Sequence

from pydantic import SecretStr

from crypto_bt.alerts.channel import NotDelivered
from crypto_bt.core.alert_text import Message


class AppriseChannel:
    """Every one of ``addresses``, such as ``mailto://user:password@host``: each holds its own secret."""

    name = "apprise"
    batched = True

    def __init__(self, addresses: Sequence[SecretStr]) -> None:
        self._addresses = addresses

    def send(self, message: Message) -> str:
        """Send the plain text to all addresses; what one did not take, all get again."""
        try:
            import apprise
        except ImportError:
            raise NotDelivered("apprise is not installed.", "pip install 'crypto-bt[apprise]'") from None
        outlet = apprise.Apprise()
        for address in self._addresses:
            if not outlet.add(address.get_secret_value()):
                raise NotDelivered(
                    "An address of APPRISE_URLS is none that apprise knows.", "Correct it in the home's .env."
                )
        try:
            taken = outlet.notify(body=message.plain, body_format=apprise.NotifyFormat.TEXT)
        except Exception as error:  # noqa: BLE001 - each of its many services raises what it likes
            raise NotDelivered(f"apprise failed with {type(error).__name__}.") from None
        if not taken:
            raise NotDelivered("apprise could not notify every address.", "It is tried again.")
        return ""
