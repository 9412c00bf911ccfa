"""The adapter: from a spec such as `morse:stiff?cutoff=7` to a potential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from ase import Atoms

from gnnp_bench import Capabilities, Identity, Prediction, Unsupported
from gnnp_bench.potential import PotentialError, Property
from gnnp_bench_morse.morse import DISTANCES, Morse

VARIANTS = {"soft": 1.3, "stiff": 1.7}


@dataclass(frozen=True, slots=True)
class MorsePotential:
    """What gnnp-bench asks of a potential: a name, capabilities, and `evaluate`. An identity is welcome."""

    morse: Morse
    name: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return one prediction per structure, in order. Keep nothing, and leave the structures as they are."""
        # A network would join all structures to one batch here.
        return [self._evaluate_one(structure, properties) for structure in structures]

    def _evaluate_one(self, structure: Atoms, properties: frozenset[Property]) -> Prediction:
        # Refuse clearly what you do not handle: the laws about it are then not applicable, and do not fail.
        if foreign := sorted(set(structure.symbols) - set(DISTANCES)):
            raise Unsupported(f"Morse pairs are not fitted for {', '.join(foreign)}")
        volume = abs(np.linalg.det(structure.cell.array))
        if "stress" in properties and not volume > 1e-9:
            raise Unsupported("stress needs a cell with a volume")
        energies, forces, virial = self.morse.compute(
            list(structure.symbols), structure.positions, structure.cell.array, structure.pbc
        )
        # eV, eV/Å, eV/Å³ with tension positive, symmetric 3×3; None for what was not asked for.
        return Prediction(
            energy=float(energies.sum()),
            forces=forces if "forces" in properties else None,
            stress=(virial + virial.T) / (2 * volume) if "stress" in properties else None,
            energies=energies,
        )


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> MorsePotential:
    """Build the potential of `morse[:variant][?cutoff=6.0]`.

    Parameters
    ----------
    argument : str or None
        What follows the colon.
    options : mapping of str to str
        What follows the question mark, as text.
    species : tuple of str or None
        What the user restricts the potential to. gnnp-bench does the restricting; adapters whose package must be told
        its species need it here.

    Raises
    ------
    PotentialError
        For what the user can mend, in one line.
    """
    variant = argument or "soft"
    if variant not in VARIANTS:
        raise PotentialError(f"morse has no variant {variant!r}; choose from {', '.join(VARIANTS)}")
    if strange := sorted(set(options) - {"cutoff"}):
        raise PotentialError(f"morse has no option {strange[0]!r}; choose from cutoff")
    try:
        cutoff = float(options.get("cutoff", "6.0"))
    except ValueError as error:
        raise PotentialError(f"cutoff must be a distance in Å, not {options['cutoff']!r}") from error
    if not 3.0 <= cutoff <= 20.0:
        raise PotentialError(f"cutoff must be a distance in Å from 3 to 20, not {cutoff:g}")
    return MorsePotential(
        morse=Morse(VARIANTS[variant], cutoff),
        name=f"morse-{variant}",
        # Declare what is true, and claim what holds by construction: what is claimed is judged more strictly.
        capabilities=Capabilities(
            species=tuple(DISTANCES),
            properties=frozenset({"energy", "forces", "stress"}),
            periodicity=frozenset({"periodic", "partial", "isolated"}),
            cutoff=cutoff,
            receptive_field=cutoff,
            dtype="float64",
            claims=frozenset(
                {"conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local", "smooth"}
            ),
            smoothness=10,
        ),
        # So that a certificate's subject can be found again.
        identity=Identity(version=version("gnnp-bench-morse"), parameters=0, packages=("gnnp-bench-morse", "ase")),
    )
