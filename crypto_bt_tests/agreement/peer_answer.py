"""The peer's end: reads the questions, writes the answers. Run by the peers' Python."""

import sys
from collections.abc import Callable, Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


def answer(function: Callable[[Arrays], Arrays]) -> None:
    """Answer every question of the file named first with ``function``, in the file named second.

    Keys of a file are ``common/NAME``, the same for all questions, and ``NUMBER/NAME`` for one of them.
    """
    asked, answered = sys.argv[1:]
    with np.load(asked) as file:
        every = {key: file[key] for key in file.files}
    common = {key.split("/")[1]: value for key, value in every.items() if key.startswith("common/")}
    numbers = sorted({key.split("/")[0] for key in every if not key.startswith("common/")}, key=int)
    answers = {}
    for number in numbers:
        own = {key.split("/")[1]: value for key, value in every.items() if key.startswith(f"{number}/")}
        for name, value in function({**common, **own}).items():
            answers[f"{number}/{name}"] = np.asarray(value)
    np.savez(answered, **answers)
