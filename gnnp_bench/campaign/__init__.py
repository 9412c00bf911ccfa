"""Many potentials and many laws as independent tasks, and a store of what came of them: docs/campaigns.md."""

from __future__ import annotations

from gnnp_bench.campaign.exchange import query

__all__ = ["query"]
