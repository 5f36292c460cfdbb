"""One plain HTTP client for the sources that are no exchange: few requests, patient tries, no secret out."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from crypto_bt.core.errors import SourceRefused, SourceUnavailable
from crypto_bt.sources.answers import LONGEST_PAUSE, Transient, retry_after
from crypto_bt.sources.budget import Sleep
from crypto_bt.sources.source import Usage

if TYPE_CHECKING:
    import aiohttp

#: Seconds before each further try; a wait is lengthened by up to a tenth.
WAITS: Final = (10.0, 30.0, 60.0)
JITTER: Final = 0.1
TIMEOUT_SECONDS: Final = 30.0
#: No answer of these sources is nearly as large.
LARGEST_BODY: Final = 32 * 1024 * 1024
Read = TypeVar("Read")


class NotThere(SourceRefused):
    """The source knows no such path (HTTP 404)."""


class SeriesClient:
    """GET requests to ``base_url``; errors name ``name`` and the path, never the query: it may hold a key."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.usage = Usage()
        self._name, self._base_url = name, base_url.rstrip("/")
        self._timeout_seconds, self._sleep, self._chance = timeout_seconds, sleep, chance
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=self._timeout_seconds)
        self._session = aiohttp.ClientSession(timeout=timeout, headers={"Accept-Encoding": "gzip"})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str, query: Mapping[str, str], read: Callable[[bytes], Read | None]) -> Read:
        """What ``read`` makes of the body; None from it, or a ValueError, means a wrong answer: asked again.

        Raises SourceUnavailable after four tries, and SourceRefused (NotThere for a 404) at once.
        """
        reason = ""
        for attempt in range(len(WAITS) + 1):
            try:
                return await self._once(path, query, read)
            except Transient as error:
                reason = error.what
                if attempt < len(WAITS):
                    wait = max(WAITS[attempt] * (1 + JITTER * self._chance()), error.retry_after or 0.0)
                    if wait > LONGEST_PAUSE:
                        break
                    self.usage.retries += 1
                    self.usage.waited_seconds += wait
                    await self._sleep(wait)
        raise SourceUnavailable(
            f"{self._name}: {reason} ({path}).", "Its last values stay; the next update asks again."
        )

    async def _once(self, path: str, query: Mapping[str, str], read: Callable[[bytes], Read | None]) -> Read:
        import aiohttp

        if self._session is None:
            raise RuntimeError("The client is not open; use it as `async with client:`.")
        self.usage.requests += 1
        try:
            # A redirect could carry the query, and a key in it, to another host.
            async with self._session.get(
                self._base_url + path, params=dict(query), allow_redirects=False
            ) as answer:
                status, headers = answer.status, dict(answer.headers)
                body = await answer.content.read(LARGEST_BODY + 1)
                while not answer.content.at_eof() and len(body) <= LARGEST_BODY:
                    body += await answer.content.read(LARGEST_BODY + 1 - len(body))
        except TimeoutError:
            raise Transient(f"no answer within {self._timeout_seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # Its text holds the whole address; the kind says enough.
            raise Transient(f"the connection failed ({type(error).__name__})") from None
        self._check(status, headers, body, path)
        try:
            value = read(body)
        except (ValueError, RecursionError):
            value = None
        if value is None:
            raise Transient(_what_instead(body))
        return value

    def _check(self, status: int, headers: Mapping[str, str], body: bytes, path: str) -> None:
        if status == 429 or status >= 500 or status == 408:
            self.usage.responses_429 += status == 429
            raise Transient(f"HTTP {status}", retry_after(headers))
        if len(body) > LARGEST_BODY:
            raise SourceRefused(
                f"{self._name}: an answer of more than {LARGEST_BODY} bytes ({path}).", "It is not read."
            )
        if status != 200:
            refusal = NotThere if status == 404 else SourceRefused
            raise refusal(
                f"{self._name} refused the request: HTTP {status} ({path}).{_about_a_key(body)}",
                "Asking again cannot help; see SOURCES_URL and the source's own pages.",
            )


def json_of(body: bytes) -> object:
    """The JSON in ``body``; ValueError where it is none."""
    return json.loads(body)


def _about_a_key(body: bytes) -> str:
    return " Check FRED_API_KEY: 32 lower-case letters and digits." if b"api_key" in body[:2000] else ""


def _what_instead(body: bytes) -> str:
    if not body.strip():
        return "an empty body"
    if body.lstrip().startswith(b"<"):
        return "an HTML page instead of data"
    return f"an answer of the wrong shape ({len(body)} bytes)"
