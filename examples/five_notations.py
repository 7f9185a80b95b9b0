"""Five training loops, each written like one of the five lecture notes, and the factors that make them the same.

In every step, each loop builds the graph of its note's loss, calls ``backward()`` once, and moves the parameters by its note's own
rule: with its backward quantity, its sign and its layout of the parameters. It returns the parameters before every step and after
the last: ``history[k]`` and ``history[k + 1]``. With the learning rates of the table, notes 0 and 2, which use one example in a
step, follow the same trajectory. Notes 1, 3 and 4, which use all examples in a step, follow another one. These are two different
algorithms: after one pass over the examples their difference is of the order of eta^2.

    python examples/five_notations.py

prints

    6 examples, widths 3-4-5-2: sigmoid outputs, half_sum_of_squares
    note  notation            layout      step   constant  backward quantity  / δ  gradient  rate  check
    0     sensitivities       transposed  one    1         s = ∂J/∂n          2    2         0.25  agrees
    1     batches             bias_row    batch  1/2       ∂E/∂A              1    1         0.5   agrees
    2     composed_functions  matrices    one    1/2       ∂C/∂z              1    1         0.5   agrees
    3     delta_rule          units       batch  1/2       δ = -∂J/∂net       -1   1         0.5   agrees
    4     feed_forward        theta       batch  1/6       ∇ₐL                1/3  1/3       1.5   agrees
    one example a step: sensitivities, composed_functions agree within 1e-12 for 200 steps: True
    all examples a step: batches, delta_rule, feed_forward agree within 1e-12 for 200 steps: True
    one against all: halving eta divides the gap after 6 examples by 4.000

    6 examples, widths 3-4-5-2: softmax outputs, cross_entropy
    note  notation            layout      step   constant  backward quantity  / δ  gradient  rate  check
    0     sensitivities       transposed  one    1         s = ∂J/∂n          1    1         0.5   agrees
    1     batches             bias_row    batch  1         ∂E/∂A              1    1         0.5   agrees
    2     composed_functions  matrices    one    1         ∂C/∂z              1    1         0.5   agrees
    3     delta_rule          units       batch  1         δ = -∂J/∂net       -1   1         0.5   agrees
    4     feed_forward        theta       batch  1/6       ∇ₐL                1/6  1/6       3     agrees
    one example a step: sensitivities, composed_functions agree within 1e-12 for 200 steps: True
    all examples a step: batches, delta_rule, feed_forward agree within 1e-12 for 200 steps: True
    one against all: halving eta divides the gap after 6 examples by 3.999
"""

import random

import nn
from autograd import Value, sigmoid, softmax, total

WIDTHS, EXAMPLES = [3, 4, 5, 2], 6
ETA, STEPS, TOLERANCE = 0.5, 200, 1e-12
SMALL_ETA = 1e-3  # so small that terms beyond eta^2 do not count


def f(layer, z):
    """The activations of a layer, from the list of its pre-activations."""
    return softmax(z) if layer.activation == "softmax" else list(map(sigmoid, z))


def sensitivities(model, xs, ys, cost, alpha, steps):
    """Note 0: w_ji(k+1) = w_ji(k) - alpha s_i a_j with s = dJ/dn, one example in each step."""
    history, parameters = [nn.export_parameters(model, "transposed")], nn.parameters_in_layout(model, "transposed")
    for k in range(steps):
        a, n = [list(map(Value, xs[k % len(xs)]))], []
        for layer, (w, b) in zip(model.layers, parameters, strict=True):
            n.append([total(w[j][i] * a[-1][j] for j in range(len(w))) + b[i] for i in range(len(b))])  # S0.4
            a.append(f(layer, n[-1]))
        cost(a[-1], ys[k % len(ys)]).backward()
        for (w, b), below, above in zip(parameters, a, n, strict=False):
            s = [n_i.grad for n_i in above]  # S0.8
            for i in range(len(b)):
                for j in range(len(w)):
                    w[j][i].data -= alpha * s[i] * below[j].data  # S0.12
                b[i].data -= alpha * s[i]  # S0.13
        history.append(nn.export_parameters(model, "transposed"))
    return history


def batches(model, xs, ys, cost, eta, steps):
    """Note 1: W <- W - eta Z^T dE/dA with examples as rows, the bias in row 0 of W, and a constant unit 0 in each layer."""
    history, matrices = [nn.export_parameters(model, "bias_row")], nn.parameters_in_layout(model, "bias_row")
    for _ in range(steps):
        Z, A = [[[Value(1.0), *map(Value, x)] for x in xs]], []  # S1.i1
        for layer, W in zip(model.layers, matrices, strict=True):
            A.append([[total(row[k] * W[k][t] for k in range(len(W))) for t in range(len(W[0]))] for row in Z[-1]])  # S1.2
            last = layer is model.layers[-1]
            Z.append([f(layer, row) if last else [Value(1.0), *f(layer, row[1:])] for row in A[-1]])  # S1.i4
        total(cost(y, t) for y, t in zip(Z[-1], ys, strict=True)).backward()
        for W, below, above in zip(matrices, Z, A, strict=False):
            for i in range(len(W)):
                for j in range(len(W[0])):
                    slope = sum(below[s][i].data * above[s][j].grad for s in range(len(xs)))  # S1.6
                    W[i][j].data -= eta * slope  # S1.19
        history.append(nn.export_parameters(model, "bias_row"))
    return history


def composed_functions(model, xs, ys, cost, alpha, steps):
    """Note 2: W_new = W_old - alpha dC/dW and b_new = b_old - alpha dC/db, one example in each step."""
    history, parameters = [nn.export_parameters(model, "matrices")], nn.parameters_in_layout(model, "matrices")
    for k in range(steps):
        a = xs[k % len(xs)]
        for layer, (W, b) in zip(model.layers, parameters, strict=True):
            z = [
                total(w_ij * a_j for w_ij, a_j in zip(row, a, strict=True)) + bias for row, bias in zip(W, b, strict=True)
            ]  # S2.1
            a = f(layer, z)  # S2.2
        model.zero_grad()
        cost(a, ys[k % len(ys)]).backward()
        for W, b in parameters:
            for parameter in [w for row in W for w in row] + b:
                parameter.data -= alpha * parameter.grad  # S2.3, S2.4
        history.append(nn.export_parameters(model, "matrices"))
    return history


def delta_rule(model, xs, ys, cost, eta, steps):
    """Note 3: w_rq <- w_rq + eta sum_i delta_r u_rq with delta_r = -dJ/dnet_r, whose minus makes this a plus."""
    history, units = [nn.export_parameters(model, "units")], nn.parameters_in_layout(model, "units")
    numbered = iter(units)
    layers = [[next(numbered) for _ in layer.neurons] for layer in model.layers]
    for _ in range(steps):
        net, u, J = [[] for _ in xs], [[] for _ in xs], []  # net[i][r] and u[i][r]: of example i and unit r
        for i in range(len(xs)):
            o = list(map(Value, xs[i]))
            for layer, w in zip(model.layers, layers, strict=True):
                below = [Value(1.0), *o]  # u_r0 = 1 makes w_r0 the bias
                nets = [total(w_rq * u_rq for w_rq, u_rq in zip(w_r, below, strict=True)) for w_r in w]  # S3.i3
                o = f(layer, nets)
                net[i] += nets
                u[i] += [below] * len(w)
            J.append(cost(o, ys[i]))
        total(J).backward()
        for r, w_r in enumerate(units):
            for q in range(len(w_r)):
                w_r[q].data += eta * sum(-net[i][r].grad * u[i][r][q].data for i in range(len(xs)))  # S3.3, S3.4, S3.11
        history.append(nn.export_parameters(model, "units"))
    return history


def feed_forward(model, xs, ys, cost, eta, max_iterations=1000):
    """Note 4: theta_(t+1) = theta_t - eta grad L with the mean over the examples, exactly ``max_iterations`` times."""
    history, theta = [nn.export_parameters(model, "theta")], list(flat(nn.parameters_in_layout(model, "theta")))  # S4.10
    t = 0
    while t < max_iterations:  # S4.i4
        outputs = []
        for x in xs:
            h = x
            for layer in model.layers:
                h = f(layer, [neuron.pre_activation(h) for neuron in layer.neurons])  # S4.84, S4.85
            outputs.append(h)
        model.zero_grad()
        nn.mean([cost(y, target) for y, target in zip(outputs, ys, strict=True)]).backward()  # S4.14
        for parameter in theta:
            parameter.data -= eta * parameter.grad  # S4.i10
        t += 1
        history.append(nn.export_parameters(model, "theta"))
    return history


LOOPS = {loop.__name__: loop for loop in (sensitivities, batches, composed_functions, delta_rule, feed_forward)}


def flat(nested):
    """All entries of nested lists."""
    for entry in nested:
        yield from flat(entry) if isinstance(entry, list) else [entry]


def problem(output):
    """A network and its examples, the same in every call: targets from 0 to 1 for sigmoid outputs, labels for softmax."""
    rng = random.Random(1)
    model = nn.MLP(WIDTHS[0], WIDTHS[1:], activation="sigmoid", output=output, seed=rng)
    xs = [[rng.uniform(-2, 2) for _ in range(WIDTHS[0])] for _ in range(EXAMPLES)]
    if output == "softmax":
        return model, xs, [i % WIDTHS[-1] for i in range(EXAMPLES)]
    return model, xs, [[rng.uniform(0, 1) for _ in range(WIDTHS[-1])] for _ in range(EXAMPLES)]


def trajectory(name, output, loss, eta, steps):
    """The parameters before every step and after the last, in one order for all notations, with the rate that equals eta on C."""
    notation = nn.NOTATIONS[name]
    model, xs, ys = problem(output)
    cost = nn.LOSSES[notation.squares if loss == "half_sum_of_squares" else loss]
    history = LOOPS[name](model, xs, ys, cost, notation.rate(eta, EXAMPLES, loss), steps)
    for parameters in history:
        nn.import_parameters(model, parameters, notation.layout)
        yield [p.data for p in model.parameters()]


def distance(one, other):
    """The largest difference between two parameters, over all steps."""
    return max(abs(p - q) for a, b in zip(one, other, strict=True) for p, q in zip(a, b, strict=True))


def gap(output, loss, eta):
    """The distance between one pass with a step for each example and one step on all, with the same start and eta."""
    *_, one_by_one = trajectory("composed_functions", output, loss, eta, EXAMPLES)
    *_, together = trajectory("batches", output, loss, eta, 1)
    return distance([one_by_one], [together])


def show(output, loss):
    """Print the table for one loss, and what training shows."""
    print(f"{EXAMPLES} examples, widths {'-'.join(map(str, WIDTHS))}: {output} outputs, {loss}")
    print(nn.compare_notations(*problem(output), loss, ETA))
    paths = {name: list(trajectory(name, output, loss, ETA, STEPS)) for name in nn.NOTATIONS}
    for batch, step in ((False, "one example"), (True, "all examples")):
        first, *others = (name for name, notation in nn.NOTATIONS.items() if notation.batch == batch)
        same = all(distance(paths[first], paths[other]) < TOLERANCE for other in others)
        print(f"{step} a step: {', '.join([first, *others])} agree within {TOLERANCE} for {STEPS} steps: {same}")
    apart = gap(output, loss, SMALL_ETA) / gap(output, loss, SMALL_ETA / 2)
    print(f"one against all: halving eta divides the gap after {EXAMPLES} examples by {apart:.3f}")


if __name__ == "__main__":
    show("sigmoid", "half_sum_of_squares")
    print()
    show("softmax", "cross_entropy")
