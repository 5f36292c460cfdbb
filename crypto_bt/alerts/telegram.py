"""Alerts through a Telegram bot. The token is part of every address: no error and no log may hold it."""

import asyncio
import logging
import re
import warnings
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import SecretStr

from crypto_bt.alerts.channel import MessageRefused, NotDelivered
from crypto_bt.core.alert_text import Message
from crypto_bt.core.rich_text import CAPTION_LIMIT, MESSAGE_LIMIT, visible

if TYPE_CHECKING:
    from telegram import Bot

PUBLIC_URL: Final = "https://api.telegram.org"
#: Within the lease of a message, whatever the server does.
PATIENCE_SECONDS: Final = 20.0
#: What Telegram says when not the message is wrong but the bot or the chat.
_SET_UP_WRONG: Final = re.compile(
    r"chat not found|group chat was upgraded|chat_id is empty|kicked|peer_id", re.I
)
_CHECK: Final = "Check TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID, then: crypto-bt alerts test"
T = TypeVar("T")


class TelegramChannel:
    """The bot of ``token``, which writes to ``chat`` where a message names no other.

    ``url`` is the base address of the Bot API. A message takes at most ``patience`` seconds.
    """

    name = "telegram"
    batched = True

    def __init__(
        self, token: SecretStr, chat: str, url: str = PUBLIC_URL, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._token, self._chat, self._url, self._patience = token, chat, url, patience

    def send(self, message: Message) -> str:
        """Send as HTML, or as plain text where Telegram refuses the markup; the number of the message."""
        chat = message.chat or self._chat

        async def send(bot: "Bot") -> str:
            from telegram.error import BadRequest

            try:
                return await _send(bot, chat, message, plain=False)
            except BadRequest as error:
                if _SET_UP_WRONG.search(error.message):
                    raise
                return await _send(bot, chat, message, plain=True)

        return self.call(send)

    def whoami(self) -> str:
        """The name of the bot; raises what :meth:`send` does."""

        async def ask(bot: "Bot") -> str:
            return f"@{(await bot.get_me()).username}"

        return self.call(ask)

    def call(self, ask: "Callable[[Bot], Coroutine[Any, Any, T]]") -> T:
        """What ``ask`` gets from the bot, with Telegram's errors as those of a channel."""
        # What went wrong is said anew: the library's own words and their causes may hold the token.
        try:
            return asyncio.run(self._asked(ask))
        except Exception as error:  # noqa: BLE001 - whatever the library raises, its text is cleaned
            found = self._told(error)
        raise found

    async def _asked(self, ask: "Callable[[Bot], Coroutine[Any, Any, T]]") -> T:
        from telegram import Bot
        from telegram.request import HTTPXRequest
        from telegram.warnings import PTBDeprecationWarning

        # It warns of its own error that says how long to wait.
        warnings.filterwarnings("ignore", category=PTBDeprecationWarning)
        # These libraries write every address to their logs, the token with it.
        for library in ("httpx", "httpcore", "telegram"):
            logging.getLogger(library).setLevel(logging.WARNING)
        request = HTTPXRequest(
            connect_timeout=5, read_timeout=self._patience, write_timeout=self._patience, pool_timeout=5
        )
        bot = Bot(
            self._token.get_secret_value(),
            base_url=f"{self._url.rstrip('/')}/bot",
            request=request,
            get_updates_request=request,
        )
        await request.initialize()
        try:
            async with asyncio.timeout(self._patience):
                return await ask(bot)
        finally:
            await request.shutdown()

    def _told(self, error: Exception) -> NotDelivered | MessageRefused:
        from telegram import error as kinds

        said = visible(f"{error}".replace(self._token.get_secret_value(), "(hidden)"), 300)
        what = f"Telegram did not take a message: {type(error).__name__}: {said}"
        match error:
            case kinds.RetryAfter():
                wait = error.retry_after
                return NotDelivered(
                    what, wait=wait if isinstance(wait, timedelta) else timedelta(seconds=wait)
                )
            case kinds.BadRequest() if not _SET_UP_WRONG.search(error.message):
                return MessageRefused(what, "See it: crypto-bt alerts list")
            case kinds.BadRequest() | kinds.InvalidToken() | kinds.Forbidden() | kinds.ChatMigrated():
                return NotDelivered(what, _CHECK)
        return NotDelivered(what, "It is tried again.")


async def _send(bot: "Bot", chat: str, message: Message, *, plain: bool) -> str:
    from telegram import LinkPreviewOptions
    from telegram.constants import ParseMode

    mode = None if plain else ParseMode.HTML
    text = message.plain if plain else message.html
    if message.picture is not None:
        caption = visible(message.plain, CAPTION_LIMIT)
        sent = await bot.send_photo(
            chat, message.picture, caption=caption, disable_notification=message.silent
        )
    else:
        sent = await bot.send_message(
            chat,
            visible(text, MESSAGE_LIMIT) if plain else text,
            parse_mode=mode,
            disable_notification=message.silent,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )
    return str(sent.message_id)
