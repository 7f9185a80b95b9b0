"""diagnose: each trap is planted and found, its neighbours are left alone, and healthy graphs give an empty report."""

import math
from fractions import Fraction

import pytest
from hypothesis import strategies as st

import nn
from autograd import Constant, Value, apply, debug, diagnose, grad, maximum, scope, softmax, topological_order, total
from autograd.graph import names
from tests.strategies import NUMBERS, expressions, for_all

HONEST = {
    "zero derivative",
    "dead relu",
    "saturated",
    "stationary",
    "vanishing gradient",
    "exploding gradient",
}  # planted or not
EXPRESSIONS = expressions(float) | expressions(Fraction)
EXPRESSIONS_AND_NUMBERS = st.sampled_from([float, Fraction]).flatmap(lambda kind: st.tuples(expressions(kind), NUMBERS[kind]))


def kinds(report):
    return [finding.kind for finding in report]


def found(report, kind):
    """The nodes of the findings of a kind."""
    return [finding.node for finding in report if finding.kind == kind]


def message(report):
    """The words of the one finding there is."""
    [finding] = report
    return finding.message


def leaves_of(output):
    return [node for node in topological_order(output) if node.op is None and not isinstance(node, Constant)]


# --- healthy graphs -----------------------------------------------------------------------------------------------------


@for_all(EXPRESSIONS, examples=120)
def test_random_healthy_graphs_have_only_honest_findings(expression):
    output = expression.graph()[expression.output]
    for passes in (0, 1):
        for _ in range(passes):
            output.backward()
        report = diagnose(output)
        assert set(kinds(report)) <= HONEST
        assert report.unchecked == ()
        for finding in report:
            if not finding.kind.endswith("gradient"):
                zero = grad(output, [finding.node]) if finding.kind == "zero derivative" else finding.node.partials
                assert [*zero] == [0]


@for_all(EXPRESSIONS, examples=60)
def test_the_parameters_that_are_not_in_the_graph_are_those_found(expression):
    graph = expression.graph()
    leaves = [graph[name] for name in expression.leaves]
    output = graph[expression.output]
    assert found(diagnose(output, leaves), "unreached parameter") == [each for each in leaves if each not in leaves_of(output)]


@for_all(EXPRESSIONS, examples=60)
def test_nothing_is_changed(expression):
    output = expression.graph()[expression.output]
    output.backward()
    for leaf in leaves_of(output):
        leaf.data += 1
        leaf.grad += 1
    before = snapshot(output)
    diagnose(output)
    assert snapshot(output) == before


def snapshot(output):
    return [
        (id(node), repr((node.data, node.grad, node.partials, node.op, node.scope, vars(node))))
        for node in topological_order(output)
    ]


def test_a_network_in_training_is_healthy_at_every_step():
    model = nn.MLP(2, [3, 2], activation="tanh", seed=0)
    optimiser = nn.SGD(model.parameters(), 0.1)
    for _ in range(3):
        loss = nn.mean([nn.cross_entropy_logits(model(x), label) for x, label in (([0.5, -1.0], 0), ([1.5, 0.3], 1))])
        optimiser.zero_grad()
        assert not diagnose(loss, model.parameters())
        loss.backward()
        assert not diagnose(loss, model.parameters())
        optimiser.step()


def test_the_text_of_an_empty_report_says_what_was_checked():
    w = Value(3.0, "w")
    report = diagnose((w * 2).tanh())
    assert not report
    assert str(report).splitlines() == [
        "No findings in the graph of v2, of 4 nodes and 1 parameter",
        "checked: every number and every local derivative is finite",
        "checked: every operation agrees with the present numbers of its operands",
        "checked: every parameter's grad is 0 or the derivative of the output",
        "checked: every parameter is in the graph",
        "checked: no operation of one operand is flat in all the examples",
        "checked: every parameter has a way to the output without a local derivative of 0",
        "checked: no two neurons of a layer have the same parameters and gradients",
        "checked: no softmax has a single output",
        "checked: no softmax is taken of probabilities",
        "checked: gradients neither vanish nor explode from layer to layer",
    ]


def test_by_default_all_leaves_but_constants_are_parameters():
    x, y = Value(2.0), Value(3.0, "y")
    z = x * y * 5
    z.backward(), z.backward()
    assert found(diagnose(z), "left-over gradient") == [x, y]
    assert found(diagnose(z, iter([y, y])), "left-over gradient") == [y]


def test_a_long_chain_needs_no_recursion():
    x = end = Value(1.0, "x")
    for _ in range(20_000):
        end = -end
    assert not diagnose(end)
    x.data = 2.0
    assert kinds(diagnose(end)) == ["stale data"]


# --- stale data ---------------------------------------------------------------------------------------------------------


def test_an_assigned_leaf_is_named_with_the_operations_that_used_the_old_number():
    w, x, b = Value(2.0, "w"), Value(3.0, "x"), Value(1.0, "b")
    loss = (w * x + b).tanh()
    w.data = 5.0
    report = diagnose(loss)
    assert found(report, "stale data") == [w]
    assert "w was assigned after the graph was built: its data is now 5.0" in message(report)
    assert "v1 = w * x used another number: v1 is 6.0, and would now be 15.0" in message(report)
    assert "build the graph anew" in message(report)


def test_a_step_of_training_makes_every_parameter_stale_and_is_called_normal():
    model = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    loss = total((model(x) - 1) ** 2 for x in ([0.5, 1.0], [-2.0, 0.25]))
    loss.backward()
    for p in model.parameters():
        p.data -= 0.1 * p.grad
    report = diagnose(loss, model.parameters())
    assert {*kinds(report)} == {"stale data"}
    assert {*found(report, "stale data")} == {*model.parameters()}
    assert not any("may have been" in finding.message for finding in report)
    assert all("After a step of training" in finding.message and "normal" in finding.message for finding in report)
    assert str(report).endswith(f"stale data: ... and {len(report) - 3} more of this kind: the report is a sequence of all.")


def test_an_assigned_inner_node_is_named_and_not_its_leaves():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    inner = a + b
    inner.label = "inner"
    loss = inner * 3
    inner.data = 100.0
    report = diagnose(loss)
    assert found(report, "stale data") == [inner]
    assert "inner = a + b gives 3.0" in message(report)
    assert "would now be 300.0" in message(report)
    assert "assign leaves only" in message(report)


def test_a_leaf_and_an_inner_node_assigned_both():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    inner = a * b
    loss = inner.tanh()
    a.data, inner.data = 4.0, 0.5
    assert found(diagnose(loss), "stale data") == [a, inner]


def test_an_assigned_output_is_told_from_its_operands():
    x = Value(3.0, "x")
    y = x * x
    y.data = 10.0
    assert found(diagnose(y), "stale data") == [y]


def test_where_the_numbers_cannot_tell_all_suspects_are_named():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    y = a + b
    y.label = "y"
    b.data = 7.0
    assert "(It may have been b or y instead: the numbers cannot tell.)" in message(diagnose(y))


def test_whoever_was_read_as_it_is_now_is_no_suspect():
    a, b = Value(0.5, "a"), Value(2.0, "b")
    y, power = (a + b).tanh(), a**b
    a.data = 1.5
    assert "(It may have been b instead: the numbers cannot tell.)" in message(diagnose(y))  # tanh read a + b as it is
    assert "(It may have been b instead: the numbers cannot tell.)" in message(
        diagnose(power)
    )  # not from its data come its slopes


def test_whoever_is_stale_because_of_another_is_no_suspect():
    w, b = Value(1.5, "w"), Value(0.5, "b")
    y = (w * 2.0 + b + 10.0).tanh()
    w.data, b.data = 1.0, 2.0
    report = diagnose(y)
    assert found(report, "stale data") == [w, b]
    assert "may have been" not in str(report)


def test_constants_are_the_last_to_be_suspected():
    x = Value(0.5, "x")
    y = (x + 0.25).tanh()
    x.data = 1.0
    assert "may have been" not in message(diagnose(y))


def test_a_result_that_is_the_same_for_every_number_excludes_nobody():
    x = Value(0.5, "x")
    y = x + x
    zero = y - y
    y.data = 0.0
    assert "x was assigned" in message(diagnose(zero))
    assert "(It may have been v1 instead: the numbers cannot tell.)" in message(diagnose(zero))


def test_the_fewest_assignments_that_explain_everything_are_named():
    a, b, c = Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c")
    loss = (a + b) + (a + c)
    a.data = 9.0
    assert found(diagnose(loss), "stale data") == [a]


@pytest.mark.parametrize("part", ["leaves", "operations"])
def test_a_number_assigned_anywhere_is_found_if_and_only_if_something_was_computed_from_another(part):
    @for_all(EXPRESSIONS_AND_NUMBERS, st.data(), examples=120)
    def check(expression_and_number, data):
        expression, new = expression_and_number
        graph = expression.graph()
        order = topological_order(graph[expression.output])
        inside = [name for name in getattr(expression, part) if graph[name] in order]
        if not inside:
            return
        name = data.draw(st.sampled_from(inside))
        node, is_new = graph[name], repr(graph[name].data) != repr(new)
        node.data = new
        numbers = {each: node.data for each, node in graph.items()}
        readers = [
            each for each, operation in expression.operations.items() if name in operation.reads() and graph[each] in order
        ]
        is_stale = any(made_anew(expression.operations[each], numbers) != recorded(graph[each]) for each in readers)
        report = [finding for finding in diagnose(order[-1]) if finding.kind == "stale data"]
        if not (is_stale or (part == "operations" and is_new)):
            assert report == []
            return
        [finding] = report
        called = names(order)
        named = {finding.node} | {each for each in order if f" {called.get(each)} " in alternatives(finding.message)}
        assert node in named

    check()


def recorded(node):
    return repr((node.data, node.partials))  # a repr tells 0.0 from -0.0


def made_anew(step, numbers):
    """What is recorded if the step is made of new leaves with these numbers, or nothing outside its domain."""
    leaves = {each: Value(numbers[each]) for each in step.reads()}
    try:
        return recorded(apply(step.op, *(leaves.get(each, each) for each in step.operands)))
    except ValueError:
        return None


def alternatives(message):
    return message.partition("(It may have been")[2].partition("instead")[0].replace(",", " ")


def test_bits_count_and_nans_agree_with_nans():
    zero, nan = Value(0.0, "zero"), Value(math.nan, "nan")
    y = zero * 2.0 + nan * 1.0
    assert "stale data" not in kinds(diagnose(y))
    zero.data = -0.0
    assert found(diagnose(y), "stale data") == [zero]


def test_data_assigned_before_it_is_read_or_to_the_same_number_is_healthy():
    x = Value(2.0, "x")
    x.data = 3.0
    y = x * x + Value(Fraction(1, 2))
    x.data = 3
    assert not diagnose(y)


def test_a_relu_that_stays_off_is_not_stale():
    x = Value(-2.0, "x")
    y = x.relu() + 1
    x.data = -3.0
    assert "stale data" not in kinds(diagnose(y))
    x.data = 3.0
    assert found(diagnose(y), "stale data") == [x]


def test_a_sign_that_only_the_local_derivative_sees():
    x = Value(2.0, "x")
    y = x**2 + 1
    x.data = -2.0
    assert "the local derivative of v1 with respect to x is 4.0, and would now be -4.0" in message(diagnose(y))


def test_numbers_that_could_not_have_been_computed_are_stale_too():
    x, q = Value(2.0, "x"), Value(Fraction(1, 2), "q")
    y = x.log() + q.exp()
    x.data, q.data = -1.0, Fraction(10**400)
    assert found(diagnose(y), "stale data") == [x, q]


def test_recorded_derivatives_beyond_the_domain_are_not_stale():
    x = Value(0.0, "x")
    [slope] = grad(x.sqrt() * x, [x], create_graph=True)  # reads 1 / (2 * 0)
    assert "stale data" not in kinds(diagnose(slope))


def test_an_assigned_constant_is_found():
    x = Value(2.0, "x")
    y = x * 10.0
    y.inputs[1].data = 11.0
    assert found(diagnose(y), "stale data") == [y.inputs[1]]
    z = x + 10.0
    z.inputs[1].data = 11.0
    assert found(diagnose(z * x.tanh()), "stale data") == [z.inputs[1]]  # nobody else can have been


# --- left-over gradients ------------------------------------------------------------------------------------------------


@for_all(EXPRESSIONS, st.integers(2, 5), examples=100)
def test_several_passes_without_zero_grad_are_counted(expression, passes):
    output = expression.graph()[expression.output]
    for _ in range(passes):
        output.backward()
    leaves = leaves_of(output)
    report = [finding for finding in diagnose(output) if finding.kind == "left-over gradient"]
    expected = [leaf for leaf, derivative in zip(leaves, grad(output, leaves), strict=True) if derivative != 0]
    assert [finding.node for finding in report] == expected
    assert all(f"{passes} times the derivative" in finding.message for finding in report)


def test_rounding_in_sums_of_many_terms_is_no_alarm_and_does_not_hide_the_count():
    w = Value(0.1, "w")
    loss = total(w * (1 / (3 + i)) for i in range(200))
    loss.backward()
    once = w.grad
    assert not diagnose(loss)
    for _ in range(6):
        loss.backward()
    assert w.grad != 7 * once  # so the bound is needed
    assert "7 times the derivative" in message(diagnose(loss))
    w.grad = once * (1 + 1e-9)
    assert "not the derivative" in message(diagnose(loss))


@pytest.mark.parametrize("held", [1e300, 123456789.0])
def test_no_number_of_passes_is_read_into_a_large_gradient(held):
    w = Value(3.0, "w")
    loss = w * 1e-300
    loss.backward()
    w.grad = held
    assert "not the derivative" in message(diagnose(loss))


def test_sums_in_another_order_are_equal_within_rounding():
    w = Value(1.0, "w")
    loss = w * 1e16 + w * 3.0 - w * 1e16
    loss.backward()
    assert w.grad == 4.0  # rounded on the way; exactly it is
    w.grad = 3.0
    assert not diagnose(loss)
    terms = [1e-16] * 200 + [1.0]  # the pass adds them to the 1, where each is lost
    loss = total(w * term for term in terms)
    loss.backward()
    w.grad = math.fsum(terms)
    assert w.grad > 1 + 1e-14
    assert not diagnose(loss)


def test_fractions_are_compared_exactly():
    w = Value(Fraction(1, 3), "w")
    loss = w * w * Fraction(1, 7)
    loss.backward()
    w.grad += Fraction(1, 10**40)
    assert "not the derivative" in message(diagnose(loss))


def test_before_backward_any_gradient_is_of_an_earlier_pass():
    w, b = Value(3.0, "w"), Value(1.0, "b")
    (w * 2).backward()
    loss = w * 5 + b
    report = diagnose(loss, [w, b])
    assert found(report, "left-over gradient") == [w]
    assert "w.grad is 2.0, but backward() has not run from v2" in message(report)
    assert "zero_grad()" in message(report)


def test_something_else_from_an_earlier_pass():
    w = Value(3.0, "w")
    (w * 2).backward()
    loss = w * 5
    loss.backward()
    assert "w.grad is 7.0, not the derivative of v1 in it, 5.0" in message(diagnose(loss))


@pytest.mark.parametrize("held", [math.nan, math.inf, -5.0, 2.5])
def test_gradients_that_are_no_number_of_passes(held):
    w = Value(3.0, "w")
    loss = w * 5
    loss.backward()
    w.grad = held
    assert "not the derivative" in message(diagnose(loss))


def test_a_gradient_in_a_parameter_that_the_output_does_not_depend_on():
    w, other = Value(3.0, "w"), Value(3.0, "other")
    (other * 2).backward()
    loss = w * 5
    loss.backward()
    assert kinds(diagnose(loss, [w, other])) == ["left-over gradient", "unreached parameter"]


def test_gradients_set_to_0_after_the_pass_are_healthy():
    w = Value(3.0, "w")
    loss = w * 5
    loss.backward()
    w.grad = 0.0
    assert not diagnose(loss)


def test_a_pass_from_a_longer_graph_is_not_judged_and_said_so():
    w = Value(3.0, "w")
    part = w * 5
    (part * part).backward()
    report = diagnose(part)
    assert not report
    assert report.unchecked == (
        "left-over gradients: the grad of v1 is 30.0, neither 0 nor 1, so the last backward() began at another value.",
    )


def test_gradients_set_to_none_are_not_compared_and_said_so():
    w = Value(3.0, "w")
    loss = w * 5
    w.grad = None
    report = diagnose(loss)
    assert not report
    assert report.unchecked == ("the grad of w: it is no number; set it to 0 before backward().",)


def test_infinite_derivatives_are_not_left_over():
    x = Value(0.0, "x")
    loss = x.sqrt() - 2 * x.sqrt()  # inf - inf
    loss.backward()
    assert "left-over gradient" not in kinds(diagnose(loss))
    root = x.sqrt()
    root.backward()
    assert math.isnan(x.grad)  # inf would be that of root alone
    assert "left-over gradient" not in kinds(diagnose(root))


def test_inner_nodes_hold_the_latest_pass_and_are_not_judged():
    w = Value(3.0, "w")
    inner = w * 2
    (inner * 7).backward()
    w.grad = 0.0
    assert not diagnose(inner * 5, [w, inner])


# --- parameters without a gradient ----------------------------------------------------------------------------------------


def test_a_parameter_that_is_not_in_the_graph():
    w, b = Value(3.0, "w"), Value(1.0)
    loss = Value(w.data * 2) + 1
    report = diagnose(loss, [w, b])
    assert found(report, "unreached parameter") == [w, b]
    assert report[0].message.startswith("w is not in the graph of v1")
    assert report[1].message.startswith("parameters[1] is not in the graph")


BLOCKED = {
    "detach": (lambda w: w.detach() * 3, "v1 = detach(w), whose derivative is 0 everywhere"),
    "step": (lambda w: w.step() + 1, "v1 = step(w), whose derivative is 0 everywhere"),
    "dead relu": (lambda w: (-w).relu() * 2, "v2 = ReLU(v1), whose local derivative is 0 at these numbers"),
    "factor": (lambda w: w * 0.0 + 5, "v1 = w * 0.0, whose local derivative is 0 at these numbers"),
    "maximum": (lambda w: maximum(w, 100.0), "v1 = maximum(w, 100.0), whose local derivative is 0 at these numbers"),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_a_parameter_that_is_reached_through_zero_derivatives_alone(name):
    build, where = BLOCKED[name]
    w = Value(3.0, "w")
    report = diagnose(build(w), [w])
    assert found(report, "zero derivative") == [w]
    assert where in next(finding.message for finding in report if finding.kind == "zero derivative")


def test_one_open_way_is_enough_and_cancelling_ways_are_ways():
    w = Value(3.0, "w")
    assert not diagnose(w.detach() + w)
    assert not diagnose(w - w)
    shift = softmax([w, 2 * w])[0]
    assert not diagnose(shift)


# --- operations that pass nothing on ----------------------------------------------------------------------------------------


def network(biases, inputs):
    """Two relu neurons with these biases, on examples of one number each."""
    model = nn.MLP(1, [2, 1], activation="relu", init=lambda rng, nin, nout: 1.0)
    for neuron, bias in zip(model.layers[0].neurons, biases, strict=True):
        neuron.b.data = bias
    return total(model([x]) for x in inputs), model


def test_a_neuron_that_is_off_in_all_examples_is_one_finding():
    loss, model = network([-100.0, 0.5], [1.0, 2.0, 3.0])
    report = diagnose(loss, model.parameters())
    [dead] = found(report, "dead relu")
    assert dead.scope == ("layer1", "neuron1")
    assert "ReLU in layer1/neuron1 is off: at all its 3 nodes" in report[0].message
    assert {p.scope for p in found(report, "zero derivative")} == {("layer1", "neuron1"), ("layer2", "neuron1")}


def test_a_neuron_that_is_off_in_some_examples_is_healthy():
    loss, model = network([-1.5, 0.5], [1.0, 2.0, 3.0])
    assert not diagnose(loss, model.parameters())


def test_relus_outside_every_scope_are_looked_at_one_by_one():
    x = Value(2.0, "x")
    off, on = (-x).relu(), x.relu()
    assert found(diagnose(off + on), "dead relu") == [off]


def test_in_one_scope_every_operation_is_a_group_of_its_own():
    x = Value(2.0, "x")
    with scope("here"):
        y = (
            (-x).relu()
            + (-2 * x).relu()
            + (100 * x).tanh()
            + x.tanh()
            + (100 * x).sigmoid()
            + x.leaky_relu(0)
            + (-x).leaky_relu(0.1)
        )
    assert [(finding.kind, finding.node.op.name) for finding in diagnose(y)] == [
        ("dead relu", "relu"),
        ("saturated", "sigmoid"),
    ]


FLAT = {
    "saturated": [
        lambda x: (1000 * x).tanh(),
        lambda x: (1000 * x).sigmoid(),
        lambda x: (-1000 * x).sigmoid(),
        lambda x: (-1000 * x).exp(),
        lambda x: (-1000 * x).softplus(),
        lambda x: (1000 * x).erf(),
        lambda x: x**0,
        lambda x: (-x).leaky_relu(0),
        lambda x: (math.inf * x).tanh(),
        lambda x: (-math.inf * x).tanh(),
        lambda x: (19.07 * x).tanh(),  # from 19.06 on it rounds to 1
    ],
    "stationary": [lambda x: (x - 1) ** 2, lambda x: (x - 1).cos(), lambda x: abs(x - 1), lambda x: (x - 1) ** 3],
    "dead relu": [lambda x: (x - 1).relu(), lambda x: (-x).relu()],
    None: [
        lambda x: (10 * x).tanh(),
        lambda x: x.detach() + x,
        lambda x: x.step() + x,
        lambda x: x.relu(),
        lambda x: (x - 0.999) ** 2,
        lambda x: (-x).leaky_relu(),
        lambda x: (math.nan * x).relu(),
    ],
}


@pytest.mark.parametrize(("kind", "build"), [(kind, build) for kind, builds in FLAT.items() for build in builds])
@pytest.mark.parametrize("number", [float, Fraction])
def test_flat_operations_are_called_by_the_right_name(kind, build, number):
    report = diagnose(build(Value(number(1), "x")))
    assert [each for each in kinds(report) if each in HONEST - {"zero derivative"}] == ([kind] if kind else [])


# --- nan and inf --------------------------------------------------------------------------------------------------------------


def test_the_birthplace_of_an_infinity_with_its_operands_its_spread_and_its_line():
    x = Value(1000.0, "x")
    with debug():
        y = x.exp()
        z = y - y
        loss = z * 2 + x
    report = diagnose(loss)
    assert kinds(report) == ["inf"]
    assert report[0].node is y
    assert "v1 = exp(x) is the first number that is not finite: it is inf, with x = 1000.0." in message(report)
    assert "It spread to 3 nodes after it." in message(report)
    assert "The derivative of the output is not finite in 1 node." in message(report)
    assert message(report).endswith(f"It was made in {y.made_at}")
    assert y.made_at.text == "y = x.exp()"


def test_a_nan_from_finite_operands():
    base, exponent = Value(-2.0, "base"), Value(3.0, "exponent")
    report = diagnose(base**exponent)
    assert kinds(report) == ["nan"]
    assert (
        "v1 = base ** exponent is the first with a local derivative that is not finite: with respect to exponent it is nan"
        in message(report)
    )


def test_an_infinite_local_derivative_of_a_finite_value():
    x = Value(4.0, "x")
    root = (x - 4).sqrt()
    report = diagnose(root + 1)
    assert found(report, "inf") == [root]
    assert "with respect to v1 it is inf, with v1 = 0.0" in message(report)
    assert "The derivative of the output is not finite in 2 nodes" in message(report)


def test_in_a_constant_a_local_derivative_is_never_used():
    exponent = Value(3.0, "exponent")
    base = Constant(0.0)
    assert not diagnose(base * exponent + 1, [])
    tiny = Value(1e-310, "tiny")
    assert kinds(diagnose(Constant(0.0) / tiny, [])) == []  # 1 / tiny is infinite, but the 0 is a constant


@pytest.mark.parametrize("given", [math.nan, math.inf])
def test_a_leaf_that_was_given_so_is_named_as_such(given):
    x, gap = Value(1.0, "x"), Value(given, "gap")
    report = diagnose(x * 2 + gap)
    assert kinds(report) == [str(given)]
    assert report[0].node is gap
    assert f"gap is the first number that is not finite: it is a leaf, and was given as {given}" in message(report)
    assert "a gap in the data" in message(report)


def test_a_constant_that_was_given_so_is_named_with_its_reader():
    x = Value(1.0, "x")
    report = diagnose((x + math.inf) * 1.0)
    assert "The constant inf is the first number that is not finite; v1 = x + inf reads it." in message(report)
    assert kinds(diagnose(Constant(math.inf))) == ["inf"]


def test_several_births_are_counted_and_the_first_is_named():
    x = Value(1000.0, "x")
    first, second = x.exp(), (2 * x).exp()
    report = diagnose(first + second)
    assert found(report, "inf") == [first]
    assert "made in" not in message(report)  # it was not inside debug()
    assert "(The same happens anew at 1 further node, first at v3.)" in message(report)


def test_what_is_born_beside_it_is_not_its_spread():
    x = Value(4.0, "x")
    root = (x - 4).sqrt()  # 0, with an infinite local derivative
    report = diagnose(root.sqrt())
    assert found(report, "inf") == [root]
    assert "It spread" not in message(report)


def test_large_numbers_are_not_infinite():
    assert not diagnose(Value(1e300) * 1e8 * Fraction(1, 3))
    assert not diagnose(Value(Fraction(10**400, 3)) * 7)
    x = Value(10**5000, "x")
    y = x * 7
    assert not diagnose(y)
    x.data += 1  # Python refuses to print so many digits
    assert message(diagnose(y)).startswith("x was assigned")


# --- closures -----------------------------------------------------------------------------------------------------------------


def square(x):
    """micrograd's way: the backward pass is a function."""
    out = Value(x.data**2, (x,), "square")

    def backward():
        x.grad += 2 * x.data * out.grad

    out._backward = backward
    return out


def test_what_closures_hide_is_said_and_not_guessed():
    x, w = Value(3.0, "x"), Value(2.0, "w")
    loss = square(x) * w
    loss.backward()
    x.data = 4.0
    w.grad = 100.0
    report = diagnose(loss)
    assert found(report, "left-over gradient") == [w]
    assert kinds(report) == ["left-over gradient"]
    assert report.unchecked == (
        "whether the data of closures agree with their inputs (v1 = square(x)): there is no formula to compute them again.",
        "the gradients of x: their derivatives pass through closures that have no local derivatives to read.",
    )
    assert "not checked: the gradients of x" in str(report)


def test_whatever_is_before_a_closure_is_behind_it():
    x = Value(3.0, "x")
    loss = square(2 * x) + 1
    loss.backward()
    x.grad = 100.0
    report = diagnose(loss)
    assert not report
    assert report.unchecked[1].startswith("the gradients of x:")


def test_before_backward_a_gradient_behind_a_closure_is_left_over_too():
    x = Value(3.0, "x")
    x.grad = 1.0
    assert kinds(diagnose(square(x) + 1)) == ["left-over gradient"]


def test_of_closures_with_local_derivatives_the_gradients_are_checked():
    x = Value(3.0, "x")
    loss = Value(9.0, (x,), (6.0,)) * 2
    loss.backward()
    assert not diagnose(loss)
    loss.backward()
    report = diagnose(loss)
    assert "x.grad is 24.0, 2 times the derivative" in message(report)
    assert len(report.unchecked) == 1


def test_a_zero_derivative_after_a_closure_is_found_and_one_inside_is_not_guessed():
    x, y = Value(3.0, "x"), Value(3.0, "y")
    assert found(diagnose(square(x).detach() + 1), "zero derivative") == [x]
    assert not diagnose(square(y) + 1)


def test_a_closure_without_inputs_is_a_leaf():
    given = Value(3.0, (), "*")
    loss = given * 2
    loss.backward(), loss.backward()
    report = diagnose(loss)
    assert found(report, "left-over gradient") == [given]
    assert "2 times the derivative" in message(report)
    assert "(v1 = *())" in report.unchecked[0]


def test_a_nan_born_in_a_closure():
    x = Value(3.0, "x")
    report = diagnose(Value(math.nan, (x,), "mystery") + 1)
    assert "v1 = mystery(x) is the first number that is not finite: it is nan, with x = 3.0" in message(report)
    assert "it is a closure" in message(report)


# --- names and the report -------------------------------------------------------------------------------------------------------


def test_nodes_are_called_by_labels_scopes_and_places():
    x, twin, odd, blank = Value(2.0, "x"), Value(3.0, "x"), Value(5.0, "two\nlines"), Value(7.0, " ")
    with scope("layer1"), scope("neuron2"):
        y = x * twin * odd * blank
    y.backward(), y.backward()
    starts = [finding.message.split(".grad")[0] for finding in diagnose(y)]
    assert starts == ["x", "x_2", r"two\nlines", "x1"]
    assert "in the graph of layer1/neuron2/v3, of 7 nodes and 4 parameters" in str(diagnose(y))


def test_a_report_is_an_immutable_sequence():
    x = Value(3.0, "x")
    report = diagnose(x.detach() + 0 * x)
    first = report[0]
    assert report[:] == (first,) == tuple(report)
    assert first in report
    assert bool(report)
    assert (first.kind, first.node, first.message) == first
    with pytest.raises(TypeError):
        report[0] = first
    with pytest.raises(AttributeError):
        first.kind = "none"


def test_the_text_is_short_however_many_findings_there_are():
    weights = [Value(float(i), f"w{i}") for i in range(100)]
    loss = total(weights)
    loss.backward(), loss.backward()
    report = diagnose(loss)
    assert len(report) == 100
    assert str(report).count("left-over gradient: w") == 3
    assert "... and 97 more of this kind" in str(report)
    assert max(map(len, str(report).splitlines())) <= 100


def test_a_notebook_shows_names_as_they_are():
    x = Value(3.0, "w1[1,2]_$*<b>")
    markdown = diagnose(x.detach() + 1)._repr_markdown_()
    assert markdown.splitlines()[0] == "1 finding in the graph of v2, of 4 nodes and 1 parameter"
    assert r"- **zero derivative**: w1\[1,2\]\_\$\*\<b\> reaches" in markdown


REFUSED = {
    "a number": (lambda: diagnose(3.0), "diagnose looks at the graph of a Value, but the output is 3.0 of type float"),
    "a list": (lambda: diagnose([Value(1.0)]), "of type list"),
    "one parameter": (lambda: diagnose(Value(1.0), Value(2.0)), r"a list of parameters.*write \[w\]"),
    "a model": (lambda: diagnose(Value(1.0), nn.MLP(1, [1])), r"write model.parameters\(\)"),
    "numbers": (lambda: diagnose(Value(1.0), [2.0]), "the parameters of diagnose are Values, but one is 2.0 of type float"),
    "names": (lambda: diagnose(Value(1.0), {"w": Value(1.0)}), "one is 'w' of type str"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arguments_are_refused_with_advice(name):
    wrong, words = REFUSED[name]
    with pytest.raises(TypeError, match=words):
        wrong()


def test_data_that_is_no_number_is_refused_by_name():
    x = Value(1.0, "x")
    y = x * 2
    x.data = "1.0"
    with pytest.raises(TypeError, match="the data of x: a Value holds a real number"):
        diagnose(y)
