"""What people write to the bot, and answers to them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_bt.alerts.telegram import TelegramChannel
from crypto_bt.core.alert_text import Message

if TYPE_CHECKING:
    from telegram import Bot


@dataclass(frozen=True, slots=True)
class Question:
    """``text`` written in ``chat``; ``number`` is Telegram's, and grows."""

    number: int
    chat: int
    text: str


def questions(channel: TelegramChannel, after: int) -> list[Question]:
    """What was written after the update ``after``, which is forgotten there; raises what ``send`` does."""

    async def ask(bot: "Bot") -> list[Question]:
        updates = await bot.get_updates(offset=after + 1, timeout=0, allowed_updates=["message"])
        return [
            Question(update.update_id, chat.id if chat else 0, (message.text if message else "") or "")
            for update in updates
            for chat, message in [(update.effective_chat, update.message)]
        ]

    return channel.call(ask)


def answer(channel: TelegramChannel, question: Question, html: str, plain: str) -> None:
    """Answer in the chat of ``question``; raises what ``send`` does."""
    channel.send(Message(html, plain, str(question.chat), silent=True))
