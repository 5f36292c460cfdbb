"""Pages of a backfill under way, kept until it is published: one that was killed asks only for the rest.

A file holds one page: a line of JSON with its own checksum (whose page, of what, when, the checksum of what
follows), then the rows and the refused rows as Parquet. It is named for what was asked, so that asking again
overwrites it. Nothing is forced to disk: a process that is killed loses nothing that it has written, and what
a power cut tears fails its checksum and is asked again.
"""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from crypto_bt.core.datasets import DATASETS, dataset_named
from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.core.market import EPOCH
from crypto_bt.core.schemas import QUARANTINE_SCHEMA
from crypto_bt.store.documents import canonical, moment_of, moment_text, seal, sha256_hex, unseal
from crypto_bt.store.durable import (
    FILE_MODE,
    make_folder,
    remove_quietly,
    sweep_temporaries,
    temporary_beside,
)
from crypto_bt.store.objects import encode

#: The rows that the exchange gives for one request at its cheapest.
ROWS_PER_PAGE: Final = 499
#: A page that is older is asked again: the exchange may have revised it.
KEPT_FOR: Final = timedelta(hours=24)
_SUFFIX: Final = ".page"

#: (dataset, symbol, start, end): rows whose time lies in [start, end).
Asked = tuple[str, str, datetime, datetime]


@dataclass(frozen=True, slots=True)
class KeptPage:
    """What was fetched for ``asked`` at ``fetched_at``: good rows and refused ones, in their schemas."""

    asked: Asked
    fetched_at: datetime
    frame: pl.DataFrame
    quarantine: pl.DataFrame


def split(requests: Sequence[Asked], rows_per_page: int = ROWS_PER_PAGE) -> list[Asked]:
    """``requests`` cut into pages of at most ``rows_per_page`` candles, in the same order.

    The first page starts and the last one ends where its request does; the cuts lie so many candles apart,
    from the first candle on, as the exchange is asked. Datasets without a timeframe stay whole.
    """
    pages: list[Asked] = []
    for dataset, symbol, start, end in requests:
        timeframe = dataset_named(dataset).timeframe
        since = start
        if timeframe is not None:
            first = EPOCH - (EPOCH - start) // timeframe.delta * timeframe.delta
            cut = first + rows_per_page * timeframe.delta
            while cut < end:
                pages.append((dataset, symbol, since, cut))
                since, cut = cut, cut + rows_per_page * timeframe.delta
        pages.append((dataset, symbol, since, end))
    return pages


class PageJournal:
    """The pages in ``folder``, which is made when the first is put. For one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(
        self,
        identity: str,
        dataset: str,
        symbol: str,
        start: datetime,
        end: datetime,
        *,
        fetched_at: datetime,
        frame: pl.DataFrame,
        quarantine: pl.DataFrame,
    ) -> bool:
        """Keep what ``identity`` gave for a page at ``fetched_at``, its own clock; whether it was kept.

        A page that was not over by then is not kept, for it would hide what came after. Nor is one that
        cannot be written (a full disk): the backfill goes on, and would ask for it again.
        """
        asked = (dataset, symbol, start, end)
        if _over_at(asked) > fetched_at:
            return False
        rows, refused = encode(frame), encode(quarantine)
        header = {
            **_asked_body(identity, asked),
            "fetched_at": moment_text(fetched_at),
            "rows_bytes": len(rows),
            "content": sha256_hex(rows + refused),
        }
        path = self._path(identity, asked)
        temporary = temporary_beside(path)
        try:
            make_folder(self.folder)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
                file.write(seal(header) + rows + refused)
            temporary.replace(path)
        except OSError:
            remove_quietly(temporary)
            return False
        return True

    def take(self, identity: str, requests: Sequence[Asked], now: datetime) -> list[KeptPage]:
        """The pages for those of ``requests`` that are here, in their order; they stay until :meth:`clear`.

        Pages that are damaged, of another identity or fetched more than ``KEPT_FOR`` before ``now`` are
        removed, whoever asked for them. One from the future is of a clock that was set back: removed too.
        """
        sweep_temporaries(self.folder)
        found: dict[Path, KeptPage] = {}
        for path in self._files():
            page = _read(path, identity)
            if page is None or not timedelta() <= now - page.fetched_at < KEPT_FOR:
                remove_quietly(path)
            else:
                found[path] = page
        places = [(self._path(identity, asked), asked) for asked in requests]
        return [replace(found[path], asked=asked) for path, asked in places if path in found]

    def clear(self) -> None:
        """Remove all pages: what they held is published."""
        sweep_temporaries(self.folder)
        for path in self._files():
            remove_quietly(path)

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix == _SUFFIX)
        except FileNotFoundError:
            return []

    def _path(self, identity: str, asked: Asked) -> Path:
        return self.folder / (sha256_hex(canonical(_asked_body(identity, asked))) + _SUFFIX)


def _asked_body(identity: str, asked: Asked) -> dict[str, Any]:
    dataset, symbol, start, end = asked
    span = {"start": moment_text(start), "end": moment_text(end)}
    return {"identity": identity, "dataset": dataset, "symbol": symbol, **span}


def _over_at(asked: Asked) -> datetime:
    """When the last row that can belong to a page is final."""
    dataset, _, _, end = asked
    timeframe = dataset_named(dataset).timeframe
    return end if timeframe is None else EPOCH - (EPOCH - end) // timeframe.delta * timeframe.delta


def _read(path: Path, identity: str) -> KeptPage | None:
    """The page in ``path``; None if it is damaged, not of ``identity``, or not of today's schemas."""
    try:
        head, newline, content = path.read_bytes().partition(b"\n")
        header = unseal(head + newline, path)
    except (OSError, StoreCorrupt):
        return None
    dataset = DATASETS.get(header["dataset"])
    if dataset is None or header["identity"] != identity or header["content"] != sha256_hex(content):
        return None
    size = header["rows_bytes"]
    frame = pl.read_parquet(io.BytesIO(content[:size]))
    quarantine = pl.read_parquet(io.BytesIO(content[size:]))
    if dict(frame.schema) != dataset.schema or dict(quarantine.schema) != QUARANTINE_SCHEMA:
        return None
    asked = (dataset.name, header["symbol"], moment_of(header["start"]), moment_of(header["end"]))
    return KeptPage(asked, moment_of(header["fetched_at"]), frame, quarantine)
