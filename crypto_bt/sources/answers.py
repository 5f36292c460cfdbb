"""What an answer means: good, worth another try, or final."""

import re
from collections.abc import Mapping
from typing import Final

from crypto_bt.core.errors import SourceRefused
from crypto_bt.core.market import from_milliseconds

#: Codes that say *later*: unknown, disconnected, too many, unexpected, timed out, overloaded.
_LATER: Final = frozenset({-1000, -1001, -1003, -1006, -1007, -1008, -1015, -1016})
_TOO_MANY: Final = -1003
_UNKNOWN_SYMBOL: Final = -1121
#: The weight limit is counted by the minute: when no Retry-After is given, that is the longest wait.
_PAUSE: Final = 60.0
#: Nothing here is worth a longer wait than this; the next scheduled update comes anyway.
LONGEST_PAUSE: Final = 900.0
_MESSAGE_LENGTH: Final = 200
#: The exchange's codes have four or five digits; a number of hundreds is none of them.
_LARGEST_CODE: Final = 999_999


class AddressRefused(SourceRefused):
    """The source serves this address nothing at all: every further request is useless or harmful."""


class Transient(Exception):
    """A failure that another try may mend; ``retry_after`` in seconds if the exchange asked for a wait."""

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.retry_after = retry_after


class TooMany(Transient):
    """HTTP 429: no request at all may go before ``retry_after`` is over."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many requests (HTTP 429), wait {retry_after:.0f} s", retry_after)
        self.pause = retry_after


def check_answer(status: int, headers: Mapping[str, str], body: str, parsed: object) -> None:
    """Return if an HTTP answer holds JSON that is no error; raise Transient, TooMany or SourceRefused.

    ``parsed`` is None where ``body`` is not JSON. No text of an error repeats the address asked.
    """
    wait = retry_after(headers)
    if status == 418:
        raise AddressRefused(
            f"The exchange has banned this address {_until(body, wait)} (HTTP 418).",
            "Nothing will be asked again, since that would lengthen the ban. Find what on this address "
            "asks too much, wait until the ban is over, then run the update again.",
        )
    if status in (403, 451):
        raise AddressRefused(
            f"This address is not served by the exchange (HTTP {status}).",
            "Run from another network or region, or set EXCHANGE_URL to a mirror that you can reach.",
        )
    code, message = _error(parsed)
    if status == 429 or code == _TOO_MANY:
        pause = _PAUSE if wait is None else wait
        if pause > LONGEST_PAUSE:
            raise AddressRefused(
                f"The exchange asks this address to wait for {pause:.0f} s (HTTP {status}).",
                "Run the update again after that.",
            )
        raise TooMany(pause)
    if status >= 500 or status == 408 or code in _LATER:
        raise Transient(_described(status, code, message), wait)
    if code == _UNKNOWN_SYMBOL:
        raise SourceRefused(
            "the exchange does not list this symbol (-1121).",
            "It may have been delisted or renamed; its history stays. Correct the setting SYMBOLS.",
        )
    if status >= 400 or code < 0:
        raise SourceRefused(
            f"the exchange refused the request: {_described(status, code, message)}.",
            "Asking again cannot help; check that EXCHANGE_URL speaks Binance's USD-M REST.",
        )
    if parsed is None:
        raise Transient(_what_instead_of_json(headers, body))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The Retry-After header in seconds; None where it is missing or no whole number."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    return float(text) if text.isascii() and text.isdigit() else None


def used_weight(headers: Mapping[str, str]) -> int | None:
    """What the exchange says this address has used in the current minute; None where it does not."""
    name = "x-mbx-used-weight-1m"
    text = next((value for key, value in headers.items() if key.lower() == name), "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _error(parsed: object) -> tuple[int, str]:
    """Code and message of an answer in the exchange's error shape; code 0 for any other."""
    code = parsed.get("code") if isinstance(parsed, dict) else None
    if not isinstance(parsed, dict) or type(code) is not int or abs(code) > _LARGEST_CODE:
        return 0, ""
    message = "".join(c for c in str(parsed.get("msg", "")) if c.isprintable())
    return code, message[:_MESSAGE_LENGTH]


def _described(status: int, code: int, message: str) -> str:
    return f"HTTP {status}, {message} ({code})" if code else f"HTTP {status}"


def _what_instead_of_json(headers: Mapping[str, str], body: str) -> str:
    if not body.strip():
        return "an empty body instead of JSON"
    if body.lstrip().startswith("<"):
        return "an HTML page instead of JSON"
    return f"malformed JSON of {len(body)} characters"


def _until(body: str, wait: float | None) -> str:
    """When a ban ends, by the message or by Retry-After; both may be missing."""
    moment = re.search(r"until (\d{13})\b", body)
    if moment:
        return f"until {from_milliseconds(int(moment[1])):%Y-%m-%d %H:%M:%S} UTC"
    return "for a time it does not tell" if wait is None else f"for {wait:.0f} s"
