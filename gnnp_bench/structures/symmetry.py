"""The space group of a prototype, from integers: no tolerance, nothing to be found approximately."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.prototypes import DENOMINATOR, by_class, prototype
from gnnp_bench.structures.radii import IntArray


def symmetry_operations(name: str, species: Sequence[str] | None = None) -> tuple[IntArray, FloatArray]:
    """Return every space-group operation of a prototype, modulo lattice translations of its primitive cell.

    An operation takes the fractional (column) coordinates x of one atom to W x + t, those of an atom of the same
    species up to a lattice translation.

    Parameters
    ----------
    name : str
        A key of `prototypes.PROTOTYPES`.
    species : sequence of str or None
        As for `prototypes.crystal`: sites of one species are alike. None takes all classes to be different.

    Returns
    -------
    rotations : (n, 3, 3) array of int
        W, in the fractional basis of the primitive cell. The identity comes first.
    translations : (n, 3) array of float in [0, 1)
        t, fractional.

    Raises
    ------
    ValueError
        If there is no such prototype, or the number of species does not fit.

    Examples
    --------
    >>> rotations, translations = symmetry_operations("diamond")
    >>> len(rotations)
    48
    """
    classes = prototype(name).classes
    labels = tuple(map(str, range(classes))) if species is None else by_class(name, species)
    rotations, translations = _operations(name, tuple(labels.index(label) for label in labels))
    return rotations.copy(), translations / DENOMINATOR


@lru_cache(maxsize=256)
def _operations(name: str, kinds: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """Find the operations by trying every integer matrix that keeps the metric; `kinds` says which classes are alike.

    Coordinates are whole multiples of 1 / DENOMINATOR. Entries of W beyond ±1 cannot occur: the cells of all
    prototypes are reduced.
    """
    chosen = prototype(name)
    metric = np.array(chosen.metric)
    sites = np.array([[int(x * DENOMINATOR) for x in site[1:]] for site in chosen.sites])
    alike = np.array([kinds[site[0]] for site in chosen.sites])
    rotations: list[NDArray[np.int64]] = []
    translations: list[NDArray[np.int64]] = []
    for rotation in _lattice_rotations(metric):
        turned = sites @ rotation.T
        for image in sites[alike == alike[0]]:
            translation = (image - turned[0]) % DENOMINATOR
            if _same_crystal((turned + translation) % DENOMINATOR, sites, alike):
                rotations.append(rotation)
                translations.append(translation)
    first = next(i for i, (w, t) in enumerate(zip(rotations, translations, strict=True)) if _is_identity(w, t))
    order = [first, *(i for i in range(len(rotations)) if i != first)]
    return np.array([rotations[i] for i in order]), np.array([translations[i] for i in order])


def _lattice_rotations(metric: IntArray) -> IntArray:
    """Return the integer matrices W with Wᵀ G W = G: (n, 3, 3)."""
    columns = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    lengths = np.einsum("ni,ij,nj->n", columns, metric, columns)
    choices = [columns[lengths == metric[k, k]] for k in range(3)]
    triples = np.array([np.stack(triple, axis=1) for triple in itertools.product(*choices)])
    kept = np.all(np.einsum("nki,kl,nlj->nij", triples, metric, triples) == metric, axis=(1, 2))
    return triples[kept]


def _same_crystal(moved: IntArray, sites: IntArray, alike: IntArray) -> bool:
    hits = np.all(moved[:, None, :] == sites[None, :, :], axis=2) & (alike[:, None] == alike[None, :])
    return bool(np.all(hits.any(axis=1)))


def _is_identity(rotation: IntArray, translation: IntArray) -> bool:
    return bool(np.array_equal(rotation, np.eye(3, dtype=int)) and not translation.any())
