"""From a spec string to a potential.

A spec is `name[:argument][?key=value&key=value]` with a name registered under the entry-point group
`gnnp_bench.potentials`, or `package.module:factory[?key=value&key=value]` with a callable that returns an ASE
calculator or a `Potential`. A registered name wins over a module of the same name. The option `periodicity` is read
here, for all of them: what the potential is to be asked for, such as `?periodicity=isolated` or `partial,isolated`. So
are `info`, `arrays` and `totals`: what structures are to carry, such as `?info=charge:0,spin:1`; `smearing`, the width
in eV by which it smears electrons; and `stable`, crystals for which it was made, such as `?stable=Si:diamond`. `env`
names another Python, in which the potential is built and asked by the same adapters: docs/environments.md. `isolate`
keeps its process from what it does not need: docs/isolation.md.

An entry point names a `factory(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None)`
that returns a `Potential` and raises `PotentialError` for what the user can mend: docs/adapters.md.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from typing import Any, TypeAlias, get_args

from ase.data import atomic_numbers, chemical_symbols

from gnnp_bench.adapters import _carried, _factory
from gnnp_bench.adapters._carried import Declared
from gnnp_bench.adapters._problems import problems
from gnnp_bench.adapters._restricted import names_a_crystal, restricted
from gnnp_bench.potential import (
    Periodicity,
    Potential,
    PotentialError,
)
from gnnp_bench.silence import silenced

GROUP = "gnnp_bench.potentials"
NOTHING_MORE = Declared()
Species: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A potential and the way to build it anew.

    Attributes
    ----------
    spec : str
    potential : Potential
    reload : callable
        Builds the same potential from scratch; nothing is kept between calls.
    """

    spec: str
    potential: Potential
    reload: Callable[[], Potential]


def load(spec: str, species: Sequence[str] | None = None) -> Loaded:
    """Build the potential that a spec string names.

    Parameters
    ----------
    spec : str
        For example `chgnet:r2scan?device=cuda`, `ase:ase.calculators.emt:EMT`, `my_potential:make_calculator?skin=0.3`.
    species : sequence of str, optional
        Chemical symbols to restrict the potential to. Needed for an ASE calculator, which does not tell its own.

    Raises
    ------
    PotentialError
        The spec is malformed, nothing of that name is known or installed, building failed, or what was built is not
        a valid potential for these species. The message is one line and says how to mend it.
    """
    wanted = None if species is None else _symbols(species)
    env, isolate, bare = _home_of(spec)
    if env is not None or isolate is not None:
        return _load_there(spec, env, isolate, bare, wanted)
    factory, periodicity, carries, smearing, stable = _factory_of(spec)
    build = partial(_build, spec, factory, wanted, periodicity, carries, smearing, stable)
    return Loaded(spec, build(), build)


def _home_of(spec: str) -> tuple[str | None, str | None, str]:
    """Return where a spec says that its potential lives, how it is isolated there, and the spec as it reads there."""
    body, mark, query = spec.partition("?")
    options = _options(spec, query) if mark else {}
    env, isolate = options.pop("env", None), options.pop("isolate", None)
    rest = "&".join(f"{key}={value}" for key, value in options.items())
    return env, isolate, f"{body}?{rest}" if rest else body


def _load_there(spec: str, env: str | None, isolate: str | None, bare: str, species: Species | None) -> Loaded:
    from gnnp_bench.environments.elsewhere import There  # which does not travel to where this is read as well

    there = There(env, bare, species, isolate)
    potential: Any = there()
    for problem in problems(potential):
        raise PotentialError(f"{spec} is not a valid potential: {problem}")
    return Loaded(spec, potential, there)


def load_from(
    factory: Callable[[], object], label: str, species: Sequence[str] | None = None, stable: tuple[str, ...] = ()
) -> Loaded:
    """Build a potential by calling a factory that the caller has at hand.

    Parameters
    ----------
    factory : callable
        Takes nothing, returns a new ASE calculator or `Potential`.
    label : str
        What stands for the spec.
    species : sequence of str, optional
        As for `load`.
    stable : tuple of str, optional
        Crystals that it must hold stable, such as ``Si:diamond``; as the option of a spec.

    Raises
    ------
    PotentialError
        Building failed, or what was built is not a valid potential for these species.
    """
    wanted = None if species is None else _symbols(species)
    build = partial(_build, label, partial(_call, label, factory, {}), wanted, stable=stable)
    return Loaded(label, build(), build)


def known() -> dict[str, EntryPoint]:
    """Return the registered potentials by name; of two with one name, the first."""
    found: dict[str, EntryPoint] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        found.setdefault(entry.name, entry)
    return dict(sorted(found.items()))


def _refuse_ambiguous(name: str) -> None:
    """Refuse a name that two packages register for different factories: which is meant, nobody knows."""
    values = sorted({entry.value for entry in importlib.metadata.entry_points(group=GROUP) if entry.name == name})
    if len(values) > 1:
        raise PotentialError(f"the name {name!r} is registered twice, as {' and '.join(values)}: uninstall one")


def _factory_of(
    spec: str,
) -> tuple[Callable[[Species | None], object], frozenset[Periodicity] | None, Declared, float | None, tuple[str, ...]]:
    """Return what builds a potential, given the species, and what the spec says of it.

    That is periodicity, input, smearing and crystals that are stable.
    """
    body, mark, query = spec.partition("?")
    options = _options(spec, query) if mark else {}
    periodicity = _periodicity(options.pop("periodicity")) if "periodicity" in options else None
    carries = _carried.take(options)
    smearing = _width(options.pop("smearing")) if "smearing" in options else None
    stable = _crystals(options.pop("stable")) if "stable" in options else ()
    return _factory_with(spec, body, options), periodicity, carries, smearing, stable


def _crystals(text: str) -> tuple[str, ...]:
    crystals = tuple(text.split(","))
    for crystal in crystals:
        if not names_a_crystal(crystal):
            raise PotentialError(f"stable names crystals such as Si:diamond or NaCl:rocksalt, not {crystal!r}")
    return crystals


def _width(text: str) -> float:
    try:
        width = float(text)
    except ValueError:
        width = math.nan
    if not 0.0 < width < math.inf:
        raise PotentialError(f"smearing is the width in eV by which electrons are smeared, such as 0.1, not {text!r}")
    return width


def _periodicity(text: str) -> frozenset[Periodicity]:
    chosen = text.split(",")
    for word in chosen:
        if word not in get_args(Periodicity):
            hint = _factory.suggestion(word, get_args(Periodicity))
            raise PotentialError(
                f"periodicity is one of {', '.join(get_args(Periodicity))}, or several, not {word!r}{hint}"
            )
    return frozenset(kind for kind in get_args(Periodicity) if kind in chosen)


def _factory_with(spec: str, body: str, options: Mapping[str, str]) -> Callable[[Species | None], object]:
    name, colon, argument = body.partition(":")
    entries = known()
    if name in entries:
        _refuse_ambiguous(name)
        if colon and not argument:
            raise PotentialError(f"nothing follows the colon in {spec!r}: write {name} or {name}:ARGUMENT")
        return partial(_create, entries[name], argument or None, options)
    hint = _factory.suggestion(name, entries)
    if not colon:
        hint = _factory.path_hint(name, entries) or _calculator_hint(name) or hint
        raise PotentialError(
            f"unknown potential {name!r}{hint}; known: {', '.join(entries)}; your own: package.module:factory"
        )
    try:
        factory = _factory.resolve(body)
    except PotentialError as error:
        raise PotentialError(f"{error}{'' if 'did you mean' in str(error) else hint}") from error
    return partial(_call, body, factory, options)


def _calculator_hint(name: str) -> str:
    """Return ": did you mean …?" for the name of a calculator of ASE, such as EMT, else nothing."""
    from ase.calculators import calculator as theirs

    if name.lower() not in theirs.__dict__["names"]:
        return ""
    try:
        found = theirs.get_calculator_class(name.lower())
    except (ImportError, AttributeError):  # one that needs another package
        return ""
    return f": did you mean ase:{found.__module__}:{found.__name__}?"


def _options(spec: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        if not (key.isidentifier() and equals and value):
            raise PotentialError(f"options must read ?key=value&key=value, not {part!r}, in {spec!r}")
        if key in options:
            raise PotentialError(f"the option {key!r} is given twice in {spec!r}")
        options[key] = value
    return options


def _create(entry: EntryPoint, argument: str | None, options: Mapping[str, str], species: Species | None) -> object:
    whose = "" if entry.dist is None or entry.dist.name == "gnnp-bench" else f" of the package {entry.dist.name}"
    try:
        factory = entry.load()
    except ModuleNotFoundError as error:
        if error.name is not None and f"{entry.module}.".startswith(
            f"{error.name}."
        ):  # its own module, not one it needs
            raise PotentialError(f"{entry.name}{whose} cannot be imported: {_factory.one_line(error)}") from error
        raise PotentialError(_missing(entry, (error.name or "").partition(".")[0])) from error
    except (Exception, SystemExit) as error:
        raise PotentialError(f"{entry.name}{whose} cannot be imported: {_factory.one_line(error)}") from error
    try:
        return factory(argument, options, species)
    except PotentialError:
        raise
    except ModuleNotFoundError as error:
        raise PotentialError(_missing(entry, (error.name or "").partition(".")[0])) from error
    except (Exception, SystemExit) as error:
        raise PotentialError(f"{entry.name}{whose} failed: {_factory.one_line(error)}") from error


def _missing(entry: EntryPoint, module: str) -> str:
    """Return how to install what a registered potential needs: the extra named after it, where there is one."""
    extras = entry.dist.metadata.get_all("Provides-Extra", []) if entry.dist else []
    install = f"'{entry.dist.name}[{entry.name}]'" if entry.dist and entry.name in extras else module
    what = f"{module} is" if module == entry.name else f"{entry.name} needs {module}, which is"
    return f"{what} not installed: pip install {install}"


def _call(path: str, factory: Callable[..., object], options: Mapping[str, str], species: Species | None) -> object:
    from gnnp_bench.adapters import ase

    made = _factory.call(path, factory, options)
    if isinstance(made, Potential):
        return made
    return ase.from_calculator(made, species) if ase.is_calculator(made) else made


def _build(
    spec: str,
    factory: Callable[[Species | None], object],
    species: Species | None,
    periodicity: frozenset[Periodicity] | None = None,
    carries: Declared = NOTHING_MORE,
    smearing: float | None = None,
    stable: tuple[str, ...] = (),
) -> Potential:
    with silenced():
        made = factory(species)
    if not isinstance(made, Potential):
        lacks = [name for name in ("name", "capabilities", "evaluate") if not hasattr(made, name)]
        raise PotentialError(
            f"{spec} made an object of type {type(made).__name__}: it must make an ASE calculator or a Potential"
            f" (this has no {', no '.join(lacks)})"
        )
    for problem in problems(made):
        raise PotentialError(f"{spec} is not a valid potential: {problem}")
    return restricted(spec, made, species, periodicity, carries, smearing, stable)


def _symbols(species: Sequence[str]) -> Species:
    """Return chemical symbols without repetition in order of atomic number."""
    if isinstance(species, str) or not species:
        raise PotentialError(f"species must be a list of chemical symbols such as Cu,Au, not {species!r}")
    for symbol in species:
        if symbol not in chemical_symbols[1:]:
            hint = _factory.suggestion(str(symbol).capitalize(), chemical_symbols[1:])
            raise PotentialError(f"{symbol!r} is no chemical symbol{hint}")
    return tuple(sorted(set(species), key=atomic_numbers.__getitem__))
