"""The first lines that run in the other Python: they take in the sources that travel, and begin to serve.

Sent as text, `python -c`, and written so that any Python 3.6 can read it and say in one line what is missing. Nothing
is written to the disk there: modules live in memory, and with them the entry points of the adapters.
"""

import json
import os
import struct
import sys
from typing import Any

OLDEST = (3, 10)


def _read(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(descriptor, min(size - len(data), 1 << 20))
        if not piece:
            os._exit(0)
        data += piece
    return data


def _frame(descriptor: int) -> Any:
    head, body = struct.unpack("<QQ", _read(descriptor, 16))
    header = json.loads(_read(descriptor, head).decode())
    _read(descriptor, body)
    return header


def _say(descriptor: int, values: Any) -> None:
    text = json.dumps(dict(values, sizes=[])).encode()
    os.write(descriptor, struct.pack("<QQ", len(text), 0) + text)


def _limit(arguments: Any) -> None:
    """Let the system hold this process, and all that it starts, to the limits that it was started with."""
    if not arguments:
        return
    import resource

    for name, most in json.loads(arguments[0]).items():
        known = getattr(resource, name, None)
        if known is not None:  # a system has those that it has
            hard = resource.getrlimit(known)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(known, (most, most))


def _follow(descriptor: int) -> None:
    """End this process, and all that it has started, when nobody is at the other end any more."""
    import select
    import signal
    import threading
    import time

    def follow() -> None:
        poll = select.poll()
        poll.register(descriptor, getattr(select, "POLLRDHUP", 0))
        while not any(event & ~select.POLLIN for _, event in poll.poll()):
            pass
        time.sleep(2.0)  # enough for what wants to end in order
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=follow, name="gnnp-bench: follow", daemon=True).start()


def _install(sources: Any, files: Any) -> None:
    """Make modules importable from their sources, and entry points found."""
    import importlib.abc
    import importlib.metadata
    import importlib.util

    class Distribution(importlib.metadata.Distribution):
        def read_text(self, filename: Any) -> Any:
            return files.get(filename)

        def locate_file(self, path: Any) -> Any:
            return path

    class Finder(importlib.metadata.DistributionFinder, importlib.abc.Loader):
        def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
            if fullname not in sources:
                return None
            is_package, _ = sources[fullname]
            origin = "<gnnp_bench>/" + fullname.replace(".", "/") + ".py"
            return importlib.util.spec_from_loader(fullname, self, origin=origin, is_package=is_package)

        def find_distributions(self, context: Any = None) -> Any:
            return [Distribution()] if getattr(context, "name", None) in (None, "gnnp-bench", "gnnp_bench") else []

        def create_module(self, spec: Any) -> Any:
            return None

        def get_source(self, fullname: str) -> Any:
            return sources[fullname][1]

        def exec_module(self, module: Any) -> None:
            name = module.__spec__.name
            exec(compile(sources[name][1], module.__spec__.origin, "exec"), module.__dict__)

    sys.meta_path.insert(0, Finder())


def _start() -> None:
    _limit(sys.argv[1:])
    del sys.argv[1:]
    # The channel has descriptors of its own: what a potential prints goes where complaints go, and what it reads is
    # nothing.
    questions, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if os.getpgid(0) != os.getpid():  # neither Ctrl-C nor a signal to the group of who asks is meant for this process
        os.setsid()
    if sys.version_info[:2] < OLDEST:
        told = "Python {}.{} is too old: at least {}.{} is needed".format(*sys.version_info[:2], *OLDEST)
        return _say(answers, {"refused": told})
    _follow(questions)
    first = _frame(questions)
    sys.path[:] = [entry for entry in sys.path if entry]
    _install(first["sources"], first["files"])
    try:
        import ase  # noqa: F401
        import numpy  # noqa: F401
    except ImportError as error:
        return _say(answers, {"refused": f"{error.name} cannot be imported there ({error})"})
    from gnnp_bench.environments.child import serve

    _say(answers, {"ready": "{}.{}.{}".format(*sys.version_info[:3])})
    serve(questions, answers)


_start()
