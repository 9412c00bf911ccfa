"""Workers of Dask: a cluster of this machine, one that is there already, or one that a batch system is asked for."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from gnnp_bench.campaign import den
from gnnp_bench.campaign.executors import QUEUES, RECONNECT_S, ExecutorError, Workers, imported, surroundings
from gnnp_bench.campaign.work import Outcome, Work, outcome_from, to_bytes

PATIENCE = 60.0
"""Seconds in which a scheduler has to answer for the first time."""
PAUSE = 1.0
LEFT = ("PYTHONHASHSEED", "__DASK_PARENT_PID")
"""Variables that Dask sets in the very process that starts its workers, and leaves there."""


def workers(kind: str, rest: str, *, gpus: int, memory_gb: float | None) -> Workers:
    """Return the workers that an executor's text names: see `executors`.

    Raises
    ------
    ExecutorError
        If they cannot be had.
    """
    distributed = imported("distributed")
    cluster = None
    before = {name: os.environ.get(name) for name in LEFT}
    try:
        if "://" in rest:
            client = distributed.Client(rest, timeout=PATIENCE)
        elif kind == "dask":
            cluster = local(int(rest) if rest else (os.cpu_count() or 1))
            client = distributed.Client(cluster)
        else:
            cluster = queued(kind)
            cluster.scale(int(rest))
            client = distributed.Client(cluster)
    except (OSError, TimeoutError, ValueError) as error:
        raise ExecutorError(f"executor {kind}:{rest}: {' '.join(str(error).split())}") from error
    finally:
        _restore(before)
    led = _Led(distributed, client, cluster, rest if "://" in rest else "", gpus, memory_gb, before)
    size = int(rest) if rest.isdigit() else max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
    said = f"Dask's dashboard: {client.dashboard_link}" if client.dashboard_link else ""
    return Workers(size, led.give, _told, led.close, said, mend=led.mend)


def local(size: int) -> Any:
    """Return a cluster of Dask on this machine, with one task at a time for each worker."""
    distributed = imported("distributed")
    # Else it would set variables for its workers in this very process, and leave them: one tells the C library to give
    # back memory at once, which costs the reference potential a sixth of its time.
    with imported("dask").config.set({"distributed.nanny.pre-spawn-environ": {}}):
        return distributed.LocalCluster(
            n_workers=size,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            memory_limit=0,
            silence_logs=50,
        )


def queued(kind: str) -> Any:
    """Return a cluster that dask_jobqueue asks a batch system for, as its own configuration says.

    Raises
    ------
    ExecutorError
        If dask_jobqueue is not installed, or lacks a setting. The message names the file where it belongs.
    """
    with handlers_kept():  # for importing it makes Ctrl-C end the program at once
        made = getattr(imported("dask_jobqueue"), QUEUES[kind])
    try:
        return made()
    except (ValueError, TypeError) as error:
        section = kind.removeprefix("dask-")
        raise ExecutorError(
            f"{QUEUES[kind]} cannot be made: {' '.join(str(error).split())}; its settings stand in"
            f" ~/.config/dask/jobqueue.yaml under jobqueue: {section}:"
        ) from error


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """Leave to Ctrl-C and SIGTERM what they do now, whatever is imported."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                if handler is not None:  # which was set by a library in C
                    signal.signal(number, handler)


def carried(data: bytes, gpus: int, memory_gb: float | None) -> bytes:
    """Carry a task out in a process of the worker that this runs on."""
    number = 0
    if gpus:
        name = str(imported("distributed").get_worker().name)
        number = int(name) if name.isdigit() else 0
    return den.isolated_bytes(data, surroundings(number, gpus, memory_gb))


@dataclass(slots=True)
class _Led:
    """A client, and how it comes about again."""

    distributed: Any
    client: Any
    cluster: Any
    address: str
    gpus: int
    memory_gb: float | None
    before: dict[str, str | None]
    executor: Any = field(init=False)

    def __post_init__(self) -> None:
        self.executor = self.client.get_executor(pure=False)

    def give(self, work: Work) -> Future[Any]:
        future: Future[Any] = self.executor.submit(carried, to_bytes(work), self.gpus, self.memory_gb)
        return future

    def mend(self) -> None:
        """Find the scheduler again."""
        if not self.address:
            raise ExecutorError(
                "Dask's cluster on this machine has broken down: `campaign resume` begins with a new one"
            )
        with contextlib.suppress(Exception):  # what is left of the connection
            self.client.close(timeout=1.0)
        until = time.monotonic() + RECONNECT_S
        while True:
            try:
                self.client = self.distributed.Client(self.address, timeout=10.0)
                self.client.wait_for_workers(1, timeout=max(10.0, until - time.monotonic()))
                self.executor = self.client.get_executor(pure=False)
                return
            except (OSError, TimeoutError) as error:
                if time.monotonic() > until:
                    said = f"the scheduler {self.address} did not come back within {RECONNECT_S:g} s"
                    raise ExecutorError(said) from error
                time.sleep(PAUSE)

    def close(self) -> None:
        """Stop what is running, and end the cluster if it is ours."""
        with contextlib.suppress(Exception):  # it may be gone
            self.client.run(den.close_all)
        for each in (self.client, self.cluster):
            if each is not None:
                with contextlib.suppress(Exception):
                    each.close(timeout=10.0)
        _restore(self.before)  # a worker that was started again has set them again


def _restore(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _told(future: Future[Any]) -> Outcome:
    return outcome_from(future.result())
