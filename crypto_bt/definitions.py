"""What Dagster loads: one function, so that settings are read when it is called, not at import."""

import os

import dagster as dg

from crypto_bt.core.foreign_settings import drop_foreign_keys
from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.resources import Desk
from crypto_bt.settings import load_settings


@dg.definitions
def crypto_bt() -> dg.Definitions:
    """The definitions of the home named by CRYPTO_BT_HOME; no run inherits another program's keys."""
    drop_foreign_keys(os.environ)
    return build_definitions(Desk.open(load_settings()))
