from __future__ import annotations

import gc
import hashlib
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.data import chemical_symbols

torch = pytest.importorskip("torch")
pytest.importorskip("chgnet")

from chgnet.model.dynamics import CHGNetCalculator
from chgnet.model.model import CHGNet

from gnnp_bench.adapters.chgnet import MAX_BATCH_ATOMS, ChgnetPotential, create
from gnnp_bench.adapters.registry import load
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, PotentialError, Prediction, Unsupported
