"""What a law must be made of, told in one sentence where it is not.

Laws are written by many. What is wrong with one is found where it is made, before an hour is spent on it; what only
shows while it runs is told with the name of the function that did it.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Collection, Iterator, Mapping
from numbers import Real
from typing import Any, get_args

import numpy as np
from ase import Atoms

from gnnp_bench.binding import Binding, Category, Studied
from gnnp_bench.potential import ALL_PROPERTIES, Claim

ID = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*/[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
ARGUMENTS = {
    "draw": ("rng", "view"),
    "near": ("rng", "case"),
    "simpler": ("case",),
    "measure": ("case",),
    "applies": ("capabilities",),
    "tell": ("told",),
    "pictures": ("told",),
}
"""What the functions of a check are called with."""


class LawError(ValueError):
    """A law is not made as it must be. The message is one sentence and says how to mend it."""


def refuse(problems: Iterator[str], whose: str) -> None:
    """Refuse a value for the first of its problems.

    Raises
    ------
    LawError
        If there is one.
    """
    for problem in problems:
        raise LawError(f"{whose}: {problem}")


def kind(value: object) -> str:
    """Return what a value is, in words.

    Examples
    --------
    >>> kind(0.5), kind(Atoms("Cu")), kind(None)
    ('a float', 'an Atoms', 'None')
    """
    if value is None:
        return "None"
    name = type(value).__name__
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"{'an' if name[0] in 'aeiouAEIO' else 'a'} {name}"


def check_problems(check: Any) -> Iterator[str]:
    """Yield what is wrong with a check. The types of its attributes are not trusted."""
    if not (isinstance(check.id, str) and ID.fullmatch(check.id)):
        yield (
            f"the id must read family/name in lower case, such as 'mylab/repulsion', with letters, digits, '-', '_' or"
            f" '.', not {check.id!r}"
        )
    for name in ("law", "source", "tolerance", "physics"):
        if not (isinstance(getattr(check, name), str) and getattr(check, name).strip()):
            yield f"{name} must be a text that is not empty, not {getattr(check, name)!r}"
    yield from _kind_of_law_problems(check)
    yield from _properties_problems("needs", check.needs)
    for name, arguments in ARGUMENTS.items():
        yield from _callable_problems(name, getattr(check, name), arguments)
    if not isinstance(check.feature, str | None):
        yield f"feature must be a text or None, not {kind(check.feature)}"
    yield from _factor_problems(check.factors)
    if not (_is_number(check.weight) and 0.0 < check.weight < math.inf):
        yield f"weight must be a number above 0, not {check.weight!r}"
    for name, least in (("cost", 0), ("base_points", 1), ("side_by_side", 1)):
        value = getattr(check, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            yield f"{name} must be a whole number of at least {least}, not {value!r}"
    if check.studied not in get_args(Studied):
        yield f"studied must be one of {', '.join(map(repr, get_args(Studied)))}, not {check.studied!r}"
    if not isinstance(check.without_pool, bool):
        yield f"without_pool must be True or False, not {check.without_pool!r}"


def _kind_of_law_problems(check: Any) -> Iterator[str]:
    if check.category not in get_args(Category):
        yield f"the category must be one of {', '.join(get_args(Category))}, not {check.category!r}"
    if check.claim is not None and check.claim not in get_args(Claim):
        yield f"the claim must be None or one of {', '.join(get_args(Claim))}, not {check.claim!r}"
    if check.category == "claimed" and check.claim is None:
        yield f"a claimed law must name its claim, one of {', '.join(get_args(Claim))}"
    binding = check.binding
    if binding is None:
        return
    if not isinstance(binding, Binding):
        yield f"binding must be a Binding or None, not {kind(binding)}"
    elif binding.category not in ("mandatory", "claimed"):
        yield f"the category of binding must be 'mandatory' or 'claimed', not {binding.category!r}"
    elif binding.category == "claimed" and check.claim is None:
        yield "a law that is binding where it is claimed must name its claim"
    else:
        yield from _callable_problems("where of binding", binding.where, ("capabilities",))


def _callable_problems(name: str, function: Any, arguments: tuple[str, ...]) -> Iterator[str]:
    called = f"{name}({', '.join(arguments)})"
    if not callable(function):
        yield f"{name} must be a function, called as {called}, not {kind(function)}"
        return
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of some that are written in C, nobody knows
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        yield f"{name} is called as {called}, which a function with the arguments {signature} does not take"


def _factor_problems(factors: Any) -> Iterator[str]:
    if not isinstance(factors, Mapping):
        yield f"factors must be a mapping from quantities to c, such as {{'energy': 30.0}}, not {kind(factors)}"
        return
    for quantity, factor in factors.items():
        if not isinstance(quantity, str):
            yield f"factors must go from the names of quantities to c, not from {quantity!r}"
        elif not (_is_number(factor) and 0.0 < factor < math.inf):
            yield f"the factor c of {quantity!r} must be a number above 0, not {factor!r}"


def _properties_problems(name: str, properties: Any) -> Iterator[str]:
    example = "frozenset({'energy', 'forces'})"
    if not isinstance(properties, frozenset):
        yield f"{name} must be a frozenset such as {example}, not {kind(properties)}"
    elif strange := sorted(map(repr, properties - ALL_PROPERTIES)):
        yield f"{name} holds {strange[0]}: choose from {', '.join(sorted(ALL_PROPERTIES))}"


def request_problems(structures: Any, properties: Any) -> Iterator[str]:
    """Yield what is wrong with what a law asks a potential for."""
    if isinstance(structures, Atoms):
        yield "its structures must be a list: write Request([structure], …)"
    elif not isinstance(structures, Collection):
        yield f"its structures must be a list of Atoms, not {kind(structures)}"
    elif strange := [structure for structure in structures if not isinstance(structure, Atoms)]:
        yield f"its structures must be Atoms, not {kind(strange[0])}"
    yield from _properties_problems("properties", properties)


def component_problems(component: Any) -> Iterator[str]:
    """Yield what is wrong with a component. A residual that is not finite is nothing wrong: it is a violation."""
    if not (isinstance(component.quantity, str) and component.quantity.strip()):
        yield f"its quantity must be a text such as 'forces', not {component.quantity!r}"
        return
    which = f"the {{}} of {component.quantity!r} must be {{}}, not {{}}"
    if not isinstance(component.unit, str):
        yield which.format("unit", "a text such as 'eV/Å', '' for a count", repr(component.unit))
    for name in ("residual", "significance", "noise", "error"):
        value = getattr(component, name)
        if not _is_number(value):
            yield which.format(name, "a number", f"{value!r}" if isinstance(value, str) else kind(value))
        elif value < 0.0:
            size = "a size, 0 or more (take abs or max)" if name == "residual" else "0 or more"
            yield which.format(name, size, f"{value:g}")
        elif math.isnan(value) and name != "residual":
            yield which.format(name, "a number", "NaN")
    bound = component.bound
    if bound is not None and not (_is_number(bound) and bound >= 0.0):
        yield which.format("bound", "None or a number, 0 or more", f"{bound!r}")


def are_series(found: tuple[Any, ...]) -> bool:
    """Return whether all are `Series`."""
    from gnnp_bench.certificate.result import Series  # which does not travel to other Pythons, where nothing is drawn

    return all(isinstance(one, Series) for one in found)


def residual_problems(residual: Any, component: type) -> Iterator[str]:
    """Yield what is wrong with what measuring a case found."""
    if not isinstance(residual.components, tuple):
        yield f"its components must be a tuple, not {kind(residual.components)}: write Residual((component,))"
        return
    if strange := [found for found in residual.components if not isinstance(found, component)]:
        yield f"its components must be of the class Component, not {kind(strange[0])}"
    if not residual.components and residual.vacuous is None:
        yield "it holds no component; where a case proves nothing, return vacuous('why')"
    if not isinstance(residual.series, tuple) or (residual.series and not are_series(residual.series)):
        yield f"its series must be a tuple of Series, not {kind(residual.series)}"
    if not isinstance(residual.told, Mapping):
        yield f"told must be a dict, not {kind(residual.told)}"
    for name in ("vacuous", "note", "kind"):
        if not isinstance(getattr(residual, name), str | None):
            yield f"{name} must be a text or None, not {kind(getattr(residual, name))}"


def case_problems(case: Any) -> Iterator[str]:
    """Yield what is wrong with a drawn input."""
    if not isinstance(case.structure, Atoms):
        yield f"its structure must be Atoms, not {kind(case.structure)}"
    if not isinstance(case.parameters, Mapping):
        yield f"its parameters must be a dict, not {kind(case.parameters)}"
    elif strange := [key for key in case.parameters if not isinstance(key, str)]:
        yield f"its parameters must have names, which {strange[0]!r} is not"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
