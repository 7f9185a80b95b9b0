"""Every operator of micrograd, with a Value or a number on either side: ints, floats, NumPy's scalars, and sum()."""

import numpy as np
from micrograd.engine import Value


def terms(x, y):
    two, half = np.int64(2), np.float64(0.5)
    return [
        *(x + y, x + 2, 2 + x, x + 0.5, 0.5 + x, two + x, half + x),
        *(x - y, x - 2, 2 - x, x - 0.5, 0.5 - x, two - x, half - x),
        *(x * y, x * 2, 2 * x, x * 0.5, 0.5 * x, two * x, half * x),
        *(x / y, x / 2, 2 / x, x / 0.5, 0.5 / x, two / x, half / x),
        *(x**2, x**3, x**-1, x**0, y**0.5, y**-1.5),
        *(-x, -(x - y), x * x, x - x, x / x),
        *(sum([x, y]), sum([x]), sum(v * v for v in (x, y, x)), sum([x, y], 10), sum((x, y)) * (1.0 / 2)),
        (x + y) * (x - y) / (2 + y**2) - 3 * x * y + 1,
    ]


found = []  # for each term its number and its two derivatives
for k in range(len(terms(Value(-1.5), Value(3)))):
    x, y = Value(-1.5), Value(3)
    term = terms(x, y)[k]
    term.backward()
    found.append((term.data, x.grad, y.grad))

a, b = Value(2.0), Value(-3)
c = a
c += b
c *= 2
c -= a / 4
c /= b
c **= 2
g = c.relu() + 1 + (-1 * c).relu()
g.backward()
