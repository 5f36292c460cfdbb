"""What Dagster loads: one function, so that settings are read when it is called, not at import."""

import dagster as dg

from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.resources import Desk
from crypto_bt.settings import load_settings


@dg.definitions
def crypto_bt() -> dg.Definitions:
    """The definitions of the home named by CRYPTO_BT_HOME."""
    return build_definitions(Desk.open(load_settings()))
