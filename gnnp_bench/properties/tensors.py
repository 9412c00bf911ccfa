"""Stiffness tensors: notations, symmetry, averages, Young's modulus along a direction.

Voigt's order is xx, yy, zz, yz, xz, xy; shear strains are engineering strains (twice the tensor's component).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnp_bench.potential import FloatArray

PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
_PLACE = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
_MANDEL = np.sqrt([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])


def unit_strain(component: int) -> FloatArray:
    """Return the symmetric strain whose engineering component in Voigt's order is one: (3, 3) array."""
    i, j = PAIRS[component]
    strain = np.zeros((3, 3))
    strain[i, j] += 0.5
    strain[j, i] += 0.5
    return strain


def to_voigt(stress: FloatArray) -> FloatArray:
    """Return the six components of symmetric tensors: (..., 3, 3) -> (..., 6)."""
    return np.stack([0.5 * (stress[..., i, j] + stress[..., j, i]) for i, j in PAIRS], axis=-1)


def rotated(stiffness: FloatArray, rotation: FloatArray) -> FloatArray:
    """Return a (6, 6) stiffness in axes turned by a (3, 3) rotation or mirror: x' = R x."""
    full = stiffness[_PLACE[:, :, None, None], _PLACE[None, None, :, :]]
    turned = np.einsum("ia,jb,kc,ld,abcd->ijkl", rotation, rotation, rotation, rotation, full, optimize=True)
    return np.array([[turned[(*p, *q)] for q in PAIRS] for p in PAIRS])


def symmetrised(stiffness: FloatArray, rotations: FloatArray) -> FloatArray:
    """Return the mean of a stiffness over a point group (n, 3, 3), equal to its transpose."""
    mean = np.mean([rotated(stiffness, rotation) for rotation in rotations], axis=0)
    symmetric: FloatArray = 0.5 * (mean + mean.T)
    return symmetric


def eigenvalues(stiffness: FloatArray) -> FloatArray:
    """Return the six eigenvalues of a stiffness in ascending order, the same in any axes.

    In Mandel's notation, where shears have weight √2, they are those of the tensor; all are positive where the crystal
    is elastically stable without load: Mouhat and Coudert, doi:10.1103/PhysRevB.90.224104.
    """
    return np.asarray(np.linalg.eigvalsh(_MANDEL[:, None] * 0.5 * (stiffness + stiffness.T) * _MANDEL), dtype=float)


@dataclass(frozen=True, slots=True)
class Averages:
    """Moduli of a polycrystal without texture, in the unit of the stiffness.

    Attributes
    ----------
    bulk_voigt, bulk_reuss, bulk_hill, shear_voigt, shear_reuss, shear_hill : float
    young, poisson : float
        Of Hill's averages.
    anisotropy : float
        Universal, 0 for an isotropic crystal.
    """

    bulk_voigt: float
    bulk_reuss: float
    bulk_hill: float
    shear_voigt: float
    shear_reuss: float
    shear_hill: float
    young: float
    poisson: float
    anisotropy: float


def averages(stiffness: FloatArray) -> Averages:
    """Return the averages of a stable crystal.

    Voigt's and Reuss's bounds and their means: Hill, doi:10.1088/0370-1298/65/5/307. Universal anisotropy: Ranganathan
    and Ostoja-Starzewski, doi:10.1103/PhysRevLett.101.055504.
    """

    def sums(m: FloatArray) -> tuple[float, float, float]:
        """Return the sums of the normal diagonal, of the three couplings of normals, of the shear diagonal."""
        return m[0, 0] + m[1, 1] + m[2, 2], m[0, 1] + m[0, 2] + m[1, 2], m[3, 3] + m[4, 4] + m[5, 5]

    normal, coupled, shear = sums(stiffness)
    bulk_voigt = (normal + 2 * coupled) / 9
    shear_voigt = (normal - coupled + 3 * shear) / 15
    normal, coupled, shear = sums(np.asarray(np.linalg.inv(stiffness), dtype=float))
    bulk_reuss = 1 / (normal + 2 * coupled)
    shear_reuss = 15 / (4 * (normal - coupled) + 3 * shear)
    bulk, rigidity = (bulk_voigt + bulk_reuss) / 2, (shear_voigt + shear_reuss) / 2
    return Averages(
        bulk_voigt,
        bulk_reuss,
        bulk,
        shear_voigt,
        shear_reuss,
        rigidity,
        9 * bulk * rigidity / (3 * bulk + rigidity),
        (3 * bulk - 2 * rigidity) / (2 * (3 * bulk + rigidity)),
        5 * shear_voigt / shear_reuss + bulk_voigt / bulk_reuss - 6,
    )


def young_along(stiffness: FloatArray, directions: FloatArray) -> FloatArray:
    """Return Young's modulus for a pull along unit vectors (..., 3): 1/(sᵢⱼₖₗ nᵢnⱼnₖnₗ).

    Nye, Physical Properties of Crystals (Oxford, 1985), section VIII.7.
    """
    # Stress of a unit pull. Engineering strains have the factor of two that the sum over i and j asks for.
    pull = np.stack([directions[..., i] * directions[..., j] for i, j in PAIRS], axis=-1)
    modulus: FloatArray = 1.0 / np.einsum("...p,pq,...q->...", pull, np.linalg.inv(stiffness), pull)
    return modulus
