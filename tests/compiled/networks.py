"""Networks as tapes, for the tests of native code."""

import numpy as np

import autograd
from autograd import total
from autograd.compiled.tape import Instruction, Tape
from nn import MLP


def network(activation="tanh", sizes=(3, 5, 6), seed=0, penalty=0.0):
    """The tape of a loss of a network, and its parameters' numbers."""
    model = MLP(sizes[0], [*sizes[1:], 1], activation=activation, seed=seed)

    def loss(x, y):
        data = (model(x) - y) ** 2
        return data + penalty * total(p * p for p in model.parameters()) if penalty else data

    compiled = autograd.compile(loss, model.parameters(), shapes=[(sizes[0],), ()])
    return compiled.tape, compiled.parameters()


def examples(count, width, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width))


def tape_of(output, parameters):
    """The tape of a graph that is there."""
    slots = {each: k for k, each in enumerate(parameters)}
    order = autograd.topological_order(output)
    constants = list(dict.fromkeys(float(each.data) for each in order if not each.inputs and each not in slots))
    slots |= {
        each: len(parameters) + constants.index(float(each.data)) for each in order if not each.inputs and each not in slots
    }
    operations = [node for node in order if node.inputs]
    slots |= {node: slot for slot, node in enumerate(operations, start=len(parameters) + len(constants))}
    instructions = tuple(Instruction(node.op, *(slots[operand] for operand in node.inputs)) for node in operations)
    return Tape(len(parameters), 0, tuple(constants), instructions, (slots[output],), num_differentiated=len(parameters))
