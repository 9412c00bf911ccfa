"""Structures survive JSON to the last bit; malformed ones are named."""

import json
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gnnp_bench.strategies import structures
from gnnp_bench.structures import Recipe, build, from_json, to_json

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COLUMNS = ("tags", "momenta", "masses", "initial_magmoms", "initial_charges")


def through_json(atoms: Atoms) -> Atoms:
    return from_json(json.loads(json.dumps(to_json(atoms), allow_nan=False)))


def assert_same(first: Atoms, second: Atoms) -> None:
    assert set(first.arrays) == set(second.arrays)
    for name, values in first.arrays.items():
        assert values.dtype == second.arrays[name].dtype
        assert values.shape == second.arrays[name].shape
        assert values.tobytes() == second.arrays[name].tobytes(), name
    assert first.cell.array.tobytes() == second.cell.array.tobytes()
    assert np.array_equal(first.pbc, second.pbc)
    assert first.info.get("recipe") == second.info.get("recipe")


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_any_numbers_survive(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 4))
    atoms = Atoms(
        numbers=data.draw(arrays(int, n, elements=st.integers(0, 118))),
        positions=data.draw(arrays(float, (n, 3), elements=NUMBERS)),
        cell=data.draw(arrays(float, (3, 3), elements=NUMBERS)),
        pbc=data.draw(arrays(bool, 3)),
    )
    shapes: dict[str, Any] = {"momenta": (n, 3), "initial_magmoms": data.draw(st.sampled_from([(n,), (n, 3)]))}
    if n == 0:
        shapes["initial_magmoms"] = (0,)
    for name in data.draw(st.lists(st.sampled_from(COLUMNS), unique=True)):
        kind, elements = (int, st.integers(-(2**40), 2**40)) if name == "tags" else (float, NUMBERS)
        atoms.arrays[name] = data.draw(arrays(kind, shapes.get(name, (n,)), elements=elements))
    assert_same(atoms, through_json(atoms))


@settings(deadline=None, max_examples=25)
@given(structures())
def test_structures_of_the_pool_survive_with_their_recipe(atoms: Atoms) -> None:
    back = through_json(atoms)
    assert_same(atoms, back)
    assert_same(atoms, build(Recipe.from_json(back.info["recipe"])))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_json_cannot_hold_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="positions of the structure are not all finite"):
        to_json(Atoms("Cu", [[0, 0, bad]]))
    atoms = Atoms("Cu")
    atoms.set_momenta([[0, bad, 0]])
    with pytest.raises(ValueError, match="momenta of the structure"):
        to_json(atoms)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numbers": None}, "numbers of a structure must be lists"),
        ({"numbers": [29.5, 1]}, "lists of finite ints"),
        ({"numbers": [True, 1]}, "lists of finite ints"),
        ({"numbers": [200, 1]}, "between 0 and 118"),
        ({"numbers": [-1, 1]}, "between 0 and 118"),
        ({"numbers": [[29, 29]]}, r"numbers of a structure must have shape \(1,\), got \(1, 2\)"),
        ({"numbers": [10**30, 1]}, "lists of finite ints"),
        ({"positions": [[0, 0, 0]]}, r"positions of a structure must have shape \(2, 3\), got \(1, 3\)"),
        ({"positions": [[0, 0, 0], [0, 0]]}, "regular array"),
        ({"positions": [[0, 0, 0], ["a", 0, 0]]}, "lists of finite floats"),
        ({"positions": [[0, 0, 0], [None, 0, 0]]}, "lists of finite floats"),
        ({"positions": [[0, 0, 0], [float("nan"), 0, 0]]}, "lists of finite floats"),
        ({"cell": [1, 1, 1]}, r"cell of a structure must have shape \(3, 3\)"),
        ({"pbc": [1, 1, 1]}, "lists of finite bools"),
        ({"pbc": True}, "lists of finite bools"),
        ({"tags": [1.0, 2.0]}, "tags of a structure must be lists of finite ints"),
        ({"masses": [1.0]}, "masses of a structure must have shape"),
        ({"initial_magmoms": [[1.0, 2.0], [1.0, 2.0]]}, "initial_magmoms of a structure must have shape"),
        ({"recipe": 3}, "recipe of a structure must be a JSON object"),
        ({"color": 3}, "unknown entries of a structure: color"),
    ],
)
def test_malformed_entries_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_json(to_json(Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]])) | changes)


@pytest.mark.parametrize("name", ["numbers", "positions", "cell", "pbc"])
def test_missing_entries_are_named(name: str) -> None:
    values = to_json(Atoms("Cu"))
    del values[name]
    with pytest.raises(ValueError, match=f"a structure needs {name}"):
        from_json(values)


@pytest.mark.parametrize("values", [None, [], "Cu"])
def test_only_objects_are_structures(values: Any) -> None:
    with pytest.raises(ValueError, match="a structure is a JSON object"):
        from_json(values)
