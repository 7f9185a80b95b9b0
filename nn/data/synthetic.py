"""Points in the plane, made from a seed: small problems that a straight line cannot solve, and one that it can.

All functions take the same arguments:

    n      the number of examples, which the classes share as evenly as n allows
    noise  the standard deviation of the normal noise that is added to each coordinate; it does not change the label
    seed   for a generator of their own; None draws from Python's global one. The same seed gives the same numbers

They raise a ValueError if n is too small for the classes, or the noise is negative or not finite.
"""

from __future__ import annotations

import math

from autograd.text import short_repr
from nn.data.dataset import Dataset
from nn.seeding import Generator, Seed, generator
from nn.whole_numbers import at_least


def moons(n: int = 100, noise: float = 0.1, seed: Seed = None) -> Dataset:
    """Two interleaving half circles of radius 1, the data of micrograd's demo.

    Source: the curves of scikit-learn's ``make_moons``.

    >>> moons(6, seed=0)
    Dataset moons: 6 examples, 2 features, 2 classes
    """
    upper, lower = _sizes("moons", n, 2)
    upper_moon = [(math.cos(math.pi * t), math.sin(math.pi * t)) for t in _from_0_to_1(upper)]
    lower_moon = [(1 - math.cos(math.pi * t), 0.5 - math.sin(math.pi * t)) for t in _from_0_to_1(lower)]
    return _dataset("moons", {"upper": upper_moon, "lower": lower_moon}, noise, generator(seed))


def circles(n: int = 100, noise: float = 0.05, seed: Seed = None) -> Dataset:
    """A circle of radius 1 and one of radius 1/2 inside it.

    Source: the curves of scikit-learn's ``make_circles`` with ``factor=0.5``.

    >>> circles(100, noise=0, seed=0).y.count(1)
    50
    """
    points = {}
    for name, radius, count in zip(("outer", "inner"), (1.0, 0.5), _sizes("circles", n, 2), strict=True):
        angles = (2 * math.pi * k / count for k in range(count))
        points[name] = [(radius * math.cos(a), radius * math.sin(a)) for a in angles]
    return _dataset("circles", points, noise, generator(seed))


TURNS = 1.25  # full turns of a spiral between the centre and radius 1


def spirals(n: int = 200, noise: float = 0.02, seed: Seed = None, classes: int = 2) -> Dataset:
    r"""Arms that wind out of the centre, one for each class c: the point at radius r has the angle :math:`2\pi(1.25\,r + c/classes)`.

    Source: spirals of Archimedes; Lang & Witbrock (1988), "Learning to tell two spirals apart", have two.

    >>> spirals(300, seed=0, classes=3).classes
    ('arm 1', 'arm 2', 'arm 3')
    """
    points = {}
    for c, count in enumerate(_sizes("spirals", n, classes)):
        radii = [0.1 + 0.9 * t for t in _from_0_to_1(count)]
        angles = [2 * math.pi * (TURNS * r + c / classes) for r in radii]
        points[f"arm {c + 1}"] = [(r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]
    return _dataset("spirals", points, noise, generator(seed))


def xor(n: int = 200, noise: float = 0.05, seed: Seed = None) -> Dataset:
    """Points of a square, in class 0 if x and y have the same sign, else in class 1; before noise, both are at least 0.1 from 0.

    Source: the exclusive or, which no single neuron can learn, in Minsky & Papert (1969), *Perceptrons*.

    >>> data = xor(100, noise=0, seed=0)
    >>> all((x * y < 0) == label for (x, y), label in zip(data.x, data.y))
    True
    """
    rng = generator(seed)
    points: dict[str, list[tuple[float, float]]] = {}
    for name, other_sign, count in zip(("same sign", "other sign"), (1, -1), _sizes("xor", n, 2), strict=True):
        signs = ((-1) ** k for k in range(count))
        points[name] = [(sign * rng.uniform(0.1, 1), sign * other_sign * rng.uniform(0.1, 1)) for sign in signs]
    return _dataset("xor", points, noise, rng)


def blobs(n: int = 150, noise: float = 0.3, seed: Seed = None, classes: int = 3) -> Dataset:
    """Clouds of normally distributed points, with centres evenly spaced on the circle of radius 1.

    >>> blobs(4, noise=0, seed=0, classes=2).x == [[-1.0, 0.0]] * 4
    False
    """
    points = {}
    for c, count in enumerate(_sizes("blobs", n, classes)):
        angle = 2 * math.pi * c / classes
        points[f"blob {c + 1}"] = [(math.cos(angle), math.sin(angle))] * count
    return _dataset("blobs", points, noise, generator(seed))


def _sizes(name: str, n: int, classes: int) -> list[int]:
    """How many examples each class has: n shared out evenly, where the last classes take what remains."""
    classes = at_least(2, classes, name, "classes")
    n = at_least(classes, n, name, "examples")
    return [(n + c) // classes for c in range(classes)]


def _from_0_to_1(count: int) -> list[float]:
    return [k / max(count - 1, 1) for k in range(count)]


def _dataset(name: str, points: dict[str, list[tuple[float, float]]], noise: float, rng: Generator) -> Dataset:
    """The points of all classes, in random order, with noise."""
    if not 0 <= noise < math.inf:
        raise ValueError(f"{name} needs a standard deviation of the noise, 0 or more, but got {short_repr(noise)}")
    examples = [(point, label) for label, members in enumerate(points.values()) for point in members]
    rng.shuffle(examples)
    x = [[coordinate + rng.gauss(0, noise) for coordinate in point] for point, _ in examples]
    return Dataset(name, ("x", "y"), tuple(points), x, [label for _, label in examples])
