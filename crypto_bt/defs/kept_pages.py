"""Which kept pages of a killed backfill may still be published: none that newer data contradicts."""

from collections.abc import Sequence

import polars as pl

from crypto_bt.core.datasets import DATASETS
from crypto_bt.store import KeptPage, MarketStore


def uncontradicted(store: MarketStore, pages: Sequence[KeptPage]) -> list[KeptPage]:
    """``pages`` without those that were fetched before the newest publish and differ from what is stored.

    What was stored meanwhile (an update, a person's decision, an import) is newer than the page; where the
    two differ the exchange is asked again.
    """
    current = store.current()
    if current is None:
        return list(pages)
    older = [place for place, page in enumerate(pages) if page.fetched_at <= current.published_at]
    wrong: set[int] = set()
    for name in dict.fromkeys(pages[place].asked[0] for place in older):
        rows = [
            pages[place].frame.with_columns(_page=pl.lit(place))
            for place in older
            if pages[place].asked[0] == name
        ]
        wrong |= _differing(store, name, pl.concat(rows))
    return [page for place, page in enumerate(pages) if place not in wrong]


def _differing(store: MarketStore, name: str, rows: pl.DataFrame) -> set[int]:
    """Numbers (``_page``) of the pages of which some row is stored with other values."""
    if rows.is_empty():
        return set()
    dataset = DATASETS[name]
    first = rows.select(pl.col(dataset.time).min()).item()
    stored = store.read(name, symbols=rows[dataset.entity].unique().to_list(), start=first)
    values = [column for column in dataset.schema if column not in dataset.key]
    both = rows.join(stored, on=dataset.key, suffix="_stored")
    other = pl.any_horizontal(pl.col(column).ne_missing(pl.col(f"{column}_stored")) for column in values)
    return set(both.filter(other)["_page"].unique().to_list())
