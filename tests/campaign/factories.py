"""Executors of a user."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor


def threads() -> Executor:
    return ThreadPoolExecutor(2)


def nothing() -> object:
    return object()
