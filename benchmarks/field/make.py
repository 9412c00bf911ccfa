"""Writes the campaign of the field: all potentials that can be had without downloading weights from a hub.

    apt-get install libkim-api-dev libkim-api2 openkim-models && pip install kimpy
    python -m benchmarks.field.make
    gnnp-bench campaign run benchmarks/field/campaign.toml

These are the portable models that Debian's `openkim-models` holds, the weights in the wheels of CHGNet and SevenNet,
the variants of the reference potential, and calculators that ASE itself computes. Elements of a model are asked of the
KIM interface; of many, three are taken, spread over the periodic table. Kinds of models take turns, so that what is
finished first is of all kinds.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.openkim import MODELS, species_of
from benchmarks.sources import ROOT

HEAD = """\
# The field, certified: written by `python -m benchmarks.field.make`.
store = "field.db"
executor = "processes:2"
budgets = ["quick"]
seeds = [0]
timeout = 120
model_timeout = 120
export = "field.jsonl.xz"
"""
OTHERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("chgnet:0.3.0", ()),
    ("chgnet:0.2.0", ()),
    ("chgnet:r2scan", ()),
    ("sevennet:7net-0", ()),
    ("sevennet:7net-0_22May2024", ()),
    ("sevennet:7net-l3i5", ()),
    ("sevennet:7net-mf-0?modal=PBE", ()),
    ("reference", ()),
    ("reference:adaptive", ()),
    ("reference:direct", ()),
    ("reference:equivariant", ()),
    ("reference:invariant", ()),
    ("reference:lmax1", ()),
    ("reference:lmax2", ()),
    ("reference:lmax3", ()),
    ("reference:ordered", ()),
    ("reference:twobody", ()),
    ("ase:ase.calculators.emt:EMT", ("Al", "Cu", "Au")),
    ("ase:ase.calculators.lj:LennardJones?sigma=3.4&epsilon=0.0104&rc=8.5", ("Ar",)),
    ("ase:ase.calculators.lj:LennardJones?sigma=3.4&epsilon=0.0104&rc=8.5&ro=7.5&smooth=true", ("Ar",)),
    ("ase:ase.calculators.morse:MorsePotential?epsilon=0.35&r0=2.87&rho0=3.9", ("Cu",)),
)
"""Specs and species; none where the potential tells its own."""


def kim() -> list[tuple[str, tuple[str, ...]]]:
    """Return the portable models that are installed, kinds taking turns, with their elements."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for path in sorted(MODELS.iterdir()):
        if path.is_dir() and not path.name.startswith("ex_"):  # examples of the interface, for no element in particular
            kinds[path.name.split("_")[0]].append(path.name)
    names = [name for turn in itertools.zip_longest(*kinds.values()) for name in turn if name is not None]
    return [(f"kim:{name}", _species(name)) for name in names]


def _species(name: str) -> tuple[str, ...]:
    try:
        return tuple(species_of(name))
    except Exception as error:  # it will not load either, which the campaign is to say
        print(f"{name}: {error}", file=sys.stderr)
        return ()


def text(potentials: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """Return the campaign file."""
    parts = [HEAD]
    for spec, species in potentials:
        of = f"species = {json.dumps(list(species))}\n" if species else ""
        parts.append(f"[[potential]]\nspec = {json.dumps(spec)}\n{of}")
    return "\n".join(parts)


if __name__ == "__main__":
    # Not to standard output, where models say what they think of their files.
    (ROOT / "benchmarks" / "field" / "campaign.toml").write_text(text([*OTHERS, *kim()]))
