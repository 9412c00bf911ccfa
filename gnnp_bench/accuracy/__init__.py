"""Errors against quantum reference data: labels, units, errors by group. Numpy and ASE alone."""
