"""Networks of scalars: neurons whose every weight is a ``Value``.

>>> import nn
>>> model = nn.MLP(2, [4, 1], seed=0)
>>> optimizer = nn.SGD(model.parameters(), lr=0.1)
>>> loss = nn.hinge(model([0.5, -1.0]), 1)
>>> loss.backward()
>>> optimizer.step()
>>> nn.hinge(model([0.5, -1.0]), 1) < loss
True

The same network in NumPy, written by hand from the matrix equations, is ``nn.matrix`` (imported on its own: it needs NumPy).
"""

from autograd import debugging as _debugging
from nn import data as data
from nn import elementary as elementary
from nn.embedding import Embedding, one_vs_rest
from nn.layers import ACTIVATIONS, INITS, MLP, Layer, LayerTrace, Neuron, Trace
from nn.losses import (
    LOSSES,
    cross_entropy,
    cross_entropy_logits,
    half_sum_of_squares,
    hinge,
    mean,
    one_hot,
    sum_of_squares,
)
from nn.module import Module
from nn.summary import summary
from nn.textbooks.conventions import NOTATIONS, Notation, backward_quantities, compare_notations
from nn.textbooks.layouts import LAYOUTS, export_gradients, export_parameters, import_parameters, parameters_in_layout
from nn.training.batches import batches
from nn.training.fit import Epoch, epochs, fit
from nn.training.optimisers import SGD

_debugging.register_package(__file__)

__all__ = [
    "ACTIVATIONS",
    "INITS",
    "LAYOUTS",
    "LOSSES",
    "MLP",
    "NOTATIONS",
    "SGD",
    "Embedding",
    "Epoch",
    "Layer",
    "LayerTrace",
    "Module",
    "Neuron",
    "Notation",
    "Trace",
    "backward_quantities",
    "batches",
    "compare_notations",
    "cross_entropy",
    "cross_entropy_logits",
    "data",
    "elementary",
    "epochs",
    "export_gradients",
    "export_parameters",
    "fit",
    "half_sum_of_squares",
    "hinge",
    "import_parameters",
    "mean",
    "one_hot",
    "one_vs_rest",
    "parameters_in_layout",
    "sum_of_squares",
    "summary",
]
