"""A desk whose real alert sensors are ticked by hand, and the loopback Telegram that they write to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.execute import JobOutcome, open_instance, run_job
from crypto_bt.simulator.telegram import LoopbackTelegram, running
from crypto_bt_tests.alerts.samples import CHAT, TOKEN
from crypto_bt_tests.defs.desk_home import DeskHome, TurnableClock, desk_home

SOURCES = ("check_failures", "run_failures", "freshness_changes")


@dataclass
class AlertWatch:
    """Ticks the sensors of ``home``; ``cursors`` is what Dagster would keep of each."""

    home: DeskHome
    telegram: LoopbackTelegram
    cursors: dict[str, str | None] = field(default_factory=dict)
    _sensors: dict[str, dg.SensorDefinition] = field(default_factory=dict)

    @property
    def clock(self) -> TurnableClock:
        """The desk's."""
        return self.home.clock

    @property
    def texts(self) -> list[str]:
        """What arrived."""
        return [sent.text for sent in self.telegram.sent]

    def tick(self, *names: str) -> int:
        """One tick of each of the sensors ``names``; of all of alerts without a name. Runs asked for."""
        runs = 0
        if not self._sensors:
            found = build_definitions(self.home.desk).sensors or []
            self._sensors = {item.name: item for item in found if isinstance(item, dg.SensorDefinition)}
        with open_instance(self.home.desk.home) as instance:
            for name in names or (*SOURCES, "alert_outbox"):
                context = dg.build_sensor_context(
                    instance=instance, cursor=self.cursors.get(name), resources={"desk": self.home.desk}
                )
                answer = self._sensors[name](context)
                assert isinstance(answer, dg.SensorResult)
                self.cursors[name] = answer.cursor
                runs += len(answer.run_requests or [])
        return runs

    def told(self) -> list[str]:
        """What arrives within the quarter of an hour after this; the messages are forgotten then."""
        self.tick()
        self.clock.now += timedelta(minutes=6)
        self.tick("alert_outbox")
        found = self.texts
        self.telegram.sent.clear()
        return found

    def validate(self) -> JobOutcome:
        """Run every check."""
        return run_job("data_validation", self.home.desk, tags=self.home.all_symbols())

    def check(self, asset: str = "candles_1h", name: str = "data_age") -> bool:
        """Run one check alone; whether it passed."""
        job = build_definitions(self.home.desk).resolve_job_def("data_validation")
        alone = job.get_subset(
            asset_selection=set(), asset_check_selection={dg.AssetCheckKey(dg.AssetKey(asset), name)}
        )
        with open_instance(self.home.desk.home) as instance:
            done = alone.execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        [evaluation] = done.get_asset_check_evaluations()
        return evaluation.passed


@contextmanager
def alert_watch(root: Path, symbols: tuple[str, ...], now: datetime, **settings: str) -> Iterator[AlertWatch]:
    """A watch on a home whose alerts go to a loopback Telegram."""
    holder: list[TurnableClock] = []
    server = LoopbackTelegram(TOKEN, lambda: holder[0].now.timestamp())
    with (
        running(server),
        desk_home(
            root,
            symbols,
            now,
            TELEGRAM_BOT_TOKEN=TOKEN,
            TELEGRAM_CHAT_ID=CHAT,
            TELEGRAM_API_URL=server.url,
            **settings,
        ) as home,
    ):
        holder.append(home.clock)
        yield AlertWatch(home, server)
