"""Where tasks run: anything that offers the interface of `concurrent.futures.Executor`.

``here``
    In the process that leads, one task after the other. A potential that ends its process ends the campaign.
``processes:N``
    In N processes of this machine.
``dask:``
    A cluster of Dask on this machine, with a worker for each core; ``dask:N`` with N of them.
``dask:tcp://HOST:PORT``
    A cluster of Dask that is there already.
``dask-slurm:N``
    N workers that dask_jobqueue asks SLURM for, as its configuration says; so with ``dask-pbs``, ``dask-sge``,
    ``dask-lsf``, ``dask-oar``, ``dask-htcondor``, ``dask-moab``.
``package.module:factory``
    What a factory of yours returns.

But for ``here``, each task runs in a process of its worker (`den`), whatever the executor: so a death is charged to its
task, a time limit holds, and the executor's own workers live on.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from gnnp_bench.campaign import den
from gnnp_bench.campaign.den import Surroundings
from gnnp_bench.campaign.work import Outcome, Work, outcome_from, to_bytes

QUEUES = {
    "dask-slurm": "SLURMCluster",
    "dask-pbs": "PBSCluster",
    "dask-sge": "SGECluster",
    "dask-lsf": "LSFCluster",
    "dask-oar": "OARCluster",
    "dask-htcondor": "HTCondorCluster",
    "dask-moab": "MoabCluster",
}
"""Classes of dask_jobqueue."""
KINDS = (
    f"here, processes:N, dask:, dask:tcp://HOST:PORT, {', '.join(f'{name}:N' for name in QUEUES)},"
    " package.module:factory"
)
RECONNECT_S = 300.0
"""Seconds that a scheduler which is gone may take to come back."""


class ExecutorError(ValueError):
    """Workers cannot be had. The message is one line."""


@dataclass(slots=True)
class Workers:
    """An executor, and how it is used.

    Attributes
    ----------
    size : int
        Tasks that run side by side.
    give : callable
        Hands it a task.
    told : callable
        Returns the outcome of a future that is done.
    close : callable
        Ends the workers, and what they are doing.
    said : str
        What the user should know, such as where the dashboard is.
    isolated : bool
        Whether a death costs its task alone.
    """

    size: int
    give: Callable[[Work], Future[Any]]
    told: Callable[[Future[Any]], Outcome]
    close: Callable[[], None]
    said: str = ""
    isolated: bool = True
    mend: Callable[[], None] = field(default=lambda: None)


def is_known(text: str) -> bool:
    """Return whether a text names an executor, as far as can be seen without starting it."""
    kind, colon, rest = text.partition(":")
    if kind == "here":
        return not colon
    if kind == "processes" or kind in QUEUES:
        return rest.isdigit() and int(rest) > 0
    if kind == "dask":
        return bool(colon) and (not rest or "://" in rest or (rest.isdigit() and int(rest) > 0))
    return bool(colon) and all(word.isidentifier() for word in (*kind.split("."), *rest.split(".")))


def workers(text: str, *, gpus: int = 0, memory_gb: float | None = None) -> Workers:
    """Start the workers that a text names.

    Raises
    ------
    ExecutorError
        If they cannot be started, or a package is missing.
    """
    kind, _, rest = text.partition(":")
    if kind == "here":
        return _here()
    if kind == "processes":
        return _processes(int(rest), gpus, memory_gb)
    if kind == "dask" or kind in QUEUES:
        from gnnp_bench.campaign import clusters

        return clusters.workers(kind, rest, gpus=gpus, memory_gb=memory_gb)
    return _foreign(text, memory_gb)


def _here() -> Workers:
    from gnnp_bench.campaign.worker import carry_out, forget

    def give(work: Work) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(carry_out(work))
        return future

    return Workers(1, give, _outcome, forget, isolated=False)


def _processes(size: int, gpus: int, memory_gb: float | None) -> Workers:
    numbers = iter(range(size))
    place = threading.local()

    def settle() -> None:
        place.surroundings = surroundings(next(numbers), gpus, memory_gb)

    def carry(work: Work) -> Outcome:
        return den.isolated(work, place.surroundings)

    executor = ThreadPoolExecutor(size, thread_name_prefix="campaign", initializer=settle)

    def close() -> None:
        executor.shutdown(wait=False, cancel_futures=True)
        den.close_all()
        executor.shutdown(wait=True)

    return Workers(size, lambda work: executor.submit(carry, work), _outcome, close)


def surroundings(number: int, gpus: int, memory_gb: float | None) -> Surroundings:
    """Return what the process of a worker is like: of several devices it sees one."""
    if not gpus:
        return Surroundings({}, memory_gb)
    visible = [part for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part]
    devices = visible or [str(device) for device in range(gpus)]
    return Surroundings({"CUDA_VISIBLE_DEVICES": devices[number % min(gpus, len(devices))]}, memory_gb)


def _foreign(text: str, memory_gb: float | None) -> Workers:
    from gnnp_bench.adapters import _factory
    from gnnp_bench.potential import PotentialError

    try:
        made = _factory.call(text, _factory.resolve(text), {})
    except PotentialError as error:
        raise ExecutorError(f"executor {text}: {error}") from error
    if not isinstance(made, Executor) and not callable(getattr(made, "submit", None)):
        raise ExecutorError(
            f"executor {text} made an object of type {type(made).__name__}, which has no method submit: it must make a"
            " concurrent.futures.Executor"
        )
    stack = ExitStack()
    executor: Any = made
    if hasattr(made, "__enter__"):
        executor = stack.enter_context(executor)
    size = next(
        (value for name in ("max_workers", "_max_workers") if isinstance(value := getattr(executor, name, None), int)),
        os.cpu_count() or 1,
    )
    how = Surroundings({}, memory_gb)

    def give(work: Work) -> Future[Any]:
        future: Future[Any] = executor.submit(den.isolated_bytes, to_bytes(work), how)
        return future

    def close() -> None:
        if isinstance(executor, Executor):
            executor.shutdown(wait=False, cancel_futures=True)
        den.close_all()
        stack.close()

    return Workers(size, give, lambda future: outcome_from(future.result()), close)


def _outcome(future: Future[Any]) -> Outcome:
    found: Outcome = future.result()
    return found


def imported(name: str, extra: str = "campaign") -> Any:
    """Return a module of a package that is an extra.

    Raises
    ------
    ExecutorError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ExecutorError(f"{error.name} is not installed: pip install 'gnnp-bench[{extra}]'") from error
