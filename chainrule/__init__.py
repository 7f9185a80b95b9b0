"""One door to everything: what ``autograd`` exports, ``nn``, ``viz``; and the ``chainrule`` command.

A name is imported when it is first used, so ``import chainrule`` costs next to nothing, and the command's libraries are loaded by
the command alone.

>>> from chainrule import Value, grad, nn
>>> x = Value(3.0, "x")
>>> grad(x * x, [x]), nn.MLP(2, [4, 1])
([6.0], MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(4)]])
"""

import typing as _typing

if _typing.TYPE_CHECKING:
    import nn as nn
    import viz as viz
    from autograd import *  # noqa: F403
else:  # hidden from type checkers, to which it would say that every name is there

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name == "__all__":
            return _names()
        if name not in _names():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = import_module(name) if name in _PACKAGES else getattr(import_module("autograd"), name)
        globals()[name] = found
        return found


_PACKAGES = ("nn", "viz")


def _names() -> list[str]:
    from chainrule.other_autograd import require_own_autograd

    require_own_autograd()
    import autograd

    return [*autograd.__all__, *_PACKAGES]


def __dir__() -> list[str]:
    return sorted(_names())
