"""A package of strategies that go wrong, each in its own way, as a desk's own package might."""

from collections.abc import Mapping
from pathlib import Path

HEAD = """
import itertools, os, subprocess, sys, time
from dataclasses import dataclass
import polars as pl
from crypto_bt.strategies import FrameStrategy

@dataclass(frozen=True)
class Base(FrameStrategy):
    source = "made to go wrong"
    exits = ()

    @property
    def warm_up(self):
        return 0

    def targets_of(self, frame):
        return self.wrong(frame)
"""
WRONG: Mapping[str, str] = {
    "it_raises": "raise ZeroDivisionError('no volume')",
    "it_leaves": "os._exit(7)",
    "it_loops": "[None for _ in itertools.count() if False]",
    "it_sleeps_with_children": "subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])",
    "it_eats_memory": "return [bytearray(50_000_000) for _ in itertools.count() if not time.sleep(0.02)]",
    "it_gives_nan": "return pl.Series([float('nan')] * len(frame))",
    "it_bombs": "[os.fork() for _ in range(7)]; time.sleep(600)",
}


def install_wrong(folder: Path) -> None:
    """The package as pip leaves it; ``folder`` is to be on the import path."""
    text, entries = [HEAD], []
    for name, body in WRONG.items():
        text += [
            f"class {name.title().replace('_', '')}(Base):",
            f"    def wrong(self, frame):\n        {body}",
        ]
        entries.append(f"{name} = wrong_ideas:{name.title().replace('_', '')}")
    (folder / "wrong_ideas.py").write_text("\n".join(text) + "\n")
    info = folder / "wrong_ideas-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong-ideas\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[crypto_bt.strategies]", *entries]) + "\n")
