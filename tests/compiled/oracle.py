"""What the eager engine says of a random function: values and derivatives of each example, from graphs of their own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd
from autograd import Value, topological_order
from tests.compiled.tapes import Drawn


class Truth(NamedTuple):
    """Of N examples, K outputs, P parameters and F inputs."""

    outputs: np.ndarray  # (N, K)
    slopes: np.ndarray  # (N, K, P)
    input_slopes: np.ndarray  # (N, K, F)
    paths: (
        float  # the largest sum over the paths to a leaf of their absolute products, of which a slope may be a small difference
    )


def eager(drawn: Drawn) -> Truth:
    count = len(drawn.outputs)
    shape = (len(drawn.examples), count)
    truth = Truth(np.empty(shape), np.empty((*shape, len(drawn.parameters))), np.empty((*shape, drawn.examples.shape[1])), 0.0)
    paths = 0.0
    for n, example in enumerate(drawn.examples.tolist()):
        for k in range(count):
            parameters, inputs = drawn.values(), [Value(each) for each in example]
            result = drawn.function(parameters)(inputs)
            output = result[k] if count > 1 else result
            output.backward()
            truth.outputs[n, k] = output.data
            truth.slopes[n, k] = [each.grad for each in parameters]
            truth.input_slopes[n, k] = [each.grad for each in inputs]
            paths = max(paths, *absolute_paths(output, [*parameters, *inputs]))
    return truth._replace(paths=paths)


def absolute_paths(output: Value, leaves: list[Value]) -> list[float]:
    """The sum over all paths from each leaf of the absolute product of the local derivatives."""
    sums = {output: 1.0}
    for node in reversed(topological_order(output)):
        for source, partial in zip(node.inputs, node.partials, strict=True):
            sums[source] = sums.get(source, 0.0) + abs(partial) * sums[node]
    return [sums.get(each, 0.0) for each in leaves]


def program(drawn: Drawn, executor: str, **options: Any) -> autograd.compiled.program.Program:
    values = drawn.values()
    return autograd.compile(drawn.function(values), values, executor=executor, **options)


def errors(drawn: Drawn, executor: str, truth: Truth | None = None) -> dict[str, float]:
    """How far a program is from the truth, for each thing that it can be asked: relative to the largest entry."""
    truth = truth or eager(drawn)
    compiled, X = program(drawn, executor), drawn.examples
    found = {}
    floor = 1e-3 * truth.paths  # a slope that is far smaller than its parts has as many digits fewer
    if len(drawn.outputs) > 1:
        found["value"] = error(compiled.value(X), truth.outputs)
        found["jacobian"] = error(compiled.jacobian(X), truth.slopes, floor)
        found["input_jacobian"] = error(compiled.input_jacobian(X)[0], truth.input_slopes, floor)
        return found
    values, slopes = truth.outputs[:, 0], truth.slopes[:, 0]
    step = compiled.bind(X)
    value, gradients = step()
    found["value"] = error(value, values.mean(), np.abs(values).max())
    found["forward"] = error(step.value(), values.mean(), np.abs(values).max())
    found["gradients"] = error(gradients, slopes.mean(axis=0), max(floor, np.abs(slopes).max(initial=0.0)))
    found["again"] = error(step(compiled.parameters()).gradients, gradients)
    found["values"] = error(step.per_example().values, values)
    found["slopes"] = error(step.per_example().gradients, slopes, floor)
    found["inputs"] = error(compiled.input_gradients(X)[0] * len(X), truth.input_slopes[:, 0], floor)
    return found


def error(got: Any, wanted: Any, scale: float = 0.0) -> float:
    """The largest difference, relative to the largest entry, or to the scale if that is more; inf where shapes differ."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape:
        return float("inf")
    difference = float(np.abs(got - wanted).max(initial=0.0))
    scale = max(scale, float(np.abs(wanted).max(initial=0.0)))
    if difference == 0:
        return 0.0
    return difference / scale if scale and difference == difference else float("inf")


def _executors() -> list[Any]:
    missing = pytest.mark.skipif(find_spec("llvmlite") is None, reason="native code needs llvmlite")
    return ["plain", "numpy", pytest.param("native", marks=missing)]


EXECUTORS = _executors()
