"""Neuron, Layer, MLP: micrograd's networks, with any activation in each layer.

A layer computes from the activations h of the layer below (S4.2, S4.4)

    a_i = b_i + w_i1 h_1 + w_i2 h_2 + ...        its pre-activations,
    h_i = g(a_i)                                 its activations.

Parameters are labelled as in the textbooks: w2[3,1] is the weight of neuron 3 of layer 2 for neuron 1 of the layer below.
"""

from nn.layers.activations import ACTIVATIONS, Activation
from nn.layers.initialisation import INITS, Init
from nn.layers.layer import Layer, LayerTrace
from nn.layers.mlp import MLP, Trace
from nn.layers.neuron import Neuron

__all__ = ["ACTIVATIONS", "INITS", "MLP", "Activation", "Init", "Layer", "LayerTrace", "Neuron", "Trace"]
