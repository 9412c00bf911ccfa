"""The last line of a terminal while a run goes on: a bar, which check is running, how much time is left.

A pipe gets none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

from gnnp_bench.engine.settings import Step
from gnnp_bench.report.text import duration

BAR = 16


@contextmanager
def live(console: Console, ids: Sequence[str], *, one_by_one: bool) -> Iterator[Callable[[Step], object]]:
    """Show how far a run is, and give a function that is told each step.

    Parameters
    ----------
    console : Console
    ids : sequence of str
        The checks that are run, in their order.
    one_by_one : bool
        Whether the next of them is the one that is running; of several processes, each has its own.
    """
    if not console.is_terminal:
        yield lambda step: None
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(BAR), TextColumn("{task.completed}/{task.total} {task.description} [dim]{task.fields[left]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("structures and noise floor", total=len(ids), left="")

        def tell(step: Step) -> None:
            finished = {result.id for result in step.certificate.checks}
            to_come = [check_id for check_id in ids if check_id not in finished]
            what = to_come[0] if one_by_one and to_come else "checks"
            left = "" if step.seconds_left is None or not to_come else f"~{duration(step.seconds_left)} left"
            bar.update(task, completed=step.done, total=step.total, description=what, left=left)

        yield tell
