"""Whether there is a frontier between errors of energy, forces and stress, on silicon and copper: a study.

    nice -n 19 python -m benchmarks.studies.pareto run --data /path/to/mlearn --work runs/pareto >> pareto.log 2>&1 &
    python -m benchmarks.studies.pareto table

Eight weightings of the loss, three seeds, one thread: 24 trainings of one to two CPU minutes for each element. What is
done stands in benchmarks/results/studies after every training, and is not done again, even where `--work` is new. With
`--commit` it is committed as well. `--smallest` trains next to nothing, to see that all of it works; its results stay
in `--work`. The test sets are not looked at.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.studies.laboratory import FIGURES, RESULTS, commit_files
from gnnp_bench.potential import PotentialError
from reference_model.pareto.results import RESULT, read_result
from reference_model.pareto.run import FIGURE, Study, run
from reference_model.train.cli import say, set_threads
from reference_model.train.recipe import Recipe
from reference_model.train.sets import Request

EPOCHS = {"Si": 30, "Cu": 15}
"""About 1,500 gradient steps each: copper has as many structures, and larger ones."""
WEIGHTINGS, SEEDS = 8, 3


def study(element: str, data: Path, out: Path, seeds: int, smallest: bool) -> Study:
    """Return what is trained for an element."""
    recipe = Recipe(variant="lmax2", epochs=EPOCHS[element])
    if smallest:
        recipe = Recipe(variant="invariant", cutoff=3.5, epochs=1)
    request = Request(train=(data / f"{element}_train.extxyz",), out=out, recipe=recipe)
    return Study(request=request, n_weightings=2 if smallest else WEIGHTINGS, n_seeds=1 if smallest else seeds)


def carry_out(data: Path, work: Path, seeds: int, smallest: bool, commit: bool) -> None:
    """Train what is missing."""
    set_threads()
    for element in EPOCHS:
        out = work / (f"smallest-{element}" if smallest else element)
        results, figures = (out, out) if smallest else (RESULTS, FIGURES)
        kept, figure = results / f"pareto-{element}.json", figures / f"pareto-{element}.png"
        out.mkdir(parents=True, exist_ok=True)
        if kept.exists():
            shutil.copy(kept, out / RESULT)

        def keep(out: Path = out, kept: Path = kept, figure: Path = figure, element: str = element) -> None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            files = [kept]
            shutil.copy(out / RESULT, kept)
            if (out / FIGURE).exists():
                shutil.copy(out / FIGURE, figure)
                files.append(figure)
            if commit:
                found = read_result(kept)
                assert found is not None
                commit_files(files, f"Study of the frontier on {element}: {len(found['trainings'])} trainings")

        print(element, flush=True)
        run(study(element, data, out, seeds, smallest), say, keep)


def rows(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of an element for the page."""
    names = list(found["objectives"])
    yield "| λ_E | λ_S | " + " | ".join(f"{name}, {found['objectives'][name]}" for name in names) + " | frontier |"
    yield "|" + " --- |" * (len(names) + 3)
    for one in found["weightings"]:
        cells = ["–"] * len(names) if one["errors"] is None else [_pair(one["errors"][name]) for name in names]
        weights = one["lambda"]
        on = f"{'yes' if one['on_frontier'] else 'no'}, {one['seeds_on_frontier']} of {len(found['seeds_compared'])}"
        yield f"| {weights['energy']:.3g} | {weights['stress']:.3g} | " + " | ".join(cells) + f" | {on} |"
    volume = found["hypervolume"]
    if volume is not None:
        yield ""
        yield f"Hypervolume {_pair(volume)}; the recipe alone {_pair(volume['recipe_alone'])}."
    for one in found["trade_offs"]:
        (a, b), (first, second) = one["gaps"], one["between"]
        e, f = one["standard_errors"]
        yield (
            f"{first} against {second}: best {second} costs {100 * a:.1f} ± {100 * e:.1f} % in {first}, best {first}"
            f" {100 * b:.1f} ± {100 * f:.1f} % in {second}; beyond noise: {one['beyond_noise']}, at most"
            f" {100 * one['at_most']:.1f} %"
        )


def _pair(one: Mapping[str, float | None]) -> str:
    mean, deviation = one["mean"], one["standard_deviation"]
    return f"{mean:.3g}" + ("" if deviation is None else f" ± {deviation:.2g}")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="train what is missing")
    running.add_argument("--data", type=Path, default=os.environ.get("GNNP_BENCH_DATA"), help="folder of mlearn")
    running.add_argument("--work", type=Path, required=True, help="folder of the trainings")
    running.add_argument("--seeds", type=int, default=SEEDS)
    running.add_argument("--smallest", action="store_true", help="next to nothing, to see that it works")
    running.add_argument("--commit", action="store_true", help="commit the results after every training")
    commands.add_parser("table", help="the tables of the page, from the results so far")
    asked = parser.parse_args()
    if asked.command == "table":
        for element in EPOCHS:
            found = read_result(RESULTS / f"pareto-{element}.json")
            if found is not None:
                print("\n".join([f"## {element}", "", *rows(found), ""]))
        return 0
    if asked.data is None:
        parser.error("run needs --data, or GNNP_BENCH_DATA")
    try:
        carry_out(Path(asked.data), asked.work, asked.seeds, asked.smallest, asked.commit and not asked.smallest)
    except PotentialError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
