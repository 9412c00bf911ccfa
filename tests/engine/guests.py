"""Sound potentials that change the program around them, when they are loaded, evaluated, or fail."""

from __future__ import annotations

import ctypes
import decimal
import gc
import io
import locale
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import torch
from ase import Atoms

from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.analytic import smooth_pair

When: TypeAlias = Literal["loading", "evaluation", "failure", "first evaluation"]
Deed: TypeAlias = Callable[[], object]
Table: TypeAlias = Mapping[str, tuple[Deed, str]]
"""What is done, and how it is told, by name."""

SPECIES = ("Cu", "Au")
MODES: list[torch.inference_mode] = []
"""Kept, for they end with the object."""
FE_UPWARD = 0x800
"""Of <fenv.h> on x86."""


def close_descriptor() -> None:
    os.close(1)


def print_in_colour() -> None:
    sys.stdout = io.StringIO()


def into_a_scratch_directory() -> None:
    os.chdir(tempfile.gettempdir())


def log_to_a_handler() -> None:
    logging.basicConfig(level="DEBUG")


def flush() -> None:
    torch.set_flush_denormal(True)


def round_up() -> None:
    ctypes.CDLL(None).fesetround(FE_UPWARD)


def deterministic() -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)


def benchmark() -> None:
    torch.backends.cudnn.benchmark = True


def cudnn_deterministic() -> None:
    torch.backends.cudnn.deterministic = True


def no_tf32() -> None:
    torch.backends.cudnn.allow_tf32 = False


def tf32() -> None:
    torch.backends.cuda.matmul.allow_tf32 = True


def another_time_zone() -> None:
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()


def limit_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))


def precise_decimals() -> None:
    decimal.getcontext().prec = 50


def another_excepthook() -> None:
    sys.excepthook = print


def enter_inference() -> None:
    MODES.append(torch.inference_mode())
    MODES[-1].__enter__()


DECISIVE: Table = {
    "seed of Python": (partial(random.seed, 0), "random numbers of Python"),
    "draw of Python": (random.random, "random numbers of Python"),
    "seed of numpy": (partial(np.random.seed, 0), "random numbers of numpy"),
    "draw of numpy": (np.random.random, "random numbers of numpy"),
    "errors of numpy": (
        partial(np.seterr, invalid="ignore"),
        "errors of numpy (divide warn, over warn, under ignore, invalid warn"
        " -> divide warn, over warn, under ignore, invalid ignore)",
    ),
    "directory": (into_a_scratch_directory, "working directory"),
    "closed stream": (lambda: sys.stdout.close(), "sys.stdout (open -> closed)"),
    "closed descriptor": (close_descriptor, "file descriptor 1 (open -> closed)"),
    "rounding": (round_up, "rounding (to nearest -> up)"),
}
"""What has to count where an evaluation does it, and how it is told."""
OF_TORCH: Table = {
    "seed": (partial(torch.manual_seed, 0), "random numbers of torch"),
    "dtype": (
        partial(torch.set_default_dtype, torch.float64),
        "default dtype of torch (torch.float32 -> torch.float64)",
    ),
    "device": (partial(torch.set_default_device, "meta"), "default device of torch (cpu -> meta)"),
    "threads": (partial(torch.set_num_threads, 1), "threads of torch (3 -> 1)"),
    "gradients": (partial(torch._C._set_grad_enabled, False), "gradients of torch (True -> False)"),
    "autocast": (
        partial(torch.set_autocast_enabled, "cpu", True),
        "autocast of torch ([False, False] -> [True, False])",
    ),
    "deterministic": (
        deterministic,
        "deterministic algorithms of torch ((False, False) -> (True, True))",
    ),
    "benchmark": (benchmark, "benchmark mode of cuDNN (False -> True)"),
    "deterministic cuDNN": (cudnn_deterministic, "deterministic mode of cuDNN (False -> True)"),
    "no TF32": (no_tf32, "TF32 of cuDNN (True -> False)"),
    "TF32": (tf32, "TF32 of cuBLAS (False -> True)"),
    "flushing": (flush, "numbers below 2e-308 (kept -> flushed to zero)"),
}
"""The same for what torch keeps for the whole process."""
HARMLESS: Table = {
    "warnings": (partial(warnings.simplefilter, "ignore"), "warnings filters"),
    "signal": (partial(signal.signal, signal.SIGUSR1, signal.SIG_IGN), "handler of SIGUSR1 (default -> ignored)"),
    "locale": (partial(locale.setlocale, locale.LC_TIME, "C.UTF-8"), "locale LC_TIME"),
    "variable": (partial(os.environ.update, {"A_NEW_ONE": "1"}), "environment variable A_NEW_ONE (unset -> 1)"),
    "umask": (partial(os.umask, 0o027), "umask"),
    "stream": (print_in_colour, "sys.stdout (open -> replaced by StringIO)"),
    "root logger": (log_to_a_handler, "logger root (WARNING -> DEBUG, StreamHandler)"),
    "all loggers": (partial(logging.disable, logging.ERROR), "logging.disable (0 -> 40)"),
    "path": (partial(sys.path.append, "models"), "sys.path"),
    "hook": (another_excepthook, "sys.excepthook (excepthook -> print)"),
    "recursion": (partial(sys.setrecursionlimit, 5000), "recursion limit (1000 -> 5000)"),
    "garbage": (gc.disable, "garbage collection (on"),
    "print options": (partial(np.set_printoptions, precision=3), "print options of numpy"),
    "decimals": (precise_decimals, "decimal context (28 digits, ROUND_HALF_EVEN -> 50 digits, ROUND_HALF_EVEN)"),
    "alarm": (partial(signal.setitimer, signal.ITIMER_REAL, 3600.0), "alarm (none -> set)"),
    "time zone": (another_time_zone, "time zone"),
    "limit": (limit_files, "limit RLIMIT_NOFILE"),
}
"""What is told and never counts."""
WHILE_LOADING: Table = {
    "strict numpy": (partial(np.seterr, all="raise"), "errors of numpy"),
    "strict warnings": (partial(warnings.simplefilter, "error"), "warnings filters"),
    "inference": (enter_inference, "inference mode of torch (False -> True)"),
}
DEEDS = {**DECISIVE, **OF_TORCH, **HARMLESS, **WHILE_LOADING}


@dataclass(slots=True)
class Guest:
    """A sound potential with manners that show at one time."""

    deeds: Sequence[str]
    when: When
    sound: Potential = field(default_factory=lambda: smooth_pair(species=SPECIES))
    name: str = "guest"
    calls: int = 0

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        self.calls += 1
        foreign = {symbol for structure in structures for symbol in structure.symbols} - set(SPECIES)
        now = {"evaluation": True, "failure": bool(foreign), "first evaluation": self.calls == 1}
        if now.get(self.when, False):
            self.behave()
        if foreign:
            raise KeyError(min(foreign))
        return self.sound.evaluate(structures, properties)

    def behave(self) -> None:
        for name in self.deeds:
            DEEDS[name][0]()


def guest(deeds: Sequence[str], when: When) -> Guest:
    """Return a guest by the names of what it does: a bound method would be sent with a copy of what it belongs to."""
    made = Guest(deeds, when)
    if when == "loading":
        made.behave()
    return made
