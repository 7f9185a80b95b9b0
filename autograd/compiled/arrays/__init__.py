"""The executor on NumPy: a tape in blocks of examples, its matrices as products of arrays."""

from autograd.compiled.arrays.executor import Arrays as Arrays
