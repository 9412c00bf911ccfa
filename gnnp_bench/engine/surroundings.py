"""What a process looks like around a potential: all that its parts share, in words, and what another potential says.

torch is looked at where something else has imported it.
"""

from __future__ import annotations

import decimal
import gc
import importlib
import locale
import logging
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np

Surroundings: TypeAlias = dict[str, str]
"""What each part of a process is like, by the name of the part."""

SEED = 271828
"""Of the random numbers before anything is loaded: one that nobody else begins with."""
THREADS = 3
"""Of torch before anything is loaded: a number that nobody asks for."""
WITNESS = "another potential"
"""How names of what a second potential says begin."""
LIMITS = ("RLIMIT_NOFILE", "RLIMIT_STACK", "RLIMIT_CORE")


def settle() -> None:
    """Bring random numbers and torch's threads to what is the same in every process, and to nobody's default."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002  # the generator that all of numpy's older functions share
    if "torch" in sys.modules:
        torch = importlib.import_module("torch")
        torch.manual_seed(SEED)
        torch.set_num_threads(THREADS)


def surroundings() -> Surroundings:
    """Return what this process is like now. Looking changes nothing."""
    found = _interpreter() | _environment() | _streams() | _signals() | _loggers() | _numpy() | _arithmetic()
    return found | _torch() if "torch" in sys.modules else found


def _interpreter() -> dict[str, str]:
    context = decimal.getcontext()
    main = threading.current_thread() is threading.main_thread()
    return {
        "random numbers of Python": _digest(random.getstate()),
        "warnings filters": f"{len(warnings.filters)} {_digest([str(f) for f in warnings.filters])}",
        "recursion limit": str(sys.getrecursionlimit()),
        "switch interval of threads": str(sys.getswitchinterval()),
        "garbage collection": f"{'on' if gc.isenabled() else 'off'}, {gc.get_threshold()}",
        "sys.path": f"{len(sys.path)} directories {_digest(sys.path)}",
        "sys.excepthook": _called(sys.excepthook),
        "sys.unraisablehook": _called(sys.unraisablehook),
        "sys.displayhook": _called(sys.displayhook),
        "threading.excepthook": _called(threading.excepthook),
        "trace function": _called(sys.gettrace()),
        "profile function": _called(sys.getprofile()),
        "decimal context": f"{context.prec} digits, {context.rounding}",
        "start method of processes": multiprocessing.get_start_method(allow_none=True) or _usual_start(),
        "alarm": "set" if main and any(signal.getitimer(signal.ITIMER_REAL)) else "none",
    }


def _usual_start() -> str:
    # Not by asking for the method in use, which fixes it.
    return multiprocessing.get_all_start_methods()[0]


def _environment() -> dict[str, str]:
    found = {f"environment variable {name}": _shown(value) for name, value in os.environ.items()}
    found["working directory"] = _directory()
    found["umask"] = f"{_umask():03o}"
    found["time zone"] = "/".join(time.tzname)
    for name in ("LC_COLLATE", "LC_CTYPE", "LC_MONETARY", "LC_NUMERIC", "LC_TIME"):
        found[f"locale {name}"] = str(locale.setlocale(getattr(locale, name), None))
    if hasattr(os, "sched_getaffinity"):
        found["processors to run on"] = str(len(os.sched_getaffinity(0)))
    return found | _limits()


def _limits() -> dict[str, str]:
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # an operating system without
        return {}
    return {f"limit {name}": str(resource.getrlimit(getattr(resource, name))[0]) for name in LIMITS}


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "gone"


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _streams() -> dict[str, str]:
    found = {}
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        usual = stream is getattr(sys, f"__{name}__")
        kind = "open" if usual else f"replaced by {'None' if stream is None else type(stream).__name__}"
        found[f"sys.{name}"] = "closed" if getattr(stream, "closed", False) else kind
        try:
            status = os.fstat(descriptor)
            found[f"file descriptor {descriptor}"] = f"open {_digest((status.st_dev, status.st_ino))}"
        except OSError:
            found[f"file descriptor {descriptor}"] = "closed"
    return found


def _signals() -> dict[str, str]:
    names: dict[Any, str] = {signal.SIG_DFL: "default", signal.SIG_IGN: "ignored", None: "set by a library in C"}
    handlers = {number: signal.getsignal(number) for number in signal.Signals}
    return {
        f"handler of {number.name}": names[handler] if handler in names else _called(handler)
        for number, handler in handlers.items()
    }


def _loggers() -> dict[str, str]:
    manager = logging.root.manager
    loggers: dict[str, logging.Logger] = {"root": logging.root}
    loggers |= {name: one for name, one in manager.loggerDict.items() if isinstance(one, logging.Logger)}
    found = {"logging.disable": str(manager.disable)}
    for name, logger in loggers.items():
        handlers = "".join(f", {type(handler).__name__}" for handler in logger.handlers)
        silent = ", disabled" if logger.disabled else ""
        found[f"logger {name}"] = f"{logging.getLevelName(logger.level)}{handlers}{silent}"
    return found


def _numpy() -> dict[str, str]:
    return {
        "random numbers of numpy": _digest(np.random.get_state()),  # noqa: NPY002
        "errors of numpy": ", ".join(f"{kind} {what}" for kind, what in np.geterr().items()),
        "print options of numpy": _digest(sorted((k, str(v)) for k, v in np.get_printoptions().items())),
    }


def _arithmetic() -> dict[str, str]:
    """Return what the processor does with numbers, found by what comes out."""
    smallest, tiny = float(sys.float_info.min), float(np.ldexp(1.0, -60))
    up, down = 1.0 + tiny > 1.0, -1.0 - tiny < -1.0
    toward = "nearest" if not up and not down and 1.0 - tiny == 1.0 else "up" if up else "down" if down else "zero"
    return {
        "numbers below 2e-308": "flushed to zero" if smallest / 2.0 == 0.0 else "kept",
        "rounding": f"to {toward}" if toward in ("nearest", "zero") else toward,
    }


def _torch() -> dict[str, str]:
    torch: Any = importlib.import_module("torch")
    cudnn = torch.backends.cudnn
    parts: dict[str, Callable[[], object]] = {
        "default dtype of torch": torch.get_default_dtype,
        "default device of torch": lambda: torch.get_default_device(),
        "threads of torch": torch.get_num_threads,
        "gradients of torch": torch.is_grad_enabled,
        "inference mode of torch": torch.is_inference_mode_enabled,
        "deterministic algorithms of torch": lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        "autocast of torch": lambda: [torch.is_autocast_enabled(device) for device in ("cpu", "cuda")],
        "anomaly detection of torch": torch.is_anomaly_enabled,
        "float32 matrix products of torch": torch.get_float32_matmul_precision,
        "float32 precision of torch": lambda: torch.backends.fp32_precision,
        "TF32 of cuBLAS": lambda: torch.backends.cuda.matmul.allow_tf32,
        "TF32 of cuDNN": lambda: cudnn.allow_tf32,
        "cuDNN": lambda: "on" if cudnn.enabled else "off",
        "benchmark mode of cuDNN": lambda: cudnn.benchmark,
        "deterministic mode of cuDNN": lambda: cudnn.deterministic,
        "random numbers of torch": lambda: _digest(torch.get_rng_state().numpy().tobytes()),
        "print options of torch": lambda: _digest(str(torch._tensor_str.PRINT_OPTS)),
    }
    if torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            parts[f"random numbers of torch on cuda:{device}"] = partial(_of_device, torch, device)
    with warnings.catch_warnings():  # torch warns of some of its own settings, which may count as an error here
        warnings.simplefilter("ignore")
        return {name: _told(part) for name, part in parts.items()}


def _of_device(torch: Any, device: int) -> str:
    return _digest(torch.cuda.get_rng_state(device).numpy().tobytes())


def _told(part: Callable[[], object]) -> str:
    try:
        return str(part())
    except (AttributeError, RuntimeError, TypeError):  # another version; or two ways of setting one thing were mixed
        return "not told"


def _shown(value: str) -> str:
    """Return a value of the environment, where it is short: a certificate is no place for paths and secrets."""
    return value if len(value) <= 16 else f"{len(value)} characters {_digest(value)}"


def _called(function: Any) -> str:
    return "none" if function is None else str(getattr(function, "__qualname__", type(function).__name__))


def _digest(value: object) -> str:
    data = value if isinstance(value, bytes) else repr(value).encode(errors="surrogatepass")
    return f"#{crc32(data):08x}"
