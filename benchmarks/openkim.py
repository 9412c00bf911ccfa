"""What certificates say of the portable models of OpenKIM, which nobody here wrote.

    apt-get install libkim-api-dev libkim-api2 openkim-models && pip install kimpy
    python -m benchmarks.openkim run [--only GLOB] [--seconds 600] [--again]
    python -m benchmarks.openkim page > docs/openkim.md

`run` certifies the models chosen here at `quick`, each in a process of its own, adds a line to
benchmarks/results/openkim.jsonl for each, and leaves out what is there already; `--again` judges it anew. The newest
line of a model counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ase.data import chemical_symbols

from benchmarks.sources import ROOT

MODELS = Path("/usr/lib/x86_64-linux-gnu/kim-api/portable-models")
RESULTS = ROOT / "benchmarks" / "results" / "openkim.jsonl"
PLAIN = ROOT / "benchmarks" / "results" / "openkim_plain.jsonl"
CONFIRMED = ROOT / "benchmarks" / "results" / "openkim_confirmed.jsonl"
UNITS = {"energy": "eV", "force": "eV/Å"}
MOST_JUMPS = 3
"""Told of one model; the largest."""
NAMED = (
    "SW_StillingerWeber_1985_Si__MO_405512056662_005",
    "EDIP_JustoBazantKaxiras_1998_Si__MO_958932894036_002",
    "EAM_Dynamo_ErcolessiAdams_1994_Al__MO_123629422045_005",
    "ThreeBodyBondOrder_PPM_PurjaPunMishin_2017_Si__MO_566683736730_000",
)
PER_KIND = {"EAM": 18, "MEAM": 8, "Morse": 5, "LJ": 4, "Tersoff": 6, "SW": 5, "EMT": 4, "TIDP": 3, "SNAP": 2}
"""Models of each kind, spread evenly over their names; of others two. SNAP takes minutes for a certificate."""
OTHERS = 2
MOST_SPECIES = 3
APART = ("robustness/processes", "robustness/threads", "robustness/memory-growth", "robustness/process-state")
"""Checks of the process, which say the same of every model of one program and take most of the time."""
OPEN = ("inconclusive", "error")
HOW = {"pass": "", "fail": " fails", "inconclusive": " is open", "error": " is an error"}


def chosen() -> list[str]:
    """Return the names of the models that are judged: those named, and some of each kind."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for path in sorted(MODELS.iterdir()):
        kinds[path.name.split("_")[0]].append(path.name)
    names = list(NAMED)
    for kind, found in kinds.items():
        count = min(len(found), PER_KIND.get(kind, OTHERS))
        names += [found[(2 * i + 1) * len(found) // (2 * count)] for i in range(count)]
    return list(dict.fromkeys(name for name in names if not name.startswith("ex_") and "User01" not in name))


def species_of(name: str) -> list[str]:
    """Return the elements that a model says it supports, at most `MOST_SPECIES`."""
    import kimpy

    _, found = kimpy.model.create(
        kimpy.numbering.zeroBased,
        kimpy.length_unit.A,
        kimpy.energy_unit.eV,
        kimpy.charge_unit.e,
        kimpy.temperature_unit.K,
        kimpy.time_unit.ps,
        name,
    )
    symbols = [symbol for symbol in chemical_symbols[1:] if _supports(found, symbol)]
    return symbols[:: max(1, len(symbols) // MOST_SPECIES)][:MOST_SPECIES]


def _supports(found: Any, symbol: str) -> bool:
    import kimpy

    try:
        supported, _ = found.get_species_support_and_code(kimpy.species_name.__dict__[symbol])
    except (KeyError, RuntimeError):
        return False
    return bool(supported)


def certify(name: str, species: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return what a certificate at `quick` says of a model: verdict, and what is not held."""
    spec = f"kim:{name}"
    with TemporaryDirectory() as folder:
        target = Path(folder) / "certificate.json"
        command = [sys.executable, "-m", "gnnp_bench", "certify", spec, "--species", ",".join(species)]
        command += ["--budget", "quick", "--json", str(target)]
        for check in APART:
            command += ["--skip", check]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                said, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.terminate()  # it ends with what it has
                said, _ = process.communicate()
        if not target.exists():
            return {"said": str(said).strip()[-300:]}
        certificate = json.loads(target.read_text())
    keep = ("id", "status", "quantity", "measured", "significance", "unit", "reason")
    told = [
        {key: check[key] for key in keep}
        for check in certificate["checks"]
        if check["status"] in ("fail", *OPEN) or (check["id"].startswith("smoothness/") and check["reason"])
    ]
    return {
        "complete": certificate["complete"],
        "told": told,
        "families": sorted({check["id"].partition("/")[0] for check in certificate["checks"]}),
        "evaluations": certificate["evaluations"],
        "elapsed_s": certificate["elapsed_s"],
    }


def lines() -> list[dict[str, Any]]:
    """Return what was judged so far, the newest line of each model."""
    found = [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    return list({line["name"]: line for line in found}.values())


def run(only: str, seconds: float, again: bool) -> None:
    """Certify what is not there yet, or all that is asked for."""
    done = set() if again else {line["name"] for line in lines()}
    for name in chosen():
        if name in done or not fnmatch(name, only):
            continue
        species = species_of(name)
        line = {"name": name, "species": species, **certify(name, species, seconds)}
        with RESULTS.open("a") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        print(name, verdict(line), file=sys.stderr, flush=True)


def verdict(line: Mapping[str, Any]) -> str:
    """Return in a word what a line says: fails, open, interrupted, or holds."""
    if "told" not in line:
        return "not loaded"
    statuses = {one["status"] for one in line["told"]}
    if "fail" in statuses:
        return "fails"
    if not line["complete"]:
        return "interrupted"
    return "open" if statuses & set(OPEN) else "holds"


def page(found: Sequence[Mapping[str, Any]]) -> str:
    """Return docs/openkim.md."""
    verdicts = [verdict(line) for line in found]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(sorted(verdicts)))
    text = [
        "# Models of OpenKIM",
        "",
        f"{len(found)} of the portable models that Debian's `openkim-models` holds, of many kinds, certified at "
        "`quick`, seed 0. The laws about processes, threads, memory and the program around are left out: they speak of "
        "the program that all these models share. What a model fails matters; what is told of one that holds is below "
        "what matters. Beside it stands what four plain scans without this project see: a pair, three atoms, one atom "
        "carried across a crystal, a crystal expanded (`benchmarks/openkim_plain.py`). They look at few lines, and at "
        "energies of 0.1 meV and forces of 1 meV/Å or more.",
        "",
        f"Counts: {counts}.",
        *_older(found),
        "",
        "| model | species | verdict | what is told | a plain look |",
        "| --- | --- | --- | --- | --- |",
        *(_row(line) for line in sorted(found, key=lambda line: (verdict(line), line["name"]))),
        "",
        *_looks(found),
        "",
        "Made by `python -m benchmarks.openkim run`, `python -m benchmarks.openkim_plain all`, "
        "`python -m benchmarks.openkim_confirm`, `python -m benchmarks.openkim_looks look` and "
        "`python -m benchmarks.openkim page`.",
    ]
    return "\n".join(text)


def _older(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is to be said of lines that were made before all families of laws were there."""
    today = [line["name"] for line in found if "families" in line]
    if len(today) == len(found):
        return []
    of_these = f" but {', '.join(f'`{name}`' for name in sorted(today))}" if today else ""
    return [
        "",
        f"All lines{of_these} are of 30 November 2026 and older than the laws of dynamics and of physics (holes at "
        "short range, crystals, phonons, drift): of these they say nothing.",
    ]


def _row(line: Mapping[str, Any]) -> str:
    said = [f"{one['id']}{HOW[one['status']]}: {_measured(one)}" for one in line.get("told", [])]
    said = said or [line.get("said", "")]
    cell = "<br>".join(said).replace("|", "\\|").replace("\n", " ")
    return f"| `{line['name']}` | {', '.join(line['species'])} | {verdict(line)} | {cell} | {_plainly(line['name'])} |"


def _looks(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section on findings that were measured again, and on laws that were seen to hold."""
    seen = [json.loads(line) for line in CONFIRMED.read_text().splitlines()] if CONFIRMED.exists() else []
    known = {(line["name"], one["id"]): one for line in found for one in line.get("told", [])}
    of = [one for one in seen if one["name"] in {line["name"] for line in found}]
    failed = [one for one in of if known.get((one["name"], one["law"]), {}).get("status") == "fail"]
    held = [one for one in of if (one["name"], one["law"]) not in known]
    missing = [
        f"`{name}` *{law}*"
        for (name, law), one in sorted(known.items())
        if one["status"] == "fail" and (name, law) not in {(look["name"], look["law"]) for look in failed}
    ]
    models = len({one["name"] for one in held})
    rows = [
        f"| `{one['name']}` | {one['law']} | {_number(one['certificate'])} | {_number(one['plain'])} | {one['how']} |"
        for one in sorted(failed, key=lambda one: (one["name"], one["law"]))
    ]
    return [
        "## Findings measured again",
        "",
        "Each with ASE's calculator or kimpy, and without the laws of this project (`benchmarks/openkim_confirm.py`, "
        "`benchmarks/openkim_looks.py`). Where it says *in its counterexample*, the structure and the path, loop or "
        "strain are those of the certificate, and the first number is what the certificate says of these; elsewhere "
        "structures are others, and so are numbers. Of work that is missed it is told whether the energy jumps on the "
        "way, or forces are not its slope. "
        f"{sum(one['violated'] for one in failed)} of {len(failed)} are seen; of {len(held)} laws that {models} models "
        f"hold, {sum(one['violated'] for one in held)} were seen violated."
        + (f" Without a look of their own: {', '.join(missing)}." if missing else ""),
        "",
        "| model | law | certificate | plain | how |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3g}"


def _plainly(name: str) -> str:
    """Return what `benchmarks.openkim_plain` saw of a model."""
    seen = [json.loads(line) for line in PLAIN.read_text().splitlines()] if PLAIN.exists() else []
    of = {line["name"]: line["jumps"] for line in seen}
    if name not in of:
        return "not looked at"
    jumps = sorted((jump for jump in of[name] if "size" in jump), key=lambda jump: -jump["size"])
    told = [
        f"{jump['kind']} {jump['size']:.2g} {UNITS[jump['kind']]}: {jump['line']} {jump['place']}" for jump in jumps
    ]
    more = [f"{len(jumps) - MOST_JUMPS} more"] if len(jumps) > MOST_JUMPS else []
    return "<br>".join([*told[:MOST_JUMPS], *more]) or "no jump"


def _measured(one: Mapping[str, Any]) -> str:
    number = "" if one["measured"] is None else f"{one['measured']:.2g} {one['unit'] or ''}".strip()
    return "; ".join(part for part in (number, one["reason"]) if part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="certify what is not there yet")
    running.add_argument("--only", default="*", help="names, as a glob")
    running.add_argument("--seconds", type=float, default=600.0, help="for each")
    running.add_argument("--again", action="store_true", help="what is there already as well")
    commands.add_parser("page", help="print docs/openkim.md")
    asked = parser.parse_args()
    if asked.command == "run":
        run(asked.only, asked.seconds, asked.again)
    else:
        print(page(lines()))


if __name__ == "__main__":
    main()
