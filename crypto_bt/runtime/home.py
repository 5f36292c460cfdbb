"""A home: the folder that holds all state of one installation.

::

    .env            settings of this home (Dagster reads it, because it is started in this folder)
    dagster/        DAGSTER_HOME: dagster.yaml, runs, schedule toggles
    store/          market data snapshots
    results/        nights: trades, curves, metrics, reports
    market.json     which loopback market this home belongs to (demo homes only)
    market.lock     held by whoever writes market data
    pages/          pages of a backfill under way, so that one that was killed goes on where it was
    logs/           what jobs and the parts of crypto-bt up have said
    requests.log    what was asked of the exchange in the last minutes, by every process of this home
    outbox.db       alerts that wait, and those that were told
    alerts.log      alerts, one JSON object a line
    backups/        backups of all this but the settings
    aside/          damaged files, each with a report
    recovery.jsonl  what was mended, and what is still to be fetched again
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import filelock

from crypto_bt.core.errors import UsageError

#: Whoever changes a home's settings is done in less.
SETTINGS_PATIENCE_SECONDS: Final = 10.0
#: A section of a YAML file, by its name.
_SECTION: Final = re.compile(r"^(\w+):", re.MULTILINE)
DAGSTER_YAML: Final = """\
# Written by set-up. Dagster's own settings for this home.
telemetry: {enabled: false}
nux: {enabled: false}
concurrency:
  runs:
    max_concurrent_runs: 2
    tag_concurrency_limits:
      # One writer of market data at a time: a second one waits in the queue.
      - {key: crypto_bt/writes_market, value: "yes", limit: 1}
run_monitoring: {enabled: true, poll_interval_seconds: 30, start_timeout_seconds: 300}
run_retries: {enabled: true, max_retries: 2, retry_on_asset_or_op_failure: false}
python_logs: {managed_python_loggers: [crypto_bt]}
retention:
  schedule: {purge_after_days: 90}
  sensor: {purge_after_days: {skipped: 2, failure: 30, success: 30, started: 30}}
"""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths inside a home; nothing is created until :meth:`prepare`."""

    root: Path

    @property
    def env_file(self) -> Path:
        """The home's settings."""
        return self.root / ".env"

    @property
    def dagster(self) -> Path:
        """Dagster's home."""
        return self.root / "dagster"

    @property
    def store(self) -> Path:
        """The market store."""
        return self.root / "store"

    @property
    def results(self) -> Path:
        """The results of the nights."""
        return self.root / "results"

    @property
    def market_file(self) -> Path:
        """The loopback market that this home was made with."""
        return self.root / "market.json"

    @property
    def pages(self) -> Path:
        """Pages of a backfill that is under way."""
        return self.root / "pages"

    @property
    def requests(self) -> Path:
        """What the processes of this home have asked of the exchange in the last minutes."""
        return self.root / "requests.log"

    @property
    def logs(self) -> Path:
        """What jobs have said."""
        return self.root / "logs"

    def prepare(self, example: str, values: Mapping[str, str | None]) -> None:
        """Create the folders, ``.env`` and ``dagster.yaml``; safe to repeat.

        ``example`` is the text of ``.env.example``; each of ``values`` becomes a live line, or is commented
        out if None. An existing ``.env`` keeps what a person changed beside these.
        Raises UsageError when the folder cannot be written.
        """
        try:
            for folder in (self.root, self.dagster, self.store, self.results):
                make_folder(folder)
            text = self.env_file.read_text() if self.env_file.exists() else example
            write_privately(self.env_file, with_values(text, values))
            yaml = self.dagster / "dagster.yaml"
            present = yaml.read_text() if yaml.exists() else DAGSTER_YAML.partition("\n")[0]
            if (completed := with_sections(present, DAGSTER_YAML)) != present:
                write_privately(yaml, completed)
        except OSError as error:
            raise _unwritable(self.root, error) from error

    @contextmanager
    def locked(self, what: str, who: str, patience: float = 0) -> Iterator[None]:
        """Hold the home's lock on ``what``.

        ``market``: whoever writes market data. ``service``: whoever serves the home, the web UI or a demo.
        ``settings``: whoever changes the home's ``.env``.

        Raises UsageError naming the holder when another process still holds it after ``patience`` seconds.
        A holder that died holds nothing.
        """
        lock = filelock.FileLock(self.root / f"{what}.lock", mode=0o600)
        holder = self.root / f"{what}.lock.holder"
        try:
            lock.acquire(timeout=patience)
        except filelock.Timeout:
            raise UsageError(
                f"{self.root} is in use by {_named_in(holder)}.",
                "Wait until it has ended, or use another --home.",
            ) from None
        try:
            holder.write_text(f"{who} (process {os.getpid()})")
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()


def _named_in(holder: Path) -> str:
    try:
        return holder.read_text() or "another process"
    except FileNotFoundError:  # it has just ended
        return "another process"


def make_folder(folder: Path) -> None:
    """Create a folder that only its owner reads, with its parents; UsageError when that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unwritable(folder, error) from error


def with_values(text: str, values: Mapping[str, str | None]) -> str:
    """``text`` of an ``.env`` with each key of ``values`` on its own live line, commented out if None."""
    lines, left = [], dict(values)
    for line in text.splitlines():
        key = line.lstrip("#").partition("=")[0].strip()
        lines.append(_line(key, left.pop(key)) if "=" in line and key in left else line)
    lines += [_line(key, value) for key, value in left.items() if value is not None]
    return "\n".join(lines) + "\n"


def with_sections(present: str, wanted: str) -> str:
    """``present`` YAML with those sections of ``wanted`` appended that it lacks; what is there stays, and all
    of a text that does not begin with the first line of ``wanted``."""
    if not present.startswith(wanted.partition("\n")[0]):
        return present
    there = set(_SECTION.findall(present))
    parts = re.split(r"^(?=\w)", wanted, flags=re.MULTILINE)
    lacking = [part for part in parts for name in _SECTION.findall(part) if name not in there]
    return present.rstrip("\n") + "\n" + "".join(lacking)


def write_privately(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner alone."""
    fresh = path.with_name(path.name + ".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)


def _line(key: str, value: str | None) -> str:
    if value is None:
        return f"#{key}="
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{escaped}'" if any(mark in value for mark in " #$\"'\\") else f"{key}={value}"


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"The home {folder} cannot be written: {error.strerror}.", "Choose another with --home DIR."
    )
