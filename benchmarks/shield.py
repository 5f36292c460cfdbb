"""Keeps strangers out of a measurement on a machine that others load: root, cgroup v1's cpu controller.

All that the benchmark starts goes into one group that outweighs everything else. Sessions (autogroups) do not
count inside of a group; so each session gets a group of its own in it, of the weight that the kernel gives an
autogroup of that nice value: to each other they are what they would be without.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CPU: Final = Path("/sys/fs/cgroup/cpu")
_MOST: Final = "262144"
_EVERY_SECONDS: Final = 0.05
#: The kernel's weights of nice 0 to 19.
_WEIGHTS: Final = (
    *(1024, 820, 655, 526, 423, 335, 272, 215, 172, 137),
    *(110, 87, 70, 56, 45, 36, 29, 23, 18, 15),
)  # fmt: skip


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """This process and all below it, while the block runs."""
    root = _CPU / f"crypto_bt-{os.getpid()}"
    root.mkdir()
    (root / "cpu.shares").write_text(_MOST)
    over = threading.Event()

    def sort() -> None:
        while not over.wait(_EVERY_SECONDS):
            _sort(root)

    _sort(root)
    sorter = threading.Thread(target=sort, daemon=True)
    sorter.start()
    try:
        yield
    finally:
        over.set()
        sorter.join()
        for group in (*(each for each in root.iterdir() if each.is_dir()), root):
            for pid in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):
                    (_CPU / "cgroup.procs").write_text(pid)
            group.rmdir()


def _sort(root: Path) -> None:
    for pid in _family(os.getpid()):
        with contextlib.suppress(OSError, ProcessLookupError, IndexError):
            nice = int(Path(f"/proc/{pid}/autogroup").read_text().split()[-1])
            group = root / f"session-{os.getsid(pid)}"
            if not group.is_dir():
                group.mkdir()
            shares = str(_WEIGHTS[max(0, nice)])
            if (group / "cpu.shares").read_text().strip() != shares:
                (group / "cpu.shares").write_text(shares)
            if f"cpu:/{root.name}/{group.name}\n" not in Path(f"/proc/{pid}/cgroup").read_text():
                (group / "cgroup.procs").write_text(str(pid))


def _family(leader: int) -> list[int]:
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            below.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [leader]
    for pid in found:
        found += below.get(pid, [])
    return found
