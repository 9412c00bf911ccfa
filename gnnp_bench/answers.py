"""What a potential does instead of answering."""

from __future__ import annotations

from gnnp_bench.potential import Unsupported


class InvalidPrediction(Exception):
    """A potential returned something else than it was asked for: a wrong number, a wrong shape, a missing property."""


class CannotBeSent(Unsupported):
    """Nothing can be evaluated elsewhere, for another process cannot be told how to load the potential."""


class EndedProcess(InvalidPrediction):
    """A process that evaluates elsewhere is not there any more: the potential, or a library below it, ended it."""


class OverwrittenPrediction(InvalidPrediction):
    """What a potential returned before has changed: it uses a buffer again."""


class MissingPrediction(InvalidPrediction):
    """A potential left out what it declares and was asked for, without refusing it."""


class EndedProgram(InvalidPrediction):
    """A potential ended the program (`sys.exit`) instead of answering or raising."""


class NonFinitePrediction(InvalidPrediction):
    """A potential returned NaN or an infinity."""
