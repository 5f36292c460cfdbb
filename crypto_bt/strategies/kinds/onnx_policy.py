"""A trained policy as an ONNX model; needs the extra ``crypto-bt[onnx]``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies.content import required_file
from crypto_bt.strategies.kinds.stretches import stretches
from crypto_bt.strategies.strategy import FrameStrategy

#: Windows of one call of the model. Always as many: how a matrix product is rounded may depend on its height,
#: and a decision must not depend on how many bars come after it.
_BATCH: Final = 256


@dataclass(frozen=True)
class OnnxPolicy(FrameStrategy):
    """Base of strategies whose position is what the ONNX file ``model`` gives for the last ``window`` bars.

    The model has one input, float32 of shape (n, ...) as :meth:`observation` makes it, and its first output
    has one number from -1 to 1 for each of the n windows. It runs on one thread. ONNX holds a graph of
    arithmetic and no code, so that loading one runs nothing of its author's; pickles are not read.
    """

    model: str = ""
    window: int = 32

    @property
    def warm_up(self) -> int:
        return self.window - 1

    @property
    def files(self) -> tuple[Path, ...]:
        return (Path(self.model),)

    def observation(self, windows: Mapping[str, NDArray[np.float64]]) -> NDArray[np.floating[Any]]:
        """What the model sees of n windows: by default (n, window, 4), the open, high, low and close over the
        newest close, minus 1.

        ``windows`` has every numeric column of the frame as (n, window), oldest bar first; the rows are
        decisions that do not know of one another.
        """
        now = windows["close"][:, -1:]
        return np.stack([windows[name] / now - 1.0 for name in ("open", "high", "low", "close")], axis=-1)

    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        self.require(self.window >= 1, "window >= 1")
        session = self._session()
        columns = {
            name: frame[name].cast(pl.Float64).to_numpy()
            for name, dtype in frame.schema.items()
            if dtype.is_numeric() or dtype == pl.Null
        }
        decided = np.full(frame.height, np.nan)
        for first, end in stretches(frame, self.timeframe):
            for start in range(first, end - self.window + 1, _BATCH):
                rows = min(_BATCH, end - self.window + 1 - start)
                ends = slice(start, start + rows + self.window - 1)
                views = {
                    name: np.lib.stride_tricks.sliding_window_view(values[ends], self.window)
                    for name, values in columns.items()
                }
                decided[start + self.window - 1 : start + self.window - 1 + rows] = self._run(session, views)
        return pl.Series(decided).fill_nan(None)

    def _run(self, session: Any, views: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        seen = np.asarray(self.observation(views), np.float32)
        padded = np.zeros((_BATCH, *seen.shape[1:]), np.float32)
        padded[: len(seen)] = seen
        try:
            found = np.asarray(session.run(None, {session.get_inputs()[0].name: padded})[0], np.float64)
        except Exception as error:
            raise BacktestError(
                f"{self.name}: {self.model} does not take the input {padded.shape}: {error}.",
                "Let observation() make what the model was trained on.",
            ) from error
        if found.size != _BATCH or np.isnan(found[: len(seen)]).any():
            nan = ", with NaN" if np.isnan(found).any() else ""
            raise BacktestError(
                f"{self.name}: {self.model} gives {found.shape}{nan} for {_BATCH} windows.",
                "It must give one number from -1 to 1 for each.",
            )
        return found.reshape(_BATCH)[: len(seen)]

    def _session(self) -> Any:
        path = required_file(self, Path(self.model))
        try:
            import onnxruntime
        except ImportError as error:
            raise BacktestError(
                f"{self.name} needs onnxruntime, which is not installed.", "pip install 'crypto-bt[onnx]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BacktestError(f"{self.name}: {path} is no model that can be run: {error}.") from error
