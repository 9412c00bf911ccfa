"""Space groups found from integers agree with spglib's."""

import numpy as np
import pytest
import spglib

from gnnp_bench.structures import PROTOTYPES, crystal, symmetry_operations

# International numbers from the literature on each structure.
GROUPS = {
    "fcc": 225,
    "bcc": 229,
    "sc": 221,
    "hcp": 194,
    "diamond": 227,
    "rocksalt": 225,
    "CsCl": 221,
    "zincblende": 216,
    "L1_0": 123,
    "honeycomb": 187,
    "fluorite": 225,
    "wurtzite": 186,
    "L1_2": 221,
    "perovskite": 221,
    "A15": 223,
}
SPECIES = ("Ca", "Ti", "O")


def _as_set(rotations: np.ndarray, translations: np.ndarray) -> set[tuple[int, ...]]:
    """Return operations as whole numbers: translations of these prototypes are multiples of 1/24."""
    multiples = np.rint(np.asarray(translations) * 24).astype(int) % 24
    assert np.allclose(np.asarray(translations) * 24, np.rint(np.asarray(translations) * 24), atol=1e-3)
    return {(*map(int, w.ravel()), *map(int, t)) for w, t in zip(np.asarray(rotations), multiples, strict=True)}


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")  # spglib's own transition
@pytest.mark.parametrize("elemental", [False, True])
@pytest.mark.parametrize("name", PROTOTYPES)
def test_operations_are_those_of_spglib(name: str, elemental: bool) -> None:
    species = SPECIES[:1] if elemental else SPECIES[: PROTOTYPES[name].classes]
    atoms = crystal(name, species)
    dataset = spglib.get_symmetry_dataset((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), 1e-6)
    assert dataset is not None
    rotations, translations = symmetry_operations(name, species)
    assert _as_set(rotations, translations) == _as_set(dataset.rotations, dataset.translations)
    assert len(rotations) == len(dataset.rotations)
    if not elemental:
        assert dataset.number == GROUPS[name]


@pytest.mark.parametrize("name", PROTOTYPES)
def test_operations_map_the_crystal_onto_itself(name: str) -> None:
    atoms = crystal(name, SPECIES[: PROTOTYPES[name].classes])
    fractional = atoms.get_scaled_positions(wrap=False)
    rotations, translations = symmetry_operations(name)
    np.testing.assert_array_equal(rotations[0], np.eye(3))
    np.testing.assert_array_equal(translations[0], 0)
    for w, t in zip(rotations, translations, strict=True):
        moved = fractional @ w.T + t
        offsets = moved[:, None, :] - fractional[None, :, :]
        same = np.all(np.abs(offsets - np.rint(offsets)) < 1e-12, axis=2)
        assert np.array_equal(same.sum(axis=1), np.ones(len(atoms)))
        assert np.array_equal(atoms.numbers[same.argmax(axis=1)], atoms.numbers)


def test_the_result_may_be_written_to() -> None:
    rotations, _ = symmetry_operations("fcc")
    rotations[:] = 0
    assert symmetry_operations("fcc")[0].any()


def test_unknown_prototypes_are_named() -> None:
    with pytest.raises(ValueError, match="no crystal prototype 'quartz'"):
        symmetry_operations("quartz")
