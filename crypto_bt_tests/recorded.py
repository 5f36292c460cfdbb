"""Where the recorded market data lies, and the mark for tests that need it."""

from pathlib import Path

import pytest

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_recorded = pytest.mark.skipif(
    not (RECORDED / "candles_1h.parquet").exists(),
    reason="the recorded market data is not on this machine (it is not distributed with the project)",
)
