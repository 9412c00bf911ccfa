"""Portable models of OpenKIM [1]_ through kimpy: `kim:MODEL`.

The KIM API knows no periodic images: who asks a model hands it the atoms and padding atoms around them, and adds up
what comes back. ASE's calculator leaves this to kimpy, whose padding loses neighbours of atoms outside the cell and
refuses slabs and wires. Here the padding is our own (`_padding`), so what a certificate tells is the model's. The
energy is the sum over the atoms; forces on padding atoms are forces on the atoms that they are images of, and so are
energies that a model credits to them; and as a strain moves padding atoms like all others, the stress is −Σ r⊗f / V
over all. Energies of atoms are asked for where forces are, so that an energy that depends on what is asked beside it
is seen.

.. [1] E. B. Tadmor et al., JOM 63, 17 (2011), doi:10.1007/s11837-011-0102-6
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import kimpy
import numpy as np
from ase import Atoms

from gnnp_bench.adapters import _kim_api, _padding
from gnnp_bench.adapters._factory import suggestion
from gnnp_bench.adapters._padding import Neighbours
from gnnp_bench.adapters._volume import volume_of
from gnnp_bench.potential import (
    Capabilities,
    FloatArray,
    Identity,
    PotentialError,
    Prediction,
    Property,
    Unsupported,
)

_ARGUMENT = kimpy.compute_argument_name
_ONE_AT_A_TIME = threading.Lock()
"""A model may keep what it computes with between its calls, and messages of errors are heard by one listener."""


@dataclass(frozen=True, slots=True)
class KimPotential:
    """A portable model of OpenKIM as a `Potential`. Make one with `create`.

    Attributes
    ----------
    model : kimpy model
    name : str
    capabilities : Capabilities
    identity : Identity
    codes : mapping
        The model's number for each chemical symbol.
    influence : float
        Distance in Å from an atom within which the model must be given all others.
    cutoffs : (n_lists,) array, Å
        Of the lists of neighbours that it asks for.
    padding_neighbours : bool
        Whether it asks for neighbours of padding atoms.
    units : (float, float)
        Its units of length and energy, Å and eV.
    arguments : frozenset of str
        What it computes, in the words of the KIM API.
    required : frozenset of str
        Of these, what it must be asked for in every call.
    """

    model: Any
    name: str
    capabilities: Capabilities
    identity: Identity
    codes: Mapping[str, int]
    influence: float
    cutoffs: FloatArray
    padding_neighbours: bool
    units: tuple[float, float]
    arguments: frozenset[str]
    required: frozenset[str]

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures one after another; see `Potential`.

        Raises
        ------
        Unsupported
            A structure holds no atoms or species that the model does not know, or its cell is degenerate; stress where
            no volume defines it.
        RuntimeError
            The model returns an error.
        """
        with _ONE_AT_A_TIME:
            self._refresh()
            return [self._evaluate_one(structure, properties) for structure in structures]

    def _refresh(self) -> None:
        """Have the model read its parameters, as ASE's calculator does at every step: nothing may come of it."""
        with self._in_its_words("cannot be refreshed"), _kim_api.unlogged():
            self.model.clear_then_refresh()

    @contextmanager
    def _in_its_words(self, what: str) -> Iterator[None]:
        """Have an error of the model say what it says."""
        _kim_api.forget()
        try:
            yield
        except RuntimeError as error:
            said = _kim_api.words()
            raise RuntimeError(f"{self.name} {what}{': ' + said if said else ''}") from error

    def _evaluate_one(self, structure: Atoms, properties: frozenset[Property]) -> Prediction:
        volume = volume_of(structure) if "stress" in properties else 0.0
        if not len(structure):
            raise Unsupported("a structure without atoms")
        symbols = structure.get_chemical_symbols()
        if unknown := sorted(set(symbols) - set(self.codes)):
            raise Unsupported(f"{self.name} does not support {', '.join(unknown)}: it knows {', '.join(self.codes)}")
        around = _padding.padded(structure, self.influence)
        n_all = len(around.positions)
        lists = _padding.neighbours(
            around.positions, n_all if self.padding_neighbours else around.n_atoms, self.cutoffs
        )
        codes = np.array([self.codes[symbol] for symbol in symbols], np.intc)[around.image_of]
        found = self._compute(around.positions, codes, around.n_atoms, lists, bool(properties & {"forces", "stress"}))
        energy = found.get("partialEnergy")
        energies = found.get("partialParticleEnergy")
        if energies is not None:
            energies = around.gathered(energies)
        total = float(energy[0]) if energy is not None else float(energies.sum()) if energies is not None else np.nan
        if "partialForces" not in found:
            return Prediction(total, energies=energies)
        on_all = found["partialForces"]
        forces = around.gathered(on_all)
        if "stress" not in properties:
            return Prediction(total, forces, energies=energies)
        virial = -around.positions.T @ on_all / volume
        return Prediction(total, forces, (virial + virial.T) / 2, energies)

    @property
    def _energy(self) -> str:
        """What the total energy is read from."""
        return "partialEnergy" if "partialEnergy" in self.arguments else "partialParticleEnergy"

    def _compute(
        self, positions: FloatArray, codes: Any, n_atoms: int, lists: Sequence[Neighbours], forces: bool
    ) -> dict[str, FloatArray]:
        """Return what the model computes, in eV and Å, under the names that the KIM API has for it."""
        length, energy = self.units
        n_all = len(positions)
        given = {
            "numberOfParticles": np.array([n_all], np.intc),
            "particleSpeciesCodes": np.ascontiguousarray(codes, np.intc),
            "particleContributing": (np.arange(n_all) < n_atoms).astype(np.intc),
            "coordinates": np.ascontiguousarray(positions / length),
        }
        found = {
            name: np.zeros(shape)
            for name, shape in (("partialEnergy", 1), ("partialParticleEnergy", n_all), ("partialForces", (n_all, 3)))
            if name in self.arguments and (forces or name == self._energy or name in self.required)
        }

        def neighbours_of(data: Any, cutoffs: Any, which: int, particle: int) -> tuple[Any, int]:
            known = 0 <= which < len(lists) and 0 <= particle < n_all
            return (lists[which].of(particle), 0) if known else (np.zeros(0, np.intc), 1)

        with self._in_its_words("returns an error"):
            with _kim_api.unlogged():
                asked = self.model.compute_arguments_create()
            for name, array in (given | found).items():
                asked.set_argument_pointer(getattr(_ARGUMENT, name), array)
            asked.set_callback(kimpy.compute_callback_name.GetNeighborList, neighbours_of, {})
            self.model.compute(asked)
        in_units = {"partialForces": energy / length}
        return {name: values * in_units.get(name, energy) for name, values in found.items()}


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> KimPotential:
    """Build the potential of `kim:MODEL`, a portable model's name as OpenKIM spells it.

    Raises
    ------
    PotentialError
        No such model is installed, it cannot be asked for energies, or an option is given: there is none.
    """
    if argument is None:
        raise PotentialError("kim needs the name of a model: kim:SW_StillingerWeber_1985_Si__MO_405512056662_005")
    if options:
        raise PotentialError(f"kim has no option {min(options)!r}: it has none of its own")
    names = _kim_api.installed()
    if argument not in names:
        raise PotentialError(_not_installed(argument, names))
    _kim_api.forget()
    try:
        with _kim_api.unlogged():
            accepted, model = kimpy.model.create(kimpy.numbering.zeroBased, *_kim_api.UNITS, argument)
            arguments, required = _arguments(argument, model)
    except RuntimeError as error:
        raise PotentialError(f"the model {argument} cannot be made: {_kim_api.words() or error}") from error
    length, energy = (1.0, 1.0) if accepted else _kim_api.units_of(model)
    influence = float(model.get_influence_distance()) * length
    cutoffs, without = model.get_neighbor_list_cutoffs_and_hints()
    cutoffs = np.array(cutoffs, np.float64) * length
    codes = _kim_api.species_of(model)
    if not codes:
        raise PotentialError(f"the model {argument} supports no chemical element")
    properties: set[Property] = {"energy"}
    if "partialForces" in arguments:
        properties |= {"forces", "stress"}
    found = re.search(r"__(MO_\d+_\d+)$", argument)
    return KimPotential(
        model=model,
        name=argument,
        capabilities=Capabilities(
            species=tuple(codes),
            properties=frozenset(properties),
            cutoff=float(cutoffs.max()) if len(cutoffs) else None,
            receptive_field=influence,
            dtype="float64",
            claims=frozenset({"size-extensive"}),
            stable=tuple(codes) if len(codes) == 1 else (),  # one element alone was fitted to its own crystal
        ),
        identity=Identity(
            version=found[1] if found else None,
            weights_sha256=_kim_api.sha256_of(argument),
            packages=("kimpy",),
        ),
        codes=codes,
        influence=max(influence, float(cutoffs.max(initial=0.0))),
        cutoffs=cutoffs if len(cutoffs) else np.array([influence]),
        padding_neighbours=not np.all(without),
        units=(length, energy),
        arguments=arguments,
        required=required,
    )


def _arguments(name: str, model: Any) -> tuple[frozenset[str], frozenset[str]]:
    """Return which of energy, forces and energies of atoms a model computes, and which it must always be asked for.

    Raises
    ------
    PotentialError
        It computes no energy, or asks for something that is not known here.
    """
    asked = model.compute_arguments_create()
    unsupported, required = kimpy.support_status.notSupported, kimpy.support_status.required
    computes = ("partialEnergy", "partialForces", "partialParticleEnergy")
    status = {
        one: asked.get_argument_support_status(getattr(_ARGUMENT, one))
        for one in (*computes, "partialVirial", "partialParticleVirial")
    }
    callbacks = {
        one: asked.get_callback_support_status(getattr(kimpy.compute_callback_name, one))
        for one in ("ProcessDEDrTerm", "ProcessD2EDr2Term")
    }
    wanted = {one: value for one, value in (status | callbacks).items() if one not in computes}
    if beyond := [one for one, value in wanted.items() if value == required]:
        raise PotentialError(f"the model {name} requires {beyond[0]}, which is not asked for here")
    found = frozenset(one for one in computes if status[one] != unsupported)
    if not found & {"partialEnergy", "partialParticleEnergy"}:
        raise PotentialError(f"the model {name} computes no energy")
    return found, frozenset(one for one in found if status[one] == required)


def _not_installed(name: str, names: Sequence[str]) -> str:
    if "__SM_" in name:
        return f"{name} is a simulator model, which runs in another program: kim: takes portable models (MO_…)"
    if not names:
        return "no model of OpenKIM is installed: apt-get install openkim-models"
    shorter = [one for one in names if one.partition("__")[0] == name or one.endswith(f"__{name}")]
    hint = f": did you mean {shorter[0]!r}?" if shorter else suggestion(name, names)
    return f"no portable model {name!r} is installed{hint}; `kim-api-collections-management list` names those that are"
