"""Calling the address that watches us: it raises the alarm when the calls stop."""

from typing import Final

from pydantic import SecretStr

from crypto_bt.alerts.channel import NotDelivered

PATIENCE_SECONDS: Final = 15.0


def ping(url: SecretStr) -> None:
    """Call ``url``, which is a secret (whoever knows it can keep the alarm silent).

    Raises NotDelivered, without the address, for anything but a 2xx.
    """
    import httpx

    try:
        answer = httpx.get(url.get_secret_value(), timeout=PATIENCE_SECONDS, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        kind = type(error).__name__
        raise NotDelivered(f"DEADMAN_URL was not reached ({kind}).", "Check the network.") from None
    if not answer.is_success:
        raise NotDelivered(f"DEADMAN_URL answered {answer.status_code}.", "Check the address.")
