"""The public archive of the exchange: one zip of metrics for each symbol and day, and its checksum."""

import csv
import hashlib
import io
import re
import zipfile
from datetime import date
from typing import Final

from crypto_bt.simulator.positioning import ARCHIVE_COLUMNS, Positioning
from crypto_bt.simulator.replies import Reply

ARCHIVE_PATH: Final = "/data/futures/um/daily/metrics/"
_FILE: Final = re.compile(
    r"(?P<symbol>[A-Z0-9]+)/(?P<name>(?P=symbol)-metrics-(?P<day>\d{4}-\d\d-\d\d))\.zip(?P<sum>\.CHECKSUM)?"
)
_NO_KEY: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
)


def archived_file(positioning: Positioning, path: str) -> Reply:
    """The file at ``path``, which begins with :data:`ARCHIVE_PATH`; 404 for one that is not there."""
    asked = _FILE.fullmatch(path.removeprefix(ARCHIVE_PATH))
    try:
        rows = asked and positioning.archived(asked["symbol"], date.fromisoformat(asked["day"]))
    except ValueError:
        rows = None
    if asked is None or rows is None:
        return Reply(_NO_KEY.encode(), "application/xml", 404)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([ARCHIVE_COLUMNS, *rows])
    content = _zipped(f"{asked['name']}.csv", text.getvalue())
    if not asked["sum"]:
        return Reply(content, "application/zip")
    digest = hashlib.sha256(content).hexdigest()
    return Reply(f"{digest}  {asked['name']}.zip\n".encode(), "text/plain")


def _zipped(name: str, text: str) -> bytes:
    """A zip with one member; the same bytes for the same text."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
