"""A function, an ONNX model and a file of signals keep what every strategy keeps."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from crypto_bt.backtest import find_lookahead, targets
from crypto_bt.backtest.signals import bars_since_gap, strategy_frame
from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies import CallableStrategy, OnnxPolicy, SignalFile, Strategy, bar_by_bar
from crypto_bt.strategies.content import content_digest
from crypto_bt_tests.backtest.markets import H4, START, candles
from crypto_bt_tests.strategies.generic_market import market

COUNT = 400
WINDOW = 12


@bar_by_bar(lookback=WINDOW, needs=("funding_rate",), source="the desk")
def above_average(frame: pl.DataFrame) -> float | None:
    """Long above the average of the last closes, flat below it while funding is not known."""
    if frame["funding_rate"][-1] is None:
        return None
    return 1.0 if frame["close"][-1] > frame["close"].mean() else -1.0


@dataclass(frozen=True)
class Policy(OnnxPolicy):
    """The tiny model."""

    window: int = WINDOW


@dataclass(frozen=True)
class Signals(SignalFile):
    """The file."""


def write_policy(path: Path, last: str = "Sign") -> str:
    """Flatten the window, weigh it, and take ``last`` of the sum."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(5).normal(size=(WINDOW * 4, 1)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["bars"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weights"], ["sum"]),
            helper.make_node(last, ["sum"], ["target"]),
        ],
        "policy",
        [helper.make_tensor_value_info("bars", TensorProto.FLOAT, ["n", WINDOW, 4])],
        [helper.make_tensor_value_info("target", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(model)
    return str(path)


def write_signals(path: Path, rows: list[dict[str, Any]]) -> str:
    """A file of signals; each row needs symbol, open_time, target and available_at."""
    pl.DataFrame(rows).write_parquet(path)
    return str(path)


def policy(tmp_path: Path) -> Strategy:
    pytest.importorskip("onnxruntime")
    return Policy(model=write_policy(tmp_path / "policy.onnx"))


def signals(tmp_path: Path) -> Strategy:
    bars, _ = market(COUNT)
    rows = [
        {
            "symbol": row["symbol"],
            "open_time": row["open_time"],
            "target": float((index * 7) % 3 - 1),
            "available_at": row["open_time"] + timedelta(hours=index % 9),
        }
        for index, row in enumerate(bars.iter_rows(named=True))
    ]
    return Signals(path=write_signals(tmp_path / "signals.parquet", rows), valid_bars=3)


def function(tmp_path: Path) -> Strategy:
    return above_average()


KINDS = pytest.mark.parametrize("make", [function, policy, signals])


@KINDS
def test_kind_is_deterministic_and_independent_of_row_order(
    make: Callable[[Path], Strategy], tmp_path: Path
) -> None:
    bars, extras = market(COUNT)
    first = targets(make(tmp_path), bars, extras)
    assert first["target"].abs().sum() > 0
    assert first.equals(targets(make(tmp_path), bars, extras))
    assert first.equals(targets(make(tmp_path), bars.sample(fraction=1.0, shuffle=True, seed=1), extras))


@KINDS
def test_kind_does_not_look_ahead(make: Callable[[Path], Strategy], tmp_path: Path) -> None:
    bars, extras = market(COUNT)
    assert find_lookahead(make(tmp_path), bars, extras, cuts=6) is None


@KINDS
def test_kind_is_flat_during_its_warm_up(make: Callable[[Path], Strategy], tmp_path: Path) -> None:
    bars, extras = market(COUNT)
    strategy = make(tmp_path)
    given = targets(strategy, bars, extras)
    cold = bars_since_gap(given, strategy.timeframe) < strategy.warm_up
    assert given.filter(cold)["target"].unique().to_list() in ([], [0])
    assert targets(strategy, market(2)[0])["target"].abs().sum() == 0 or strategy.warm_up == 0


def test_callable_sees_its_lookback_of_one_symbol_up_to_now_and_nothing_else() -> None:
    seen: list[pl.DataFrame] = []

    @bar_by_bar(lookback=3)
    def witness(frame: pl.DataFrame) -> float:
        seen.append(frame)
        return 1.0

    flat = (1.0, 1.0, 1.0, 1.0)
    bars = candles({"AAAUSDT": [flat] * 4 + [None] + [flat] * 3, "BBBUSDT": [flat] * 2})
    strategy = witness()
    frame = strategy_frame(bars, strategy)
    decided = strategy.targets_of(frame)
    assert decided.to_list() == [None, None, 1.0, 1.0, None, None, 1.0, None, None]
    assert [[(time - START) // H4 for time in one["open_time"]] for one in seen] == [
        [0, 1, 2],
        [1, 2, 3],
        [5, 6, 7],
    ]
    assert all(one.columns == frame.columns and one["symbol"].n_unique() == 1 for one in seen)


def test_bar_by_bar_makes_a_strategy_of_the_function_s_name() -> None:
    strategy = above_average()
    assert isinstance(strategy, CallableStrategy)
    assert (strategy.name, strategy.lookback, strategy.warm_up) == ("above_average", WINDOW, WINDOW - 1)
    assert (strategy.needs, strategy.source) == (("funding_rate",), "the desk")
    assert "Long above the average" in (type(strategy).__doc__ or "")


@pytest.mark.parametrize("decision", ["long", 1j, [1.0]])
def test_callable_that_decides_no_number_is_refused(decision: object) -> None:
    strategy = bar_by_bar(lookback=2)(lambda frame: decision)()  # type: ignore[arg-type,return-value]
    with pytest.raises(BacktestError, match=r"decides .* It must be a number or None"):
        targets(strategy, market(10)[0])


def test_onnx_policy_gives_what_the_arithmetic_says(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    strategy = Policy(model=write_policy(tmp_path / "policy.onnx", "Tanh"))
    bars, _ = market(COUNT)
    frame = strategy_frame(bars, strategy).filter(symbol="BBBUSDT")
    found = strategy.targets_of(frame)
    weights = np.random.default_rng(5).normal(size=WINDOW * 4)
    row = int(np.flatnonzero(found.is_not_null().to_numpy())[20])
    prices = frame[row + 1 - WINDOW : row + 1].select("open", "high", "low", "close").to_numpy()
    assert found[row] == pytest.approx(np.tanh((prices / prices[-1, 3] - 1.0).ravel() @ weights), abs=1e-5)


def test_onnx_policy_decision_has_the_same_bits_whatever_comes_after_it(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    strategy = Policy(model=write_policy(tmp_path / "policy.onnx", "Tanh"))
    frame = strategy_frame(market(COUNT)[0], strategy).filter(symbol="AAAUSDT")
    whole = strategy.targets_of(frame)
    for length in (WINDOW, WINDOW + 1, 100, 255, 256, 257, 300):
        assert strategy.targets_of(frame.head(length)).equals(whole.head(length))


def test_onnx_policy_without_its_library_or_its_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars, _ = market(WINDOW + 5)
    with pytest.raises(BacktestError, match=r"reads 'policy\.onnx', which is not an absolute path"):
        targets(Policy(model="policy.onnx"), bars)
    with pytest.raises(BacktestError, match="there is no such file"):
        targets(Policy(model=str(tmp_path / "gone.onnx")), bars)
    (tmp_path / "empty.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BacktestError, match=r"needs onnxruntime.* pip install 'crypto-bt\[onnx\]'"):
        targets(Policy(model=str(tmp_path / "empty.onnx")), bars)


def test_onnx_policy_with_an_unreadable_or_unfit_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    bars, _ = market(WINDOW + 5)
    (tmp_path / "empty.onnx").write_bytes(b"not a model")
    with pytest.raises(BacktestError, match="is no model that can be run"):
        targets(Policy(model=str(tmp_path / "empty.onnx")), bars)
    with pytest.raises(BacktestError, match=r"does not take the input \(256, 13, 4\)"):
        targets(Policy(model=write_policy(tmp_path / "policy.onnx"), window=WINDOW + 1), bars)


def at(bar: int, hours: float = 0.0) -> Any:
    return START + H4 * bar + timedelta(hours=hours)


def follow(tmp_path: Path, rows: list[tuple[int, float, Any]], bars: int = 6, valid: int = 1) -> list[Any]:
    """Targets of ``bars`` bars under rows of (bar, target, available_at)."""
    keys = ("open_time", "target", "available_at")
    text = [
        {"symbol": "AAAUSDT", **dict(zip(keys, (at(bar), target, known), strict=True))}
        for bar, target, known in rows
    ]
    strategy = Signals(path=write_signals(tmp_path / "signals.parquet", text), valid_bars=valid)
    frame = candles({"AAAUSDT": [(1.0, 1.0, 1.0, 1.0)] * bars})
    return strategy.targets_of(strategy_frame(frame, strategy)).to_list()


def test_signal_file_row_counts_only_if_available_by_the_bar_s_close(tmp_path: Path) -> None:
    rows = [(0, 1.0, at(0)), (1, -1.0, at(2)), (2, 1.0, at(3, 0.001)), (4, 1.0, at(2))]
    assert follow(tmp_path, rows) == [1.0, -1.0, None, None, 1.0, None]


def test_signal_file_target_lasts_for_its_valid_bars_and_a_late_one_for_what_is_left(tmp_path: Path) -> None:
    rows = [(0, 1.0, at(1)), (3, -1.0, at(5))]
    assert follow(tmp_path, rows, bars=7, valid=3) == [1.0, 1.0, 1.0, None, -1.0, -1.0, None]


def test_signal_file_follows_the_newest_bar_in_its_newest_revision_known_then(tmp_path: Path) -> None:
    rows = [
        (0, 1.0, at(1)),
        (0, -1.0, at(2)),
        (2, 1.0, at(3)),
        (1, -1.0, at(4)),
    ]
    assert follow(tmp_path, rows, bars=5, valid=4) == [1.0, -1.0, 1.0, 1.0, 1.0]


def test_signal_file_of_other_symbols_and_no_rows_is_flat(tmp_path: Path) -> None:
    rows = [{"symbol": "ZZZUSDT", "open_time": at(0), "target": 1, "available_at": at(1)}]
    strategy = Signals(path=write_signals(tmp_path / "s.parquet", rows))
    assert targets(strategy, market(5)[0])["target"].abs().sum() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop("available_at"), "cannot read .* It must be Parquet with symbol"),
        (lambda frame: frame.with_columns(target=pl.lit("long")), "cannot read"),
        (lambda frame: pl.concat([frame, frame]), "two targets of AAAUSDT for 2025-01-06 00:00"),
        (
            lambda frame: frame.with_columns(available_at=pl.lit(None, frame.schema["open_time"])),
            "has rows without",
        ),
    ],
)
def test_signal_file_that_cannot_be_trusted_is_refused(
    tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], message: str
) -> None:
    frame = pl.DataFrame(
        {"symbol": ["AAAUSDT"], "open_time": [at(0)], "target": [1], "available_at": [at(1)]}
    )
    change(frame).write_parquet(tmp_path / "s.parquet")
    with pytest.raises(BacktestError, match=message):
        targets(Signals(path=str(tmp_path / "s.parquet")), market(5)[0])


def test_signal_file_content_digest_follows_the_file(tmp_path: Path) -> None:
    strategy = signals(tmp_path)
    before = content_digest(strategy)
    write_signals(tmp_path / "signals.parquet", [])
    assert content_digest(strategy) != before
