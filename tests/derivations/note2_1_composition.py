"""Note 2, the network, its update, and the chain of derivatives of each parameter."""

from tests.derivations import networks
from tests.derivations.note2 import EQUAL, NET, chain, composed, cost, dC_db, product
from tests.derivations.registry import Fails, Holds, Malformed, definition, false, verified

# --- the network and its update --------------------------------------------------------------------------------------

definition(
    "S2.1",
    r"z^l = W^l a^{l-1} + b^l",
    "the pre-activation",
    used_in="S2.23",
    printed="`*` for the product; $b$ without $l$",
)
definition("S2.2", r"a^l = \sigma(z^l)", "the activation", used_in=("S2.5", "S2.12"))
definition(
    "S2.i1",
    r"C = \tfrac12 \sum_j (a_j^L - y_j)^2",
    "the cost of one example",
    used_in=("S2.5", "S2.13"),
    printed=r"$\frac12(a^L - y)^2$, a number for one output only",
)
definition(
    "S2.3",
    r"W^l_{new} = W^l_{old} - \alpha \frac{\partial C}{\partial W^l}",
    "the update of the weights",
    used_in=("S2.6", "S2.8", "S2.10"),
    printed=r"$\partial C/\partial W$ without $l$",
)
definition(
    "S2.4",
    r"b^l_{new} = b^l_{old} - \alpha \frac{\partial C}{\partial b^l}",
    "the update of the biases",
    used_in=("S2.7", "S2.9", "S2.11"),
    printed=r"$\partial C/\partial b$ without $l$",
)

COMPOSITION = "C(a3(z3(W3, b3, a2(z2(W2, b2, a1(z1(W1, b1, a0)))))), y)"
PRINTED = "C(a3(z3(W3, b3, a2(z2, (W2, b2, a1(z1(W1, b1, a0))))))))"


def evaluate(text):
    """The number that a composition stands for, in NumPy; what is no expression, or has the wrong operands, has none."""
    names = {f"W{k}": w for k, w in enumerate(NET.weights, start=1)} | {f"b{k}": b for k, b in enumerate(NET.biases, start=1)}
    names |= dict.fromkeys(("z1", "z2", "z3"), lambda w, b, a: w @ a + b)
    names |= dict.fromkeys(("a1", "a2", "a3"), networks.sigmoid)
    names |= {"C": cost, "y": NET.y[0], "a0": NET.x[0]}
    try:
        return eval(text, names)
    except SyntaxError:
        raise Malformed("brackets do not match") from None
    except TypeError:
        raise Malformed("a function has too many or too few operands") from None


@false(
    "S2.5",
    r"C\big(a^3(z^3(W^3, b^3, a^2(z^2(W^2, b^2, a^1(z^1(W^1, b^1, a^0)))))), y\big)",
    "the network is a composition of functions",
    printed=r"a comma after $z^2$, 8 closing brackets for 7 opening ones, no $y$",
)
def network_as_a_composition():
    value = composed().nodes["C"].data
    yield Holds(value, evaluate(COMPOSITION))
    yield Fails(lambda: evaluate(PRINTED), value)
    with_seven = PRINTED[:-1]
    yield Fails(lambda: evaluate(with_seven), value)
    without_the_comma = with_seven.replace("z2, (", "z2(")
    yield Fails(lambda: evaluate(without_the_comma), value)
    yield Fails(lambda: evaluate(without_the_comma[:-1] + ", 0)"), value)


# --- the chains ------------------------------------------------------------------------------------------------------


@verified(
    "S2.6",
    r"\frac{\partial C}{\partial W^3} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial W^3}",
    "three factors for the weights of layer 3",
)
def chain_to_the_weights_3():
    yield from chain("W", 3, "C a3 z3 W3")


@verified(
    "S2.7",
    r"\frac{\partial C}{\partial b^3} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial b^3}",
    "three factors for the bias of layer 3",
)
def chain_to_the_bias_3():
    yield from chain("b", 3, "C a3 z3 b3")


@verified(
    "S2.8",
    r"\frac{\partial C}{\partial W^2} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial a^2} \frac{\partial a^2}{\partial z^2} \frac{\partial z^2}{\partial W^2}",
    "five factors for the weights of layer 2",
)
def chain_to_the_weights_2():
    yield from chain("W", 2, "C a3 z3 a2 z2 W2")


@verified(
    "S2.9",
    r"\frac{\partial C}{\partial b^2} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial a^2} \frac{\partial a^2}{\partial z^2} \frac{\partial z^2}{\partial b^2}",
    "five factors for the bias of layer 2",
)
def chain_to_the_bias_2():
    yield from chain("b", 2, "C a3 z3 a2 z2 b2")


@verified(
    "S2.10",
    r"\frac{\partial C}{\partial W^1} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial a^2} \frac{\partial a^2}{\partial z^2} \frac{\partial z^2}{\partial a^1}"
    r" \frac{\partial a^1}{\partial z^1} \frac{\partial z^1}{\partial W^1}",
    "seven factors for the weights of layer 1",
)
def chain_to_the_weights_1():
    yield from chain("W", 1, "C a3 z3 a2 z2 a1 z1 W1")


@false(
    "S2.11",
    r"\frac{\partial C}{\partial b^1} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial a^2} \frac{\partial a^2}{\partial z^2} \frac{\partial z^2}{\partial a^1}"
    r" \frac{\partial a^1}{\partial z^1} \frac{\partial z^1}{\partial b^1}",
    "seven factors for the bias of layer 1",
    printed=r"six factors: $\partial z^2/\partial a^1$ is missing",
)
def chain_to_the_bias_1():
    yield from chain("b", 1, "C a3 z3 a2 z2 a1 z1 b1")

    def printed(net):
        return product(net.chain("C a3 z3 a2 z2"), net.chain("a1 z1 b1"))

    yield Fails(lambda: printed(composed()), dC_db(NET, 1))
    yield Fails(lambda: printed(composed("EQUAL")), dC_db(EQUAL, 1))
