"""The statistics against luck as tables, each with a sentence that says what it means to a trader."""

from dataclasses import dataclass

from crypto_bt.report.figures import DASH, count, interval, known, percent, percent_interval, ratio
from crypto_bt.report.stamp import Run, Stamp


@dataclass(frozen=True, slots=True)
class LuckTable:
    """``columns``: (name, what it means); ``rows``: (strategy, one text a column)."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def track_record(stamp: Stamp, sharpes: dict[str, float | None], days: int | None) -> LuckTable | None:
    """What the out-of-sample record of ``days`` days is worth by itself, given each strategy's Sharpe ratio;
    None where there is none."""
    runs = [run for run in stamp.judged if run.luck.get("probabilistic_sharpe") is not None]
    if not runs:
        return None
    columns = (
        ("Sharpe ratio", "The annual one of the days shown."),
        (
            "between (95\u00a0%)",
            "In 95 of 100 such records the true Sharpe ratio lies between these two; where 0 does, the "
            "record does not rule out that there is no edge.",
        ),
        (
            "above 0",
            "Probabilistic Sharpe ratio (PSR): the chance that the true Sharpe ratio is above 0, given how "
            "short and uneven the record is; from 95 % on it convinces.",
        ),
        (
            "days needed",
            "Minimum track record: for how many days such results must go on before an edge may be believed "
            f"with 95 %; the record has {count(days)}. A dash: no record of this kind is long enough.",
        ),
        (
            "worst drawdown (95\u00a0%)",
            "In 95 of 100 cases the deepest drawdown of the next equally long stretch lies between these "
            "two, if the market goes on as it was.",
        ),
        (
            "lost by choosing",
            "Degradation: the mean Sharpe ratio in training minus that of the days after; what the choice "
            "promised and did not keep.",
        ),
        (
            "same set again",
            "Stability: in how many of the windows the set of the window before was chosen; few: the "
            "training finds noise, or sets that are much alike.",
        ),
    )
    return LuckTable(columns, tuple((run.name, _record(run, sharpes.get(run.name))) for run in runs))


def search(stamp: Stamp) -> LuckTable | None:
    """What the best of all parameter sets is worth, given that it was searched for; None without figures."""
    names = ("deflated_sharpe", "pbo", "reality_check_p", "spa_p")
    runs = [run for run in stamp.judged if any(run.luck.get(name) is not None for name in names)]
    if not runs:
        return None
    columns = (
        (
            "sets",
            "How many were tried this night; in brackets, as how many independent ones they count.",
        ),
        (
            "deflated Sharpe",
            "Deflated Sharpe ratio (DSR): the chance that the best set is truly better than nothing, after "
            f"allowing for the luck of the best of the {count(stamp.trials)} trials counted so far; from "
            "95 % on it convinces.",
        ),
        (
            "overfitting",
            "Probability of backtest overfitting (PBO): how often the set that was best on one half of the "
            "time was below the median on the other half; at 50 % the choice is worth no more than a coin.",
        ),
        (
            "reality check",
            "White's reality check: the chance that the best of as many worthless sets earns at least as "
            "much as the best one did; below 5 % luck alone hardly explains it.",
        ),
        (
            "SPA",
            "Hansen's test for superior predictive ability: the same question, each set measured by its own "
            "risk, and without letting hopeless sets excuse the good ones; the one to judge by.",
        ),
    )
    return LuckTable(columns, tuple((run.name, _searched(run)) for run in runs))


def _record(run: Run, sharpe: float | None) -> tuple[str, ...]:
    luck = run.luck
    return (
        ratio(sharpe),
        interval(luck.get("sharpe_low"), luck.get("sharpe_high")),
        _chance(luck.get("probabilistic_sharpe")),
        count(luck.get("minimum_track_record_days")),
        percent_interval(luck.get("drawdown_low"), luck.get("drawdown_high")),
        ratio(luck.get("degradation")),
        _chance(luck.get("stability")),
    )


def _searched(run: Run) -> tuple[str, ...]:
    luck = run.luck
    independent = known(luck.get("effective_trials"))
    sets = count(run.parameter_sets)
    return (
        sets if independent is None or sets == DASH else f"{sets} ({count(independent)})",
        _chance(luck.get("deflated_sharpe")),
        _chance(luck.get("pbo")),
        _chance(luck.get("reality_check_p")),
        _chance(luck.get("spa_p")),
    )


def _chance(value: object) -> str:
    return percent(value, signed=False)
