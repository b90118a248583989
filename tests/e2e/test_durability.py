"""kill -9 under load: what was acknowledged is there afterwards, and nothing is there twice."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import duckdb

from tidegate.demo import processes
from tidegate.demo.sample_manifest import SampleManifest
from tidegate_sdk import Client

_KILLS = 4


def test_no_acknowledged_event_is_lost_and_none_is_stored_twice(tmp_path: Path) -> None:
    engineer = SampleManifest(tmp_path, "support")
    engineer.begin("v1")
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    acknowledged: list[str] = []
    done = threading.Event()

    def send() -> None:
        number = 0
        with Client(url, patience_s=60) as client:
            while not done.is_set():
                batch = [_event(number + offset) for offset in range(50)]
                client.send(batch)
                acknowledged.extend(each["event_id"] for each in batch)
                number += 50

    moments = random.Random(5)
    with processes.service(tmp_path, str(engineer.remote), port, poll_s=1.0) as service:
        processes.wait_until_ready(service, url)
        service.watch(lambda _: None)
        sender = threading.Thread(target=send)
        sender.start()
        for _ in range(_KILLS):
            time.sleep(moments.uniform(0.2, 1.0))
            _kill(service)
            processes.wait_until_ready(service, url)
        done.set()
        sender.join()
    stored = _stored_ids(tmp_path)
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored)
    assert len(acknowledged) > 1000


def _event(number: int) -> dict[str, object]:
    return {
        "event_id": f"e{number}",
        "unit": f"u{number % 97}",
        "agent": "support",
        "kind": "safety",
        "name": "error",
    }


def _kill(service: processes.Watched) -> None:
    """kill -9, and wait until the service was started again."""
    killed = service.pid
    os.kill(killed, signal.SIGKILL)
    give_up_at = time.monotonic() + 30
    while service.pid == killed:
        assert time.monotonic() < give_up_at, "the service was not started again"
        time.sleep(0.01)


def _stored_ids(folder: Path) -> list[str]:
    connection = duckdb.connect(str(folder / "events.duckdb"), read_only=True)
    rows = connection.execute("SELECT event_id FROM events").fetchall()
    connection.close()
    return [row[0] for row in rows]
