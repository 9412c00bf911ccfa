"""What a potential predicts of a material: one module per property, each a generator of requests.

A property is asked for as a law asks (`check.Check.measure`): it yields `Request` values and is sent predictions. So
the engine evaluates many crystals in one batch, a law of physics uses the same code by ``yield from``, and
``gnnp-bench properties`` drives it alone.
"""
