"""What a spec says that a potential reads from its structures: `?info=charge:0,spin:1&arrays=initial_charges`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from gnnp_bench.adapters import _factory
from gnnp_bench.potential import Capabilities, Carried, Kind, PotentialError

CHARGE_KEYS = frozenset({"charge", "total_charge", "net_charge", "q"})
SPIN_KEYS = frozenset({"spin", "total_spin", "spin_multiplicity", "multiplicity", "mult", "unpaired", "uhf", "nupdown"})
BY_DEFAULT: dict[int, Kind] = {0: "unpaired", 1: "multiplicity"}
"""What a spin counts, told by its value for a structure without unpaired electrons."""
NEUTRAL: dict[Kind, int] = {"charge": 0, "unpaired": 0, "multiplicity": 1}
ARRAYS: dict[str, Kind] = {"initial_charges": "charges", "initial_magmoms": "moments"}
RESERVED = frozenset({"recipe", "totals"})
EXAMPLE = "?info=charge:0,spin:1"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a spec says of what structures carry, beyond what the potential declares itself."""

    reads: tuple[Carried, ...] = ()
    totals_add: bool = False

    def on(self, has: Capabilities) -> Capabilities:
        """Return capabilities with what is declared; an entry of the spec wins over the potential's own.

        Raises
        ------
        PotentialError
            Totals are said to add where nothing is read.
        """
        reads = {one.key: one for one in (*has.reads, *self.reads)}
        if self.totals_add and not reads:
            raise PotentialError(f"totals=sum says nothing where no structure carries a total: add {EXAMPLE[1:]}")
        return replace(has, reads=tuple(reads.values()), totals_add=has.totals_add or self.totals_add)


def take(options: dict[str, str]) -> Declared:
    """Take the options info, arrays and totals out of those of a spec.

    Raises
    ------
    PotentialError
        One of them is malformed. The message is one line and says how to mend it.
    """
    entries = [_entry(part) for part in options.pop("info", "").split(",") if part]
    names = [name for name in options.pop("arrays", "").split(",") if name]
    for name in names:
        if name not in ARRAYS:
            hint = _factory.suggestion(name, ARRAYS)
            raise PotentialError(f"arrays are {' or '.join(ARRAYS)}, or both, not {name!r}{hint}")
    reads = (*entries, *(Carried(name, ARRAYS[name], 0.0) for name in names))
    if twice := next((one.key for one in reads if sum(one.key == other.key for other in reads) > 1), None):
        raise PotentialError(f"{twice} is named twice among what structures carry")
    totals = options.pop("totals", "")
    if totals not in ("", "sum"):
        raise PotentialError(f"totals is sum (n copies have n times the energy) or left out, not {totals!r}")
    return Declared(reads, totals == "sum")


def _entry(part: str) -> Carried:
    key, _, rest = part.partition(":")
    text, _, named = rest.partition(":")
    if not (key and text):
        raise PotentialError(f"info must read key:value,key:value as in {EXAMPLE}, not {part!r}")
    if key in RESERVED:
        raise PotentialError(f"info[{key!r}] is taken for notes of gnnp-bench: a potential cannot read it")
    default: Any = _factory.typed({key: text})[key]
    kinds = [kind for kind in get_args(Kind) if kind not in ARRAYS.values()]
    if named and named not in kinds:
        hint = _factory.suggestion(named, kinds)
        raise PotentialError(f"info[{key!r}] is one of {', '.join(kinds)}, not {named!r}{hint}")
    kind: Kind = named if named else _kind(key, default)  # type: ignore[assignment]  # one of them, as was just seen
    if kind in NEUTRAL and (default != NEUTRAL[kind] or isinstance(default, bool | str)):
        raise PotentialError(
            f"info={part}: write the value of a neutral structure without unpaired electrons,"
            f" {key}:{NEUTRAL[kind]}, or {key}:{text}:constant for one that is the same for every structure"
        )
    return Carried(key, kind, default)


def _kind(key: str, default: object) -> Kind:
    """Return what an entry counts, by its name and its value."""
    if key.lower() in CHARGE_KEYS:
        return "charge"
    if key.lower() in SPIN_KEYS:
        if isinstance(default, bool | str) or default not in BY_DEFAULT:
            raise PotentialError(
                f"info={key}:{default}: write {key}:0 if it counts unpaired electrons, {key}:1 if it is a multiplicity"
            )
        return BY_DEFAULT[int(default)]
    return "constant"


def problems(reads: Iterable[Any]) -> Iterator[str]:
    """Yield what is wrong with `Capabilities.reads`, each as one sentence. Types are not trusted."""
    for one in reads:
        if not isinstance(one, Carried):
            yield f"capabilities.reads must hold gnnp_bench.Carried, not {type(one).__name__}"
        elif one.kind not in get_args(Kind):
            yield f"capabilities.reads holds the kind {one.kind!r}: choose from {', '.join(get_args(Kind))}"
        elif one.kind in ARRAYS.values() and ARRAYS.get(one.key) != one.kind:
            yield f"capabilities.reads: {one.kind} are read from ASE's array, {_array(one.kind)}, not {one.key!r}"
        elif one.key in RESERVED or not isinstance(one.key, str) or not one.key:
            yield f"capabilities.reads holds the key {one.key!r}, which is taken or is none"
        elif one.kind in NEUTRAL and one.default != NEUTRAL[one.kind]:
            yield f"capabilities.reads: the default of {one.key} must be {NEUTRAL[one.kind]}, not {one.default!r}"


def _array(kind: Kind) -> str:
    return next(name for name, its in ARRAYS.items() if its == kind)
