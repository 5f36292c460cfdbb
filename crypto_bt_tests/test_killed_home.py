"""Everything killed in the middle of a night: no run stays behind, and the home goes on where it was."""

from pathlib import Path

from crypto_bt_tests.command_line import run
from crypto_bt_tests.service import Service, free_port, suspend


def test_no_run_stays_started_after_everything_was_killed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run("demo", "--symbols", "1", "--days", "3", "--home", str(home))
    [night] = [path.stem for path in (home / "results" / "nights").glob("*.json")]
    with Service(home, free_port()) as service:
        service.start()
        begun = service.begin_night(night)
        suspend(service.night()["night"])
        assert service.status(begun) == "STARTED"
        service.kill_everything()
        assert service.undead() == [begun], "the fault must have left a run behind that nobody executes"
        service.start()
        assert service.undead() == []
        assert service.status(begun) == "FAILURE"
        # Its place in the queue is free: the retry runs to its end.
        service.wait_until(lambda: "SUCCESS" in service.nights_after(begun), 120.0)
        assert service.most_nights == 1
        assert (service.orphans(), service.zombies()) == ([], [])
    assert service.all() == []
