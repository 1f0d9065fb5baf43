from pathlib import Path

import pytest
from preloaded import python
from servers import Database, tracking_server
from two_drivers import share

TRIALS = 6


@pytest.mark.usefixtures("undrawn")
def test_two_machines_on_one_server_record_each_trial_once_though_it_is_killed_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    address = database.new("two_drivers")
    with tracking_server(address, tmp_path / "server") as server:
        shared = share(address, server, tmp_path, TRIALS, away=1, python=python())
    assert shared.faults(TRIALS) == [], [driver.errors for driver in shared.drivers]
    assert sum(shared.by_machine.values()) == TRIALS
