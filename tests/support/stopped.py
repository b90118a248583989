"""The data folder that a service would leave, made of a world."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tidegate.api import create_app
from tidegate.bootstrap import build
from tidegate.demo.processes import free_port
from tidegate.settings import Settings
from worlds import World


def stopped(world: World) -> Path:
    """Close a world; its folder is then that of a stopped service."""
    world.close()
    settings = Settings(data_dir=world.folder, manifest=str(world.remote))
    if not settings.clone_path.exists():
        (world.folder / "clone.git").rename(settings.clone_path)
    return world.folder


@contextmanager
def serving(world: World) -> Iterator[str]:
    """A service on the data of a world, which is closed; its address."""
    folder = stopped(world)
    # So long between fetches that the engine, which has another clock, does not act meanwhile.
    settings = Settings(data_dir=folder, manifest=str(world.remote), port=free_port(), poll_s=60.0)
    service = build(settings)
    config = uvicorn.Config(create_app(service), port=settings.port, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.05)
        yield f"http://127.0.0.1:{settings.port}"
    finally:
        server.should_exit = True
        thread.join()
