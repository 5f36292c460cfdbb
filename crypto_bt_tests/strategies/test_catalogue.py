"""Finding and building strategies by file name."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.strategies import build_strategy, strategy_classes, strategy_names

FIFTEEN_LINES = '''"""Momentum: what rose goes on rising."""

from dataclasses import dataclass

import polars as pl

from crypto_bt.strategies import Strategy


@dataclass(frozen=True)
class Momentum(Strategy):
    length: int = 20
    warm_up = property(lambda self: self.length)

    def target(self) -> pl.Expr:
        return (pl.col("close") - pl.col("close").shift(self.length)).sign().over("symbol")
'''


def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> ModuleType:
    folder = tmp_path / f"house_{tmp_path.name}"
    folder.mkdir()
    for name, text in {"__init__": "", **files}.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return importlib.import_module(folder.name)


SHIPPED = {
    "bitcoin_spread", "buy_and_hold", "donchian_breakout", "ema_cross", "funding_carry", "regime_trend",
    "relative_momentum", "rsi_reversion", "short_term_reversal", "squeeze_breakout", "time_series_momentum",
}  # fmt: skip
FUNCTION = '''"""A function."""

import polars as pl

from crypto_bt.strategies import bar_by_bar


@bar_by_bar(lookback=5)
def decide(frame: pl.DataFrame) -> float:
    """Always long."""
    return 1.0
'''


def test_strategy_classes_ship_eleven_on_h4_each_with_its_source() -> None:
    classes = strategy_classes()
    assert set(classes) >= SHIPPED
    assert all(classes[name].source for name in SHIPPED)
    assert list(classes) == strategy_names()
    assert {classes[name].timeframe for name in SHIPPED} == {Timeframe.H4}
    assert all((cls.__doc__ or "").strip() for cls in classes.values())


def test_strategy_classes_new_file_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = package(tmp_path, monkeypatch, {"momentum": FIFTEEN_LINES})
    strategy = build_strategy("momentum", {"length": 5, "leverage": 2}, house)
    assert (strategy.name, strategy.warm_up) == ("momentum", 5)
    assert strategy.parameters == {"stop_loss": None, "take_profit": None, "leverage": 2.0, "length": 5}


def test_strategy_classes_function_in_a_file_has_the_file_s_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = package(tmp_path, monkeypatch, {"always_long": FUNCTION})
    assert build_strategy("always_long", package=house).name == "always_long"
    (tmp_path / house.__name__ / "deeper").mkdir()
    (tmp_path / house.__name__ / "deeper" / "__init__.py").touch()
    assert strategy_names(house) == ["always_long"], "a folder is no strategy"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X = 1\n", "defines 0 strategies"),
        (
            FIFTEEN_LINES + "\n\nclass Second(Momentum):\n    pass\n",
            r"defines 2 strategies \(Momentum, Second\)",
        ),
        ("import nothing_of_that_name\n", "broken.py fails: ModuleNotFoundError"),
        ("def (", "broken.py fails: SyntaxError"),
    ],
)
def test_strategy_classes_broken_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    house = package(tmp_path, monkeypatch, {"broken": text, "momentum": FIFTEEN_LINES})
    with pytest.raises(BacktestError, match=message):
        strategy_classes(house)
    assert build_strategy("momentum", package=house).name == "momentum"


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        (
            "ema_crossing",
            {},
            "no strategy 'ema_crossing'. There are: bitcoin_spread, buy_and_hold, donchian_breakout",
        ),
        (
            "ema_cross",
            {"fats": 3},
            "ema_cross has no parameter 'fats'. It has: stop_loss, take_profit, leverage, fast",
        ),
        ("ema_cross", {"fast": "3"}, "fast is '3'. It must be int"),
        ("ema_cross", {"fast": 3.5}, r"fast is 3\.5. It must be int"),
        ("ema_cross", {"fast": True}, "fast is True"),
        ("ema_cross", {"stop_loss": "wide"}, "stop_loss is 'wide'. It must be float"),
        ("ema_cross", {"fast": 50}, "ema_cross requires 1 <= fast < slow"),
        ("donchian_breakout", {"channel": 1}, "requires channel >= 2"),
        ("rsi_reversion", {"oversold": 50.0}, "requires length >= 2"),
    ],
)
def test_build_strategy_wrong_name_or_parameter_is_refused(
    name: str, parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(BacktestError, match=message):
        build_strategy(name, parameters)


def test_build_strategy_stop_loss_may_be_taken_away() -> None:
    assert build_strategy("donchian_breakout", {"stop_loss": None}).stop_loss is None
