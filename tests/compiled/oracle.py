"""What the eager engine says of a random function: values and derivatives of each example, from graphs of their own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd
from autograd import Value
from tests.compiled.tapes import Drawn


class Truth(NamedTuple):
    """Of N examples, K outputs, P parameters and F inputs."""

    outputs: np.ndarray  # (N, K)
    slopes: np.ndarray  # (N, K, P)
    input_slopes: np.ndarray  # (N, K, F)


def eager(drawn: Drawn) -> Truth:
    count = len(drawn.outputs)
    shape = (len(drawn.examples), count)
    truth = Truth(np.empty(shape), np.empty((*shape, len(drawn.parameters))), np.empty((*shape, drawn.examples.shape[1])))
    for n, example in enumerate(drawn.examples.tolist()):
        for k in range(count):
            parameters, inputs = drawn.values(), [Value(each) for each in example]
            result = drawn.function(parameters)(inputs)
            output = result[k] if count > 1 else result
            output.backward()
            truth.outputs[n, k] = output.data
            truth.slopes[n, k] = [each.grad for each in parameters]
            truth.input_slopes[n, k] = [each.grad for each in inputs]
    return truth


def program(drawn: Drawn, executor: str, **options: Any) -> autograd.compiled.program.Program:
    values = drawn.values()
    return autograd.compile(drawn.function(values), values, executor=executor, **options)


def errors(drawn: Drawn, executor: str, truth: Truth | None = None) -> dict[str, float]:
    """How far a program is from the truth, for each thing that it can be asked: relative to the largest entry."""
    truth = truth or eager(drawn)
    compiled, X = program(drawn, executor), drawn.examples
    found = {}
    if len(drawn.outputs) > 1:
        found["value"] = error(compiled.value(X), truth.outputs)
        found["jacobian"] = error(compiled.jacobian(X), truth.slopes)
        found["input_jacobian"] = error(compiled.input_jacobian(X)[0], truth.input_slopes)
        return found
    values, slopes = truth.outputs[:, 0], truth.slopes[:, 0]
    step = compiled.bind(X)
    value, gradients = step()
    found["value"] = error(value, values.mean(), np.abs(values).max())
    found["forward"] = error(step.value(), values.mean(), np.abs(values).max())
    found["gradients"] = error(gradients, slopes.mean(axis=0), np.abs(slopes).max(initial=0.0))
    found["again"] = error(step(compiled.parameters()).gradients, gradients)
    found["values"] = error(step.per_example().values, values)
    found["slopes"] = error(step.per_example().gradients, slopes)
    found["inputs"] = error(compiled.input_gradients(X)[0] * len(X), truth.input_slopes[:, 0])
    return found


def error(got: Any, wanted: Any, scale: float | None = None) -> float:
    """The largest difference, relative to the largest entry; 0 where both are 0, inf where one is no number or shapes differ."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape:
        return float("inf")
    difference = np.abs(got - wanted).max(initial=0.0)
    scale = np.abs(wanted).max(initial=0.0) if scale is None else scale
    return 0.0 if difference == 0 else float(np.nan_to_num(difference / scale if scale else np.inf, nan=np.inf))


def _executors() -> list[Any]:
    missing = pytest.mark.skipif(find_spec("llvmlite") is None, reason="native code needs llvmlite")
    return ["plain", "numpy", pytest.param("native", marks=missing)]


EXECUTORS = _executors()
