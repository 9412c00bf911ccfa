"""The JSON Schema of a certificate, made from the classes that are encoded and one sentence for each field.

Regenerate the shipped file with ``python -m gnnp_bench.certificate.schema``.
"""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from gnnp_bench.certificate import result, seal
from gnnp_bench.certificate.result import SCHEMA_VERSION, Certificate

DIALECT = "https://json-schema.org/draft/2020-12/schema"

FIELDS: dict[str, dict[str, str]] = {
    "Certificate": {
        "schema_version": "Version of this format. A reader refuses any other than those it knows.",
        "verdict": "certified, failed (a law is violated, whatever is still to come) or partial (nothing violated, but "
        "not everything judged).",
        "grade": "exact: every law holds to rounding; physical: to what matters. null unless certified.",
        "complete": "false while checks are still to come, and for ever if the run was interrupted.",
        "potential": "Which potential was judged.",
        "environment": "Where and with what it was judged; has no influence on equality. Of another Python in "
        "which the potential lives: under potential (python, platform, packages with versions, sha256 of these).",
        "budget": "How many structures were drawn and how many evaluations each check had.",
        "profile": "What matters: the significances are scaled by 0.1 (strict), 1 (default) or 10 (loose).",
        "seed": "Seed from which structures and cases were drawn.",
        "elapsed_s": "Wall time of the run in seconds, without imports and loading.",
        "potential_s": "Seconds spent inside the potential, over all processes.",
        "evaluations": "Structures evaluated, noise floor and simplification included.",
        "structures": "Structures in the pool.",
        "noise": "The largest noise floor over the pool.",
        "checks": "What each check found, in the order of the registry.",
        "causes": "Mistakes without which laws that fail would hold; empty where none was found.",
        "scores": "Numbers beside the laws, as --with asks for them: accuracy, speed, properties of materials.",
        "uses": "For what the potential is fit, as follows from the results; empty in earlier versions.",
        "series": "What can be drawn of accuracy and properties; often empty.",
        "seal": "Hashes over all that the certificate says; null in earlier versions, and where it was never written.",
    },
    "PotentialRecord": {
        "spec": "The text by which the user named it, and by which it is loaded again.",
        "name": "Its name in words.",
        "version": "Version of the model, where it states one.",
        "weights_sha256": "SHA-256 of its weights in hexadecimal, where it has any.",
        "dtype": "Precision of its arithmetic, where known.",
        "device": "Device on which it ran.",
        "species": "Chemical symbols from which structures were drawn.",
        "parameters": "Number of its trained parameters, where known.",
        "combinations": "Sets of species that it was trained on together; others are extrapolation and were not drawn. "
        "Empty: not stated, and any were drawn.",
        "fitted_alone": "Species whose energy as an isolated atom was fitted to whole structures: energies of lone "
        "atoms, and cohesive energies, mean nothing.",
        "undetermined": "Those of them whose energies the training data do not tell apart: energies of structures of "
        "different composition cannot be compared.",
        "periodicity": "Kinds of structures that were drawn, of periodic (in three directions), partial and isolated: "
        "as the spec asks or the potential declares. Nothing is said of others. Empty: not recorded.",
    },
    "NoiseRecord": {
        "energy": "Energy, eV/atom.",
        "forces": "Largest force component, eV/Å.",
        "stress": "Largest stress component, eV/Å³.",
    },
    "CheckResult": {
        "id": "family/name, the key by which a check is called everywhere.",
        "law": "The law as one equation.",
        "category": "mandatory, claimed (binding because the potential claims it) or informational (never fails).",
        "status": "pass, fail, waived (a failure that is permitted), not_applicable, inconclusive or error.",
        "grade": "exact: within the bound. limited: within the significance, the bound being larger. approximate: "
        "beyond the bound, within the significance. violated: beyond both. null if not judged.",
        "quantity": "The quantity of worst status, then of largest measured/max(bound, significance).",
        "measured": "By how much the law was missed in it, at worst. null if not measured or not finite.",
        "bound": "What rounding and quadrature alone explain.",
        "significance": "What starts to matter to a physicist.",
        "unit": "Unit of the three numbers.",
        "components": "The same for every quantity the law speaks of.",
        "cases": "Cases measured that were not vacuous.",
        "kinds": "The same by kind: bulk, slab, wire, molecule (in a box or without), left-handed, large (of more than "
        "1,000 atoms). Empty in earlier versions.",
        "broken": "Cases that ended in an exception which is no refusal.",
        "evaluations": "Structures evaluated for this check.",
        "elapsed_s": "Wall time of this check in seconds.",
        "reason": "Why it is not_applicable, inconclusive, error or waived, in words.",
        "waivers": "Under which permissions the check is waived; empty for any other status.",
        "counterexample": "The simplest input found that fails; where nothing failed, one that led to no conclusion or "
        "broke; else null.",
        "series": "What can be drawn of the counterexample, or of the worst case where there is none; often empty.",
    },
    "ComponentResult": {
        "quantity": "energy, forces, stress, or what the law speaks of.",
        "status": "As for the check.",
        "grade": "As for the check.",
        "measured": "By how much the law was missed, at worst. null if not finite.",
        "bound": "What rounding and quadrature alone explain.",
        "significance": "What starts to matter to a physicist.",
        "unit": "Unit of the three numbers.",
        "kinds": "Its worst status on each kind of structure.",
    },
    "Fitness": {
        "use": "What is to be done with the potential.",
        "answer": "fit, fit with care, not fit or not looked at.",
        "because": "Ids of the laws behind any other answer than fit.",
        "reason": "Which law forbids it, which number to mind, what was not looked at, in words.",
    },
    "Series": {
        "figure": "What it is drawn in, in words. Series of the same figure and subject share it.",
        "kind": "law, or the kind of the scores that it belongs to.",
        "subject": "A crystal, a file; empty for a law.",
        "name": "Of this line among those of the figure.",
        "x_name": "What stands along x.",
        "x_unit": "Unit of x.",
        "unit": "Unit of y.",
        "x": "Numbers; null where one is not finite or the line is interrupted.",
        "y": "As many.",
        "points": "Single values, not joined by a line.",
        "logarithmic": "Both axes are logarithmic.",
    },
    "Seal": {
        "algorithm": "How the hashes are made: sha256-chain-1.",
        "fields": "SHA-256 of each field of the certificate but checks and seal.",
        "links": "One of each check, in their order.",
        "head": "The last hash of the chain, which is what signatures sign.",
        "here": "By which the user that made it knows it again on the same machine; null where that could not be.",
        "signatures": "Who stands for it; often empty.",
    },
    "Link": {
        "check": "Id of the check.",
        "sha256": "SHA-256 of the hash before it and of the result.",
    },
    "Signature": {
        "key": "Fingerprint of the public key: SHA-256 of its 32 bytes, in base64.",
        "algorithm": "ed25519.",
        "value": "The signature in base64.",
    },
    "Waiver": {
        "potential": "Name of the potential, or the spec by which it is loaded.",
        "check": "Id of the check.",
        "max": "The largest residual that is permitted.",
        "unit": "Unit of it.",
        "expires": "The last day on which it is good (UTC).",
        "reason": "Why, in words.",
    },
    "Counterexample": {
        "structure": "numbers, positions (Å), cell (Å, one vector a row), pbc, and what else the structure carries.",
        "case": "Parameters of the transformation, and the noise floor on the structure.",
        "reproduce": "The command that measures it again.",
        "history": "Structures to be evaluated before, one by one, by a potential just loaded in a new process.",
    },
    "Cause": {
        "name": "What it is called, for programs.",
        "measured": "What was done and what came out.",
        "looks_like": "The likeliest mistake behind it.",
        "mend": "What to do about it.",
        "explains": "Ids of the checks that hold on their counterexample once the mistake is taken back.",
    },
    "Score": {
        "kind": "accuracy, bench or properties.",
        "subject": "What it is of: a file and a group of its structures, a size, a crystal.",
        "name": "What was measured. Certificates are compared by kind, subject and name.",
        "value": "The number; null where there is none to be had, and remark says why.",
        "unit": "Unit of the numbers.",
        "uncertainty": "Half width of what it is known to; null where that is not known.",
        "better": "Which direction is an improvement: lower, higher or neither.",
        "reference": "What others found, never a pass mark; null where nothing is known.",
        "remark": "Why there is no value, what it lacks, or where the reference comes from.",
    },
}
"""What each field means, class by class."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the certificates that this version writes.

    Unknown fields are allowed, as the rule of compatibility demands.
    """
    generated = msgspec.json.schema(Certificate)
    definitions = {name: _described(name, generated["$defs"][name]) for name in FIELDS}
    definitions["Certificate"]["properties"]["schema_version"]["const"] = SCHEMA_VERSION
    definitions["Certificate"]["required"].insert(0, "schema_version")
    return {"$schema": DIALECT, "title": "gnnp-bench certificate", "$ref": generated["$ref"], "$defs": definitions}


def _described(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    """Return the definition with a sentence for each field, fields in the order in which they are written."""
    order = [field.name for field in dataclasses.fields(getattr(result, name, None) or getattr(seal, name))]
    summary = definition["description"].split("\n", 1)[0]
    properties = {key: {"description": FIELDS[name][key], **definition["properties"][key]} for key in order}
    required = [key for key in order if key in definition["required"]]
    return {"title": name, "description": summary, "type": "object", "properties": properties, "required": required}


def text() -> str:
    """Return the schema as it is shipped."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def shipped() -> str:
    """Return the text of the shipped schema file."""
    return (resources.files("gnnp_bench.certificate") / f"schema-{SCHEMA_VERSION}.json").read_text(encoding="utf-8")


if __name__ == "__main__":
    Path(__file__).with_name(f"schema-{SCHEMA_VERSION}.json").write_text(text(), encoding="utf-8")
