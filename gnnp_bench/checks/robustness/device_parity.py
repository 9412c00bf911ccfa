"""robustness/device-parity: the answer is the same on every device."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import Case, Check, Measurement, PoolView, Request, Residual
from gnnp_bench.checks.common import LADDER, on_simpler_structures, same_input
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Capabilities


def _applies(capabilities: Capabilities) -> str | None:
    return None if capabilities.other_devices else "the potential declares no second device on this machine"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return view.pick(rng).case({"device": view.next_of(view.capabilities.other_devices)})


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    (here,) = yield Request([case.structure.copy()], ALL_PROPERTIES, together=True)
    (there,) = yield Request([case.structure], ALL_PROPERTIES, device=str(case.parameters["device"]))
    return Residual(same_input(here, there, case.nu, len(case.structure)))


DEVICE_PARITY = Check(
    id="robustness/device-parity",
    law="X(x) on one device = X(x) on another, for X = E, F, σ",
    category="mandatory",
    needs=ENERGY,
    source="PyTorch documentation, Numerical accuracy: TF32 on Ampere devices keeps 10 bits of the mantissa",
    tolerance=LADDER,
    physics=(
        "A potential that was validated on a CPU is simulated on a GPU. Sums in another order are rounding; "
        "products in a shorter format (TF32, bfloat16), kernels that exist twice, or buffers left behind on the "
        "other device are another potential. Not applicable where the machine has one device only: a certificate "
        "speaks of the device that it names."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
    cost=2,
)
