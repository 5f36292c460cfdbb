"""The HTTP client: ccxt's binanceusdm, kept to raw public calls and to one address."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from crypto_bt.core.errors import SourceRefused
from crypto_bt.sources.answers import Transient, check_answer

OFFICIAL_HOST: Final = "fapi.binance.com"
OFFICIAL_URL: Final = f"https://{OFFICIAL_HOST}"
TIMEOUT_SECONDS: Final = 10.0
#: Where calls go that are none of ours: the exchange knows no such path, so a stray one is loud.
NOWHERE: Final = "/not-usdm-futures"

OnAnswer = Callable[[int, Mapping[str, str]], None]


def addresses(originals: Mapping[str, str], base_url: str) -> dict[str, str]:
    """ccxt's table of addresses with each futures key moved to ``base_url`` and each other to nowhere."""
    base = base_url.rstrip("/")
    return {
        key: base + (urlsplit(url).path if key.startswith("fapi") else NOWHERE)
        for key, url in originals.items()
    }


class RawClient:
    """Public calls to one address; ``on_answer`` sees status and headers of every answer.

    Makes one try; a failure of the connection is Transient, a bad answer what check_answer says. ccxt's own
    limiter, retries and error table are switched off: the table holds for the official host alone, and
    counts 403, 418 and 451 among the errors to retry. SourceRefused when a key is set.
    """

    def __init__(self, base_url: str, timeout_seconds: float, on_answer: OnAnswer) -> None:
        from ccxt.async_support import binanceusdm

        self._timeout_seconds = timeout_seconds
        self._on_answer = on_answer
        exchange: Any = binanceusdm({"enableRateLimit": False, "timeout": int(timeout_seconds * 1000)})
        if exchange.apiKey or exchange.secret:
            raise SourceRefused(
                "An exchange key is set, and this program must not have one.",
                "Remove it: only public data is read, and nothing is ever traded.",
            )
        exchange.urls["api"] = addresses(exchange.urls["api"], base_url)
        exchange.handle_errors = self._check
        if urlsplit(base_url).scheme == "http":
            # ccxt waits after closing, for TLS to say goodbye; without TLS nothing has to.
            exchange.timeout_on_exit = 0
        self._exchange = exchange

    async def get(self, call: str, query: Mapping[str, int | str]) -> object:
        """The parsed JSON of the implicit ccxt method ``call``, such as ``fapiPublicGetKlines``."""
        from ccxt.base.errors import BaseError, RequestTimeout

        try:
            answer: object = await getattr(self._exchange, call)(dict(query))
        except RequestTimeout:
            raise Transient(f"no answer within {self._timeout_seconds:g} s") from None
        except (BaseError, OSError, RecursionError) as error:
            # JSON may be nested deeper than its reader can follow. An error's text holds the whole address;
            # the kind of the cause says enough.
            raise Transient(f"the connection failed ({type(error.__cause__ or error).__name__})") from None
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._exchange.close()

    def _check(
        self,
        status: int,
        reason: str,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: str,
        parsed: object,
        request_headers: object,
        request_body: object,
    ) -> None:
        """Takes the place of ccxt's ``handle_errors``, with its arguments."""
        self._on_answer(status, headers)
        check_answer(status, headers, body or "", parsed)
