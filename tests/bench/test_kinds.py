"""Problems: their names, the file form that workers are given, how many numbers they train."""

import pytest

from scratchgrad.bench.kinds import Mlp, applicable, named, restored


def test_problems_have_names_or_sizes_and_perhaps_a_batch():
    assert str(named("d")) == "32 layers of 64 B32"
    assert str(named("784-256-10x64")) == "784-256-10 B64" == str(named("b1"))
    assert str(named("12-5")) == "12-5 B32"
    assert str(named("cnn")) == "small CNN B32"
    assert str(named("transformerx8", "float64").small()) == "transformer B8"


@pytest.mark.parametrize("text", ["wide", "12", "12-0x3", "cnnx0", "cnnx", "mlp", "mlpx8", "3-xx"])
def test_what_names_no_network_is_refused(text):
    with pytest.raises(ValueError):
        named(text)


@pytest.mark.parametrize("text", ["a", "cnnx8", "transformer"])
def test_a_worker_restores_the_problem_it_is_given_with_the_same_numbers(text):
    problem = named(text)
    again = restored(problem.described())
    assert again == problem
    assert all((p == q).all() for p, q in zip(again.P, problem.P, strict=True))
    assert (again.X[0] == problem.X[0]).all()


@pytest.mark.parametrize("text", ["12-7-5x4", "cnn", "transformer"])
def test_network_and_module_have_the_parameters_in_the_problems_order(text):
    problem = named(text)
    net, module = problem.network(), problem.module()
    assert [tuple(net.value(n).shape) for n in net.names("parameter")] == problem.shapes
    assert [tuple(p.shape) for p in module.parameters()] == problem.shapes
    assert all(len(problem.shapes[k]) == 2 for k in problem.matrices)


def test_only_networks_of_products_alone_have_a_floor():
    who = ["eager", "numpy by hand", "native", "floor", "floor, from C"]
    assert applicable(Mlp(4, sizes=(3, 2)), who) == who
    assert applicable(named("cnn"), who) == ["eager", "native"] == applicable(named("transformer"), who)
