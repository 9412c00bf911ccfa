"""Why a property has no value: a sentence in place of a number."""

from __future__ import annotations


class NoValue(Exception):
    """A crystal that melts, explodes or has no minimum: raised by a property instead of returning a number.

    Its message is one sentence, for whoever asked for the property.
    """
