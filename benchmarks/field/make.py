"""Writes the campaign of the field: all potentials that can be had without downloading weights from a hub.

    apt-get install libkim-api-dev libkim-api2 openkim-models && pip install kimpy
    python -m benchmarks.field.make
    gnnp-bench campaign run benchmarks/field/campaign.toml
    gnnp-bench campaign run benchmarks/field/standard.toml   # 40 of them, at `standard`

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
store = "{name}.db"
executor = "processes:2"
budgets = ["{budget}"]
seeds = [0]
timeout = {seconds}
model_timeout = {seconds}
export = "{name}.jsonl.xz"
export_every = {every}
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

STANDARD = (
    "chgnet:0.3.0",
    "sevennet:7net-0",
    "reference",
    "reference:adaptive",
    "reference:direct",
    "reference:lmax2",
    "ase:ase.calculators.emt:EMT",
    "ase:ase.calculators.lj:LennardJones?sigma=3.4&epsilon=0.0104&rc=8.5&ro=7.5&smooth=true",
    "kim:EAM_CubicNaturalSpline_AngeloMoodyBaskes_1995_Ni__MO_800536961967_003",
    "kim:EAM_Dynamo_AcklandBaconCalder_1997_Fe__MO_142799717516_005",
    "kim:EAM_Dynamo_CaiYe_1996_AlCu__MO_942551040047_005",
    "kim:EAM_Dynamo_ErcolessiAdams_1994_Al__MO_123629422045_005",
    "kim:EAM_Dynamo_FoilesBaskesDaw_1986Universal3_Cu__MO_666348409573_004",
    "kim:EAM_IMD_SchopfBrommerFrigan_2012_AlMnPd__MO_878712978062_003",
    "kim:EAM_MagneticCubic_DerletNguyenDudarev_2007_W__MO_195478838873_002",
    "kim:EAM_QuinticClampedSpline_Kim_2021_PtAu__MO_463728687265_000",
    "kim:EDIP_JustoBazantKaxiras_1998_Si__MO_958932894036_002",
    "kim:EMT_Asap_Standard_JacobsenStoltzeNorskov_1996_Ag__MO_303974873468_001",
    "kim:EMT_Asap_MetalGlass_PaduraruKenoufiBailey_2007_CuZr__MO_987541074959_001",
    "kim:Exp6_KongChakrabarty_1973_ArNe__MO_946046425752_002",
    "kim:LJ_Shifted_Bernardes_1958MedCutoff_Ar__MO_126566794224_004",
    "kim:LJ_Smoothed_Bernardes_1958_Ar__MO_764178710049_001",
    "kim:MEAM_LAMMPS_AsadiZaeemNouranian_2015_Fe__MO_492310898779_000",
    "kim:MEAM_LAMMPS_KimKimJung_2016_AlTi__MO_618133763375_000",
    "kim:MEAM_LAMMPS_KimSeolJi_2017_PtTi__MO_280985530673_000",
    "kim:MEAM_LAMMPS_KangEunJun_2014_SiC__MO_477506997611_000",
    "kim:MFF_MistriotisFlytzanisFarantos_1989_Si__MO_080526771943_001",
    "kim:MJ_MorrisAgaLevashov_2008_Fe__MO_857282754307_003",
    "kim:Morse_QuinticSmoothed_Jelinek_1972_Ar__MO_908645784389_002",
    "kim:Morse_Shifted_Glyde_1970_Ne__MO_169434419764_004",
    "kim:Morse_Shifted_Jelinek_1972_Ar__MO_831902330215_004",
    "kim:SNAP_LiHuChen_2018_Cu__MO_529419924683_000",
    "kim:SNAP_ZuoChenLi_2019quadratic_Li__MO_041269750353_000",
    "kim:SW_StillingerWeber_1985_Si__MO_405512056662_005",
    "kim:SW_BereSerra_2006_GaN__MO_861114678890_000",
    "kim:Tersoff_LAMMPS_ErhartAlbe_2005SiII_SiC__MO_408791041969_003",
    "kim:Tersoff_LAMMPS_Tersoff_1988T3_Si__MO_186459956893_003",
    "kim:Tersoff_LAMMPS_AlbeNordlundNord_2002_GaAs__MO_799020228312_003",
    "kim:ThreeBodyBondOrder_WR_WangRockett_1991_Si__MO_081872846741_000",
    "kim:ThreeBodyCluster_Gong_Gong_1993_Si__MO_407755720412_000",
)
"""Forty that span the kinds, for more evaluations and ten minutes each."""


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


def text(name: str, budget: str, seconds: int, every: int, potentials: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """Return a campaign file.

    Parameters
    ----------
    name : str
        Of the store and of the file that it is exported to.
    budget : str
    seconds : int
        That a potential may take.
    every : int
        Certificates after which the store is exported.
    potentials : sequence of (str, tuple of str)
        Specs and species.
    """
    parts = [HEAD.format(name=name, budget=budget, seconds=seconds, every=every)]
    for spec, species in potentials:
        of = f"species = {json.dumps(list(species))}\n" if species else ""
        parts.append(f"[[potential]]\nspec = {json.dumps(spec)}\n{of}")
    return "\n".join(parts)


if __name__ == "__main__":
    # Not to standard output, where models say what they think of their files.
    here = ROOT / "benchmarks" / "field"
    everything = [*OTHERS, *kim()]
    (here / "campaign.toml").write_text(text("field", "quick", 120, 50, everything))
    chosen = [one for one in everything if one[0] in STANDARD]
    (here / "standard.toml").write_text(text("standard", "standard", 600, 5, chosen))
