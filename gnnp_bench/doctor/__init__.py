"""What is wrong with an adapter, in plain words, before the physics is judged.

`examine` looks at a potential as a plumber looks at pipes: units, signs, order, shapes, memory, what is declared. A
potential without findings may still violate every law; one with findings need not be judged yet.
"""

from gnnp_bench.doctor.examine import Examined, examine
from gnnp_bench.doctor.finding import Finding

__all__ = ["Examined", "Finding", "examine"]
