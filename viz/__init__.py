"""Pictures of computation graphs: every value, every gradient, and the local derivative on every edge.

>>> from autograd import Value
>>> x = Value(3.0, "x")
>>> y = x * x
>>> y.backward()
>>> picture = draw(y)          # a notebook shows it; picture.render("square") writes square.svg
>>> picture.source.count("n1 -> n2")
2
"""

from viz.dot.draw import draw
from viz.dot.layout import LayoutError

__all__ = ["LayoutError", "draw"]
