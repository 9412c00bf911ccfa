"""The generated code of e3nn's tensor products, without what it computes in vain. The numbers stay the same bit by bit.

Two things cost time. Outer products that a specialised path does not need are computed all the same: they were meant
to be removed by a compiler that e3nn does not call by default. And weights are cut by one slice for each path, so that
the backward pass fills an array of the size of all weights with zeros for each: `torch.split` cuts all at once.
"""

from __future__ import annotations

import operator
from itertools import pairwise
from typing import Any

import torch
from e3nn.o3 import TensorProduct
from torch.fx import GraphModule, Node


def make_lean(model: torch.nn.Module) -> None:
    """Rewrite the code of every tensor product of a network in place."""
    for module in model.modules():
        if isinstance(module, TensorProduct):
            for code in module.children():
                if isinstance(code, GraphModule):
                    _rewrite(code)


def _rewrite(code: GraphModule) -> None:
    graph = code.graph
    graph.eliminate_dead_code()
    for node in list(graph.nodes):
        parts = sorted((cut, user) for user in node.users if (cut := columns(user)) is not None)
        cuts = [cut for cut, _ in parts]
        if len(cuts) < 2 or cuts[0][0] != 0 or any(one[1] != other[0] for one, other in pairwise(cuts)):
            continue
        # The code reads a tensor of this many columns: `reshape(-1, width)` stands before the slices.
        with graph.inserting_after(node):
            split = graph.call_function(torch.split, (node, [end - begin for begin, end in cuts], 1))
        with graph.inserting_after(split):
            for place, (_, user) in enumerate(parts):
                user.replace_all_uses_with(graph.call_function(operator.getitem, (split, place)))
                graph.erase_node(user)
    graph.lint()
    code.recompile()


def columns(node: Node) -> tuple[int, int] | None:
    """Return begin and end of the columns that a node takes, where it is x[:, begin:end]."""
    if node.op != "call_function" or node.target is not operator.getitem:
        return None
    index: Any = node.args[1]
    match index:
        case (slice(start=None, stop=None, step=None), slice(start=int(begin), stop=int(end), step=None)):
            return begin, end
    return None
