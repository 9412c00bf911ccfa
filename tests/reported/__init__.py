"""Defects that users reported in public, planted into sound potentials; and reports that were of no defect."""

from tests.reported.base import Reported
from tests.reported.calculators import CALCULATORS
from tests.reported.histories import HISTORIES
from tests.reported.images import IMAGES
from tests.reported.neighbours import NEIGHBOURS
from tests.reported.outputs import OUTPUTS
from tests.reported.sound import NO_DEFECTS, NoDefect
from tests.reported.stresses import STRESSES
from tests.reported.surfaces import SURFACES

FAMILIES = (IMAGES, NEIGHBOURS, STRESSES, HISTORIES, OUTPUTS, SURFACES, CALCULATORS)
REPORTED = {one.name: one for family in FAMILIES for one in family}

__all__ = ["NO_DEFECTS", "REPORTED", "NoDefect", "Reported"]
