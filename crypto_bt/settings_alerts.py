"""The settings of alerts: where they go, how many, when not."""

import re
from datetime import time, timedelta
from typing import Annotated, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from crypto_bt.core.alert_routing import Policy
from crypto_bt.core.alert_wiring import Wiring
from crypto_bt.core.alerts import AlertSeverity

_CHAT: Final = r"^(-?\d{1,20}|@[A-Za-z]\w{3,63})?$"
_ADDRESS: Final = r"^https?://[^\s?#@]+$"
_TOKEN: Final = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{10,100}")


class AlertSettings(BaseSettings):
    """Where alerts go; read and checked as part of :class:`crypto_bt.settings.Settings`."""

    TELEGRAM_BOT_TOKEN: SecretStr | None = Field(
        default=None, description="Token of the Telegram bot that tells alerts, as @BotFather gave it."
    )
    TELEGRAM_CHAT_ID: str = Field(
        default="",
        pattern=_CHAT,
        description="Chat that the bot writes to: its number, or @name of a channel.",
    )
    TELEGRAM_BACKTEST_CHANNEL: str = Field(
        default="",
        pattern=_CHAT,
        description="The same under the name it had in the desk's daemon; TELEGRAM_CHAT_ID wins.",
    )
    TELEGRAM_CRITICAL_TIMEOUT: float = Field(
        default=20,
        ge=1,
        le=25,
        description="Seconds that one try to send a message may take; then it is tried again.",
    )
    TELEGRAM_CHAT_ID_CRITICAL: str = Field(
        default="", pattern=_CHAT, description="Another chat for what is CRITICAL; empty: the same."
    )
    TELEGRAM_CHAT_ID_WARNING: str = Field(
        default="", pattern=_CHAT, description="Another chat for warnings; empty: the same."
    )
    TELEGRAM_CHAT_ID_INFO: str = Field(
        default="", pattern=_CHAT, description="Another chat for the daily digest; empty: the same."
    )
    TELEGRAM_API_URL: str = Field(
        default="https://api.telegram.org",
        pattern=_ADDRESS,
        description="Base address of Telegram's Bot API.",
    )
    TELEGRAM_COMMANDS: bool = Field(
        default=False, description="Answer /status, /score, /data and /help in Telegram; they only read."
    )
    TELEGRAM_ALLOWED_CHAT_IDS: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(), description="Numbers of the chats that are answered, separated by commas; empty: none."
    )
    APPRISE_URLS: SecretStr | None = Field(
        default=None,
        description="More addresses for alerts, as apprise writes them, with blanks between.",
    )
    DEADMAN_URL: SecretStr | None = Field(
        default=None,
        description="Address called while all is alive (Healthchecks or alike); empty: none is.",
    )
    UI_URL: str = Field(
        default="http://127.0.0.1:3000",
        pattern=_ADDRESS,
        description="Address of the web UI, for the links in alerts.",
    )
    ALERT_BATCH_MINUTES: float = Field(
        default=5,
        ge=0,
        le=60,
        description="Minutes after a message over which further warnings are gathered into the next one.",
    )
    ALERT_MESSAGES_AN_HOUR: int = Field(
        default=10, ge=1, le=60, description="Most messages in an hour; what is CRITICAL does not count."
    )
    ALERT_COOLDOWN_MINUTES: float = Field(
        default=30,
        ge=0,
        le=1440,
        description="Minutes for which a warning that was resolved and comes again is held back.",
    )
    ALERT_QUIET_HOURS: str = Field(
        default="",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$",
        description="UTC hours, such as 22:00-06:00, in which warnings wait; CRITICAL and the digest do not.",
    )

    @field_validator("TELEGRAM_BOT_TOKEN")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        if not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("not a bot's token: digits, a colon, then letters, digits, - and _")
        return value

    @field_validator("TELEGRAM_ALLOWED_CHAT_IDS", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        return tuple(part for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def alert_wiring(self) -> Wiring:
        """The channels that these settings describe."""
        chats = {
            AlertSeverity.CRITICAL: self.TELEGRAM_CHAT_ID_CRITICAL,
            AlertSeverity.WARNING: self.TELEGRAM_CHAT_ID_WARNING,
            AlertSeverity.INFO: self.TELEGRAM_CHAT_ID_INFO,
        }
        named = {severity: chat for severity, chat in chats.items() if chat}
        secrets = self.APPRISE_URLS.get_secret_value().split() if self.APPRISE_URLS else []
        start, _, end = self.ALERT_QUIET_HOURS.partition("-")
        return Wiring(
            token=self.TELEGRAM_BOT_TOKEN,
            chat=self.TELEGRAM_CHAT_ID or self.TELEGRAM_BACKTEST_CHANNEL,
            chats=named,
            api_url=self.TELEGRAM_API_URL,
            patience=self.TELEGRAM_CRITICAL_TIMEOUT,
            apprise=tuple(map(SecretStr, secrets)),
            ui_url=self.UI_URL,
            policy=Policy(
                chats=named,
                window=timedelta(minutes=self.ALERT_BATCH_MINUTES),
                messages_an_hour=self.ALERT_MESSAGES_AN_HOUR,
                cooldown=timedelta(minutes=self.ALERT_COOLDOWN_MINUTES),
                quiet=(time.fromisoformat(start), time.fromisoformat(end)) if start else None,
            ),
        )
