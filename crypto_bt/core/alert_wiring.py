"""Which channels a home has, and how much goes through them: what settings say, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from crypto_bt.core.alert_routing import Policy
from crypto_bt.core.alerts import AlertSeverity

TELEGRAM_MISSING = (
    "Telegram is not set up: alerts go to the console and the log alone. Set TELEGRAM_BOT_TOKEN and "
    "TELEGRAM_CHAT_ID in the home's .env, then: crypto-bt alerts test"
)


@dataclass(frozen=True, slots=True)
class Wiring:
    """The channels of a home.

    ``chat`` is Telegram's for all severities that ``chats`` does not name; one try to send takes
    ``patience`` seconds at most; ``ui_url`` is the address of the web UI, to which links lead. Addresses of
    apprise and the token are secrets.
    """

    token: SecretStr | None = None
    chat: str = ""
    chats: Mapping[AlertSeverity, str] = field(default_factory=dict)
    api_url: str = ""
    patience: float = 20.0
    apprise: tuple[SecretStr, ...] = ()
    ui_url: str = ""
    policy: Policy = field(default_factory=Policy)

    @property
    def has_telegram(self) -> bool:
        """Whether there is a bot and somebody for it to write to."""
        return self.token is not None and bool(self.chat or self.chats)

    @property
    def missing(self) -> str:
        """What to say where Telegram is not set up; empty where it is."""
        return "" if self.has_telegram else TELEGRAM_MISSING
