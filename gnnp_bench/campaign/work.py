"""What a worker is told to do, and what it answers: plain values, which any executor and any pipe can carry."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from gnnp_bench.certificate.provenance import anonymous
from gnnp_bench.engine.settings import Budget, Profile, Settings

Measured: TypeAlias = Literal["accuracy", "properties", "bench", "screen"]
MEASURED: tuple[Measured, ...] = get_args(Measured)
Kind: TypeAlias = Literal["subject", "pool", "law", "accuracy", "properties", "bench", "screen"]
File: TypeAlias = tuple[str, str, str]
"""A file that a task reads: its name in the campaign file, its path, a hash of what is in it."""
Ending: TypeAlias = Literal["finished", "refused", "died", "late", "differs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One task. Whoever carries it out needs nothing else.

    Attributes
    ----------
    kind : str
        *subject*: load the potential and tell what it is. *pool*: evaluate the structures and ν. *law*: judge one
        check on them. The others do what the commands of their names do.
    spec : str
    species : tuple of str
        Empty where nothing is restricted.
    budget, profile, seed
        As of `engine.settings.Settings`.
    name : str
        Id of the check; of what is measured, what a person calls it.
    version : str
        Of the code that has to compute it: see `sources`. A worker that has other code says so and computes nothing.
    subject : str
        Address of the potential that has to be loaded; empty where that is what is asked for.
    studying : tuple of str
        Of a pool: ids of the laws that want to know of crystals.
    asked : str
        Of what is measured: options, as JSON.
    files : tuple of File
        Of what is measured: what it reads.
    pool : bytes
        What the task *pool* found, for a law.
    limit_s : float or None
        Seconds after which the task is given up, where it has a process of its own.
    apart : bool
        Of a pool whose process has ended: find out at which structures it does, in a further process.
    """

    kind: Kind
    spec: str
    species: tuple[str, ...] = ()
    budget: Budget = "standard"
    profile: Profile = "default"
    seed: int = 0
    name: str = ""
    version: str = ""
    subject: str = ""
    studying: tuple[str, ...] = ()
    asked: str = ""
    files: tuple[File, ...] = ()
    pool: bytes = b""
    limit_s: float | None = None
    apart: bool = False

    @property
    def settings(self) -> Settings:
        """As the engine is asked."""
        return Settings(spec=self.spec, species=self.species, budget=self.budget, profile=self.profile, seed=self.seed)

    @property
    def address(self) -> str:
        """What decides about the result, as a hash: two tasks of one address have one result.

        Of a subject it is what was asked for; what was found has an address of its own.
        """
        if self.kind == "subject":
            return hashed("subject", anonymous(self.spec), self.species)
        if self.kind in MEASURED:
            read = [(name, digest) for name, _, digest in self.files]
            return hashed(self.kind, self.subject, self.version, self.asked, read)
        asked: list[Any] = [self.kind, self.subject, self.version, self.budget, self.seed]
        if self.kind == "pool":  # nothing is judged yet
            return hashed(*asked)
        return hashed(*asked, self.name, self.profile)

    @property
    def label(self) -> str:
        """What a person calls it."""
        what = {"subject": "loading", "pool": "structures and noise floor", "law": self.name}.get(
            self.kind, f"{self.kind} ({self.name})"
        )
        seed = "" if self.kind not in ("pool", "law") else f", seed {self.seed}"
        return f"{what} of {self.spec}{seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a task.

    Attributes
    ----------
    ending : str
        *finished*, with a value; with a sentence where nothing can be measured. *refused*: the potential cannot be
        loaded. *died*: its process ended. *late*: the limit was over, and its process was ended. *differs*: the worker
        would compute something else than was asked for.
    value : bytes
        JSON.
    said : str
        Of all but finished ones, and of those without a number: a sentence.
    elapsed_s : float
        Wall time, without loading.
    loading_s : float
        What loading the potential has taken in this task, 0 where the worker had it already.
    killed : bool
        The process was ended by SIGKILL, which nobody sends to himself: the task may not be to blame.
    """

    ending: Ending
    value: bytes = b""
    said: str = ""
    elapsed_s: float = 0.0
    loading_s: float = 0.0
    killed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectTold:
    """What a potential is, as its task tells: see `engine.assemble.Subject`.

    Attributes
    ----------
    address : str
        A hash over all of it that can change a number: weights, version, what it can do, the code and the packages
        that load it, the environment where it lives.
    """

    address: str
    record: dict[str, Any]
    capabilities: str
    packages: tuple[str, ...] = ()
    elsewhere: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTold:
    """What the task *pool* found: the certificate before the first law, and the pool as `plain` writes it."""

    start: dict[str, Any]
    pool: bytes


def hashed(*values: object) -> str:
    """Return a hash over plain values, thirty-two hexadecimal digits."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def to_bytes(value: Work | Outcome) -> bytes:
    """Return a task, or what came of it, as it is sent through a pipe."""
    return msgspec.msgpack.encode(value)


def work_from(data: bytes) -> Work:
    """Return the task that `to_bytes` wrote."""
    return msgspec.msgpack.decode(data, type=Work)


def outcome_from(data: bytes) -> Outcome:
    """Return the outcome that `to_bytes` wrote.

    Raises
    ------
    ValueError
        If it is none.
    """
    return msgspec.msgpack.decode(data, type=Outcome)
