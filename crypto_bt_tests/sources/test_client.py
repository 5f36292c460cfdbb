"""ccxt is kept to one address, public data, and no key."""

import asyncio
import subprocess
import sys

import pytest

from crypto_bt.core.errors import SourceRefused
from crypto_bt.simulator.serving import running
from crypto_bt.sources.client import NOWHERE, OFFICIAL_URL, RawClient, addresses
from crypto_bt_tests.simulator.calls import market_at


def ccxt_addresses():
    import ccxt.async_support as ccxt

    async def read():
        exchange = ccxt.binanceusdm()
        await exchange.close()
        return dict(exchange.urls["api"])

    return asyncio.run(read())


@pytest.mark.parametrize("base", ["http://127.0.0.1:8999", "http://127.0.0.1:8999/", OFFICIAL_URL])
def test_addresses_leave_none_of_ccxts_own(base):
    moved = addresses(ccxt_addresses(), base)

    assert moved["fapiPublic"] == f"{base.rstrip('/')}/fapi/v1"
    assert moved["fapiData"] == f"{base.rstrip('/')}/futures/data"
    for key, url in moved.items():
        assert url.startswith(base.rstrip("/"))
        assert key.startswith("fapi") or url.endswith(NOWHERE)


def call(url, name):
    async def run():
        client = RawClient(url, 5.0, lambda status, headers: None)
        try:
            return await client.get(name, {})
        finally:
            await client.close()

    return asyncio.run(run())


def test_stray_spot_call_is_loud():
    with running(market_at()) as exchange:
        with pytest.raises(SourceRefused, match="HTTP 404"):
            call(exchange.url, "publicGetTime")

        assert list(exchange.requests) == [f"{NOWHERE}/time"]


@pytest.mark.parametrize("credential", ["apiKey", "secret"])
def test_client_with_a_key_refuses_to_start(monkeypatch, credential):
    import ccxt.async_support as ccxt

    monkeypatch.setattr(ccxt.binanceusdm, credential, "canary-key", raising=False)
    with pytest.raises(SourceRefused, match="must not have one") as caught:
        call("http://127.0.0.1:1", "fapiPublicGetTime")
    assert "canary" not in str(caught.value)


def test_importing_sources_imports_no_client():
    program = "import sys, crypto_bt.sources; print({'ccxt', 'aiohttp'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
