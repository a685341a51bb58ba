"""The way to a Ray cluster that was started with `ray start`."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cut.errors import CutError

CONNECT_SECONDS = 10


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The package `ray`, connected to the cluster at `address` (`auto`, or HOST:PORT).

    Raises:
        CutError: Ray is not installed, or there is no cluster.
    """
    # Ray reports how it is used unless told not to; that is decided where a cluster is started.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise CutError(
            "--ray needs a package that is not installed: pip install 'ray>=2.60,<3'"
        ) from error
    _refuse_silent(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, ImportError) as error:
        raise _no_cluster(address, last_line(error)) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _refuse_silent(address: str) -> None:
    """Raise CutError if nobody listens at HOST:PORT: Ray would ask for minutes on end."""
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdigit()):
        raise CutError(f"--ray {address}: give auto, or HOST:PORT of a cluster's head")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, str(error) or type(error).__name__) from error


def _no_cluster(address: str, why: str) -> CutError:
    return CutError(
        f"no Ray cluster at {address} ({why}): start one with ray start --head here, and ray start "
        "--address=HOST:PORT on the other machines"
    )


def last_line(error: Exception) -> str:
    """What an error that came over the network says, without its traces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
