"""Asset checks on the feeds that are no candles."""

import dagster as dg


def build_feed_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of all feeds."""
    return []
