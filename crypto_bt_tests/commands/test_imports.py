"""``data import``: files of the exchange's archive and our own exports into a home's store."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from crypto_bt.commands.imports import import_
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.market import to_milliseconds
from crypto_bt.defs import foreign_files
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt.store import SnapshotStore, export
from crypto_bt_tests.core.rows import START, candle_row
from crypto_bt_tests.core.test_exported_rows import GOOD, frame
from crypto_bt_tests.recorded import RECORDED, needs_recorded

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAME = "BTCUSDT-1h-2026-03"
HOURS = 31 * 24
HOUR = timedelta(hours=1)

app = typer.Typer()
app.command()(import_)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home whose clock stands still."""
    root = tmp_path / "home"
    Home(root).prepare(render_example(), {"FIXED_NOW": NOW.isoformat(), "SYMBOLS": "BTCUSDT,ETHUSDT"})
    return root


def run(home: Path, *arguments: object, code: int = 0) -> Any:
    """The command's JSON, after its exit code was looked at."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--home", str(home), "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def refused(home: Path, *arguments: object) -> str:
    """The one sentence with which a command refuses; nothing of the store may have changed."""
    before = {path: path.read_bytes() for path in (home / "store").rglob("*") if path.is_file()}
    with pytest.raises(CryptoBtError) as error:
        run(home, *arguments)
    assert {path: path.read_bytes() for path in (home / "store").rglob("*") if path.is_file()} == before
    assert "\n" not in str(error.value)
    return str(error.value)


def store_of(home: Path) -> SnapshotStore:
    return SnapshotStore(home / "store")


def month(**given: object) -> list[list[object]]:
    return [candle_row(index, **given) for index in range(HOURS)]


def month_at(start: datetime, days: int) -> list[list[object]]:
    """The same candles, from another day on."""
    shift = to_milliseconds(start) - to_milliseconds(START)
    return [
        [int(str(row[0])) + shift, *row[1:6], int(str(row[6])) + shift, *row[7:]]
        for row in month()[: days * 24]
    ]


def write_csv(path: Path, rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def write_zip(path: Path, rows: list[list[object]], inside: str | None = None) -> Path:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inside or path.with_suffix(".csv").name, out.getvalue())
    return path


def write_checksum(path: Path, digest: str | None = None) -> None:
    found = digest or hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".CHECKSUM").write_text(f"{found}  {path.name}\n")


def test_import_csv_and_zip_of_the_archive_are_published_together(home: Path, tmp_path: Path) -> None:
    zipped = write_zip(tmp_path / f"{NAME}.zip", month())
    write_checksum(zipped)
    rates = [[1772323200000 + index * 28_800_000, 8, "0.0001"] for index in range(93)]
    funding = write_csv(tmp_path / "ETHUSDT-fundingRate-2026-03.csv", rates)

    done = run(home, zipped, funding)

    assert (done["snapshot"], done["source"], done["refused"]) == ("000001", "binanceusdm", 0)
    assert [file["rows"] for file in done["files"]] == [HOURS, 93]
    current = store_of(home).current()
    assert current is not None
    assert (current.source, current.published_by) == ("binanceusdm", "data import")
    assert (current.rows("candles_1h"), current.rows("funding_rates")) == (HOURS, 93)


def test_import_twice_changes_nothing(home: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / f"{NAME}.csv", month())
    run(home, path)

    done = run(home, path)

    assert done["snapshot"] == "000001"
    assert done["datasets"][0]["same"] == HOURS


def test_import_dry_run_reports_and_writes_nothing(home: Path, tmp_path: Path) -> None:
    before = sorted(home.rglob("*"))

    done = run(home, write_csv(tmp_path / f"{NAME}.csv", month()), "--dry-run")

    assert (done["snapshot"], done["datasets"][0]["new"]) == (None, HOURS)
    assert sorted(home.rglob("*")) == before


def test_import_refused_rows_go_to_the_quarantine_and_the_exit_code_says_so(
    home: Path, tmp_path: Path
) -> None:
    rows = month()
    rows[5] = candle_row(5, high="1")

    done = run(home, write_csv(tmp_path / f"{NAME}.csv", rows), code=3)

    assert done["refused"] == 1
    [row] = store_of(home).read("quarantine").iter_rows(named=True)
    assert (row["open_time"], row["reason"], row["seen_at"]) == (START + 5 * HOUR, "inconsistent", NOW)
    assert store_of(home).read("candles_1h").height == HOURS - 1


def test_import_values_that_differ_are_left_alone_unless_told(home: Path, tmp_path: Path) -> None:
    run(home, write_csv(tmp_path / f"{NAME}.csv", month()))
    rows = month()
    rows[5] = candle_row(5, close="105.5")
    path = write_csv(tmp_path / f"{NAME}.csv", rows)

    done = run(home, path, code=3)
    assert done["datasets"][0]["differing"] == 1
    assert done["datasets"][0]["named"] == ["BTCUSDT candles_1h 2026-03-01 05:00"]
    assert store_of(home).read("candles_1h")["close"][5] == 106.0
    assert store_of(home).read("revisions").is_empty()

    done = run(home, path, "--overwrite")
    assert (done["revised"], done["snapshot"]) == (1, "000002")
    assert store_of(home).read("candles_1h")["close"][5] == 105.5
    revised = store_of(home).read("revisions")
    assert revised.select("field", "before", "after").rows() == [("close", 106.0, 105.5)]


def test_import_last_candle_of_a_collector_file_is_left_out(home: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "mine.csv", month()[:10])

    done = run(home, path, "--timeframe", "1h", "--symbol", "btcusdt")

    assert done["files"][0]["left_out"] == 1
    assert store_of(home).read("candles_1h")["open_time"].max() == START + 8 * HOUR


def test_import_delisted_symbol_keeps_its_last_candle_when_a_checksum_proves_it(
    home: Path, tmp_path: Path
) -> None:
    path = write_zip(tmp_path / f"{NAME}.zip", month()[:100])
    write_checksum(path)

    assert run(home, path)["files"][0]["left_out"] == 0


def test_import_all_or_nothing(home: Path, tmp_path: Path) -> None:
    good = write_csv(tmp_path / f"{NAME}.csv", month())
    bad = write_csv(tmp_path / "ETHUSDT-1h-2026-03.csv", [["a", "b"]])

    assert "ETHUSDT-1h-2026-03.csv" in refused(home, good, bad)
    assert store_of(home).current() is None


def test_import_two_files_that_contradict_each_other_are_refused(home: Path, tmp_path: Path) -> None:
    rows = [candle_row(index, **({"close": "105.5"} if index == 5 else {})) for index in range(24)]
    files = [write_csv(tmp_path / f"{NAME}.csv", month()), write_csv(tmp_path / f"{NAME}-01.csv", rows)]

    said = refused(home, *files)
    assert "BTCUSDT-1h-2026-03-01.csv and BTCUSDT-1h-2026-03.csv give different values" in said
    assert "2026-03-01 05:00" in said


def test_import_into_a_store_of_another_source_is_refused(home: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / f"{NAME}.csv", month())
    run(home, path, "--source", "simulated:seed=7")

    assert "--source simulated:seed=7" in refused(home, path)
    assert run(home, path, "--source", "simulated:seed=7")["datasets"][0]["same"] == HOURS


def spoiled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lfs(folder: Path) -> Path:
    path = folder / "candles_1h.parquet"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0d1b\nsize 503738\n")
    return path


def encrypted(folder: Path) -> Path:
    path = write_zip(folder / f"{NAME}.zip", month())
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    return path


def damaged_zip(folder: Path) -> Path:
    path = write_zip(folder / f"{NAME}.zip", month())
    spoiled(path)
    return path


def cut_zip(folder: Path) -> Path:
    path = write_zip(folder / f"{NAME}.zip", month())
    path.write_bytes(path.read_bytes()[:-30])
    return path


def two_in_a_zip(folder: Path) -> Path:
    path = write_zip(folder / f"{NAME}.zip", month())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.csv", "1")
    return path


def not_csv_in_a_zip(folder: Path) -> Path:
    return write_zip(folder / f"{NAME}.zip", month(), inside="../../etc/passwd")


def wrong_checksum(folder: Path) -> Path:
    path = write_zip(folder / f"{NAME}.zip", month())
    write_checksum(path, "0" * 64)
    return path


def no_checksum(folder: Path) -> Path:
    path = write_zip(folder / f"{NAME}.zip", month())
    path.with_name(path.name + ".CHECKSUM").write_text("<html>")
    return path


def of_bytes(name: str, data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def cut_parquet(folder: Path) -> Path:
    path = folder / "candles_1h.parquet"
    frame("candles_1h", *GOOD[0][1]).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    return path


def unnamed_parquet(folder: Path) -> Path:
    frame("candles_1h", *GOOD[0][1]).write_parquet(folder / "mine.parquet")
    return folder / "mine.parquet"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "nowhere.csv", "There is no file"),
        (lambda folder: folder, "is a folder"),
        (lfs, "is a Git LFS pointer"),
        (encrypted, "cannot be unzipped"),
        (damaged_zip, "damaged zip"),
        (cut_zip, "damaged zip"),
        (two_in_a_zip, "holds 2 files"),
        (not_csv_in_a_zip, "not one CSV"),
        (wrong_checksum, "is damaged: it does not match"),
        (no_checksum, "holds no checksum"),
        (cut_parquet, "damaged Parquet"),
        (unnamed_parquet, "does not say what the file holds"),
        (of_bytes("a.feather", b"ARROW1\0\0"), "neither CSV"),
        (of_bytes("a.json", b"{}"), "neither CSV"),
        (of_bytes(f"{NAME}.csv", b"\xff\xfe1\0,\0"), "is not text"),
        (of_bytes(f"{NAME}.csv", b"\x81"), "is not text"),
        (of_bytes("candles_1h.parquet", b"PAR1"), "damaged Parquet"),
        (of_bytes("candles_1h.parquet", b"PAR1" + b"\xff" * 200 + b"PAR1"), "damaged Parquet"),
    ],
)
def test_import_what_is_no_market_data_is_refused_in_one_sentence(
    home: Path, tmp_path: Path, make: Callable[[Path], Path], says: str
) -> None:
    assert says in refused(home, make(tmp_path))


def test_import_bombs_are_refused(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tmp_path / f"{NAME}.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * (foreign_files.TEXT_LIMIT + 1))
    assert bomb.stat().st_size < 1_000_000
    assert "is too large" in refused(home, bomb)

    parquet = tmp_path / "candles_1h.parquet"
    frame("candles_1h", *GOOD[0][1]).write_parquet(parquet)
    monkeypatch.setattr(foreign_files, "ROW_LIMIT", 1)
    assert "too many rows: 2" in refused(home, parquet)
    monkeypatch.setattr(foreign_files, "FILE_LIMIT", 100)
    assert "is too large" in refused(home, parquet)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--timeframe", "7h"), "'7h' is not kept"),
        (("--dataset", "nope"), "There is no dataset 'nope'"),
        (("--dataset", "candles_1h", "--timeframe", "1h"), "Give one of them"),
        (("--symbol", "龙虾USDT"), "is not a symbol"),
    ],
)
def test_import_impossible_options_are_refused(
    home: Path, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    assert says in refused(home, write_csv(tmp_path / "mine.csv", month()), *options)


def filled_store(root: Path) -> SnapshotStore:
    """A store with rows in every dataset of GOOD, built over several publishes."""
    store = SnapshotStore(root / "store")
    for dataset, rows in GOOD:
        for part in (rows[:1], rows):
            changes = {dataset: frame(dataset, *part).sort(DATASETS[dataset].key)}
            store.publish(changes, source="simulated:seed=7", published_by="a test", now=NOW)
    return store


def test_export_then_import_into_an_empty_store_gives_the_same_digest(home: Path, tmp_path: Path) -> None:
    original = filled_store(tmp_path / "original").current()
    files = export(SnapshotStore(tmp_path / "original" / "store"), tmp_path / "out")
    assert len(files) == len(GOOD)

    done = run(home, *files)

    current = store_of(home).current()
    assert original is not None
    assert current is not None
    assert current.digest == original.digest
    assert (done["refused"], current.source) == (0, original.source)


def test_import_never_calls_exported_data_that_of_another_source(home: Path, tmp_path: Path) -> None:
    filled_store(tmp_path / "original")
    files = export(SnapshotStore(tmp_path / "original" / "store"), tmp_path / "out")
    archived = write_csv(tmp_path / f"{NAME}.csv", month())

    assert "'simulated:seed=7', not of 'binanceusdm'" in refused(home, *files, "--source", "binanceusdm")
    assert "'simulated:seed=7', not of 'binanceusdm'" in refused(home, archived, *files)


def test_import_of_one_symbols_past_makes_nothing_of_the_others_count_as_missing(
    home: Path, tmp_path: Path
) -> None:
    run(home, write_csv(tmp_path / f"{NAME}.csv", month()))
    assert load_settings(home).HISTORY_START is None, "what fills an empty home is its history"
    run(home, write_csv(tmp_path / "ETHUSDT-1h-2026-02.csv", month_at(datetime(2026, 2, 1, tzinfo=UTC), 28)))
    assert f"{load_settings(home).HISTORY_START}" == "2026-03-01"


def test_import_of_candles_from_before_the_exchange_opened_is_refused(home: Path, tmp_path: Path) -> None:
    rows = month_at(datetime(1999, 1, 1, tzinfo=UTC), 31)
    assert "can be kept" in refused(home, write_csv(tmp_path / "BTCUSDT-1h-1999-01.csv", rows))


def test_import_any_flipped_byte_of_an_export_is_refused_or_harmless(home: Path, tmp_path: Path) -> None:
    """Parquet has no checksum that polars looks at; what is kept must still be possible rows."""
    path = tmp_path / "candles_1h.parquet"
    frame("candles_1h", *GOOD[0][1]).write_parquet(path)
    good = path.read_bytes()
    said = []
    for at in range(0, len(good), max(1, len(good) // 60)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :])
        done = CliRunner().invoke(app, [str(path), "--home", str(home), "--dry-run"])
        if isinstance(done.exception, CryptoBtError):
            said.append(str(done.exception))
        else:
            assert done.exit_code in (0, 3), done.exception
    assert said
    assert not any("\n" in text for text in said)
    assert store_of(home).current() is None


def test_import_tells_a_person_what_it_did(home: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "mine.csv", month()[:10])
    done = CliRunner().invoke(
        app, [str(path), "--timeframe", "1h", "--symbol", "BTCUSDT", "--home", str(home)]
    )

    assert "Left out: last candles" in done.output
    assert "Published as snapshot 000001 of binanceusdm." in done.output


@needs_recorded
@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("not_a_feather_lfs_pointer.feather", (), "Git LFS pointer of 131 bytes"),
        ("collector_skipped_symbols.json", (), "neither CSV"),
        ("incomplete_last_bar_1h.csv", ("--timeframe", "1h"), "unknown 'open_final'"),
        ("btc_dominance_raw.csv", (), "does not say what the file holds"),
        ("dxy_raw_with_blank_values.csv", ("--timeframe", "1d", "--symbol", "DXY"), "columns of"),
        ("candle_coverage_gaps.csv", ("--timeframe", "1h"), "columns of"),
    ],
)
def test_import_recorded_defects_are_refused(
    home: Path, name: str, options: tuple[str, ...], says: str
) -> None:
    assert says in refused(home, RECORDED / "defects" / name, *options)


@needs_recorded
def test_import_recorded_parquet_with_a_foreign_column_is_refused(home: Path) -> None:
    assert "unknown 'source'" in refused(home, RECORDED / "candles_1d.parquet")


@needs_recorded
def test_import_recorded_history_round_trips(home: Path, tmp_path: Path) -> None:
    """A year of ten recorded symbols, out and in again."""
    schema = DATASETS["candles_1h"].schema
    recorded = pl.read_parquet(RECORDED / "candles_1h.parquet").filter(
        pl.col("open_time").dt.year() == 2025, pl.col("symbol") < "BTD"
    )
    rows = recorded.with_columns(taker_buy_volume=pl.lit(None)).select(
        pl.col(name).cast(kind) for name, kind in schema.items()
    )
    assert rows.height > 50_000
    store = SnapshotStore(tmp_path / "store")
    original = store.publish({"candles_1h": rows}, source="binanceusdm", published_by="a test", now=NOW)
    [path] = export(store, tmp_path / "out")

    run(home, path)

    current = Desk.open(load_settings(home)).store.current()
    assert current is not None
    assert current.digest == original.digest
