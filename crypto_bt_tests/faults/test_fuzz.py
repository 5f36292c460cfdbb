"""Whatever an exchange sends: nothing uncaught, no bad row let through. A sample; `make soak` runs 10,000."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from crypto_bt_tests.faults.fuzzed_desk import run_fuzzed_updates
from crypto_bt_tests.faults.payloads import bodies
from crypto_bt_tests.faults.readers import read_all

SEED = 20261123


@seed(SEED)
@settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(bodies())
def test_readers_any_body_nothing_uncaught_and_no_bad_row_kept(body: bytes) -> None:
    assert read_all(body)["refused"] <= 2, "a body is read as JSON by two parsers at most"


@seed(SEED)
@settings(
    max_examples=4,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(bodies(), min_size=6, max_size=6), st.integers(0, 39))
def test_update_any_bodies_over_a_socket_store_stays_true(sent: list[bytes], turn: int) -> None:
    with TemporaryDirectory() as folder:
        counts = run_fuzzed_updates(sent, turn, Path(folder))
    assert counts["sent"] >= 1
