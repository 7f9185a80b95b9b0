"""debug: inside it every node knows the line that made it; outside, and in other threads, nothing is different."""

import _thread
import asyncio
import copy
import gc
import importlib.util
import inspect
import linecache
import pickle
import threading
import time
import weakref
from contextvars import copy_context

import pytest

import autograd
import nn
import viz
from autograd import Value, debug, debugging, grad, scope, scopes, topological_order, value


def here():
    """The number of the line that calls it."""
    return inspect.currentframe().f_back.f_lineno


def test_operations_leaves_constants_and_closures_know_their_line():
    with debug():
        x, line = Value(2.0), here()
        y = 3 * x.tanh()
        by_hand = Value(4.0, (x,), "square")
        with_partials = Value(4.0, (x,), (4.0,))
    for node in (x, *y.inputs, y, by_hand, with_partials):
        assert node.made_at.file == __file__
    assert x.made_at.text == "x, line = Value(2.0), here()"
    numbers = [node.made_at.number for node in (x, y, *y.inputs, by_hand, with_partials)]
    assert numbers == [line, line + 1, line + 1, line + 1, line + 2, line + 3]
    assert str(y.made_at) == f"{__file__}, line {line + 1}: y = 3 * x.tanh()"


OPERATIONS = {
    "operator": lambda x: x * x,
    "reflected operator": lambda x: 1 / x,
    "power": lambda x: x**2,
    "method": lambda x: x.leaky_relu(0.5),
    "function": lambda x: autograd.tanh(x),
    "composition": lambda x: autograd.softmax([x, 2 * x, x])[1],
    "sum": lambda x: sum([x, x, x]),
    "apply": lambda x: autograd.apply(autograd.OPS["mul"], x, 2.0),
    "layer": lambda x: nn.MLP(1, [2, 1], seed=0)([x]),
    "loss": lambda x: nn.cross_entropy_logits([x, 2 * x], 1),
    "gradient": lambda x: grad(x**3, [x], create_graph=True)[0],
    "value outside the kernel": lambda x: (1e200 * x) ** 9,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_line_is_the_users_however_deep_the_library_is_in_its_own_code(name):
    x = Value(2.0)
    with debug():
        node = OPERATIONS[name](x)
    made = [each.made_at for each in topological_order(node) if each.made_at is not None]
    assert node.made_at in made
    assert {line.file for line in made} == {__file__}
    assert {line.number for line in made} == {inspect.getsourcelines(OPERATIONS[name])[1]}


def test_of_nodes_made_outside_nothing_is_known_and_the_hot_path_is_what_it_was():
    before = value.current_scope
    x = Value(2.0)
    with debug():
        assert value.current_scope is not before
    assert value.current_scope is before is scopes.current_scope
    assert x.made_at is (x * x).made_at is None
    assert type((x * x).scope) is tuple


def test_blocks_nest_and_one_object_serves_again_and_inside_itself():
    block = debug()
    for _ in range(2):
        with block:
            with block, debug():
                assert Value(1.0).made_at is not None
            assert Value(1.0).made_at is not None
        assert Value(1.0).made_at is None
    assert value.current_scope is scopes.current_scope


def test_an_exception_ends_the_block():
    with pytest.raises(ValueError, match="needs x > 0"), debug():
        Value(-1.0).log()
    assert Value(1.0).made_at is None
    assert value.current_scope is scopes.current_scope


def test_only_threads_inside_a_block_are_annotated():
    entered, done = threading.Barrier(2), threading.Barrier(2)
    found = {}

    def inside():
        with debug():
            entered.wait(10)
            found["inside"] = [Value(1.0) * 2 for _ in range(100)]
            done.wait(10)

    def outside():
        entered.wait(10)
        found["outside"] = [Value(1.0) * 2 for _ in range(100)]
        done.wait(10)

    threads = [threading.Thread(target=each) for each in (inside, outside)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert all(node.made_at for node in found["inside"])
    assert not any(node.made_at for node in found["outside"])
    assert value.current_scope is scopes.current_scope


def test_many_threads_enter_and_leave_and_the_last_one_puts_things_back():
    wrong = []

    def work():
        for _ in range(200):
            with debug():
                wrong.extend([1] if Value(1.0).made_at is None else [])
            wrong.extend([1] if Value(1.0).made_at is not None else [])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong
    assert value.current_scope is scopes.current_scope


def test_tasks_that_take_turns_in_one_thread_have_blocks_of_their_own():
    async def inside():
        with debug():
            await asyncio.sleep(0)
            return Value(1.0).made_at

    async def outside():
        await asyncio.sleep(0)
        return Value(1.0).made_at

    async def both():
        return await asyncio.gather(inside(), outside())

    annotated, plain = asyncio.run(both())
    assert annotated is not None
    assert plain is None


def test_without_any_code_of_the_users_there_is_no_line():
    made = []
    with debug():
        work = map(Value.tanh, [Value(1.0)])  # run by C alone, in a thread that does not even come from `threading`
        _thread.start_new_thread(copy_context().run, (made.extend, work))
        end = time.monotonic() + 5
        while not made and time.monotonic() < end:
            time.sleep(0.001)
    [node] = made
    assert node.made_at is None


def test_without_source_the_line_has_a_number_and_no_text():
    names = {"debug": debug, "x": Value(2.0)}
    exec("with debug():\n    y = (\n        x *\n x)", names)
    assert names["y"].made_at == ("<string>", 3, "")
    assert str(names["y"].made_at) == "<string>, line 3"


def test_a_notebook_cell_has_its_text():
    cell, name = "with debug():\n    y = x * x  # square\n", "/tmp/ipykernel_1/2345.py"  # IPython enters cells in linecache so
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    try:
        names = {"debug": debug, "x": Value(2.0)}
        exec(compile(cell, name, "exec"), names)
        assert names["y"].made_at == (name, 2, "y = x * x  # square")
    finally:
        del linecache.cache[name]


def test_a_file_that_was_edited_is_read_again(tmp_path):
    path = tmp_path / "edited.py"
    for text in ("y = x * x", "y = x * x * x"):
        path.write_text(f"def f(x):\n    {text}\n    return y\n")
        spec = importlib.util.spec_from_file_location("edited", path)
        module = importlib.util.module_from_spec(spec)
        exec(compile(path.read_text(), str(path), "exec"), vars(module))
        with debug():
            assert module.f(Value(2.0)).made_at.text == text


def test_an_annotation_is_shared_and_keeps_no_frame_alive():
    class Local:
        pass

    def made():
        local = Local()
        nodes = [Value(1.0).tanh() for _ in range(1000)]
        return nodes, weakref.ref(local)

    gc.disable()
    try:
        with debug():
            nodes, local = made()
        assert local() is None
    finally:
        gc.enable()
    assert len({id(node.scope) for node in nodes}) == 1


def test_scopes_are_what_they_are_without():
    def graph():
        x = Value(2.0, "x")
        with scope("layer1") as layer:
            layer.part("neuron1")
            return (x * x).tanh()

    with debug():
        annotated = graph()
    assert annotated.scope == ("layer1", "neuron1") == (*annotated.scope,)
    assert hash(annotated.scope) == hash(("layer1", "neuron1"))
    assert viz.draw(annotated).source == viz.draw(graph()).source


def test_copies_keep_the_line():
    with debug():
        y = Value(2.0, "x") * 3
    for twin in (copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert twin.made_at == y.made_at


def test_a_registered_package_is_not_the_users(tmp_path, monkeypatch):
    package = tmp_path / "layers"
    package.mkdir()
    (package / "__init__.py").write_text("def square(x):\n    return x * x\n")
    namespace = {}
    exec(compile((package / "__init__.py").read_text(), str(package / "__init__.py"), "exec"), namespace)
    monkeypatch.setattr(debugging, "_foreign", [*debugging._foreign])
    with debug():
        inside = namespace["square"](Value(2.0))
        debugging.register_package(str(package / "__init__.py"))
        outside = namespace["square"](Value(2.0))
    assert (inside.made_at.file, outside.made_at.file) == (str(package / "__init__.py"), __file__)
