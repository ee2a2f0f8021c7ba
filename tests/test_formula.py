"""A size as a formula of others is computed, solved for one unknown, and refused with its reason."""

import pytest
import sympy as sp

from scratchgrad.formula import Formula, FormulaError
from scratchgrad.layer import Layer, OptionMismatch, options_in
from scratchgrad.signature import ShapeMismatch, Signature, SignatureError

POOL = "x[c,h] -> y[c,p]; p = (h - size)//stride + 1"


def pool():
    return Layer("pool", POOL, options="size=2 stride=size")


def test_a_formula_has_the_value_of_its_numbers_and_of_symbols():
    formula = Formula.parse("(h + 2*padding - k) // stride + 1")
    assert str(formula) == "(h + 2*padding - k)//stride + 1"
    assert formula.names == ("h", "padding", "k", "stride")
    assert formula.value({"h": 7, "padding": 1, "k": 3, "stride": 2}) == 4
    h = sp.Symbol("h", integer=True)
    assert formula.value({"h": h, "padding": 0, "k": 1, "stride": 1}) == h


@pytest.mark.parametrize("text", ["h / 2", "h ** 2", "f(h)", "h if h else 1", "h.real", "2.5*h", "-h"])
def test_a_formula_of_anything_else_is_refused(text):
    with pytest.raises(FormulaError, match="is made of whole numbers, names, \\+ - \\* and //, not "):
        Formula.parse(text)


def test_text_that_is_no_expression_is_no_formula():
    with pytest.raises(FormulaError, match="cannot read the formula 'h \\+'"):
        Formula.parse("h +")


def test_a_linear_formula_is_solved_for_one_name():
    assert Formula.parse("4*i").solved("i", 12, {}) == 3
    assert Formula.parse("4*i").solved("i", 13, {}) is None
    assert Formula.parse("2*j + i").solved("i", 9, {"j": 3}) == 3
    assert Formula.parse("0*i + 3").solved("i", 3, {}) is None


def test_a_signature_with_formulas_reads_back_what_it_writes():
    signature = Signature.parse(POOL)
    assert str(signature) == POOL
    assert Signature.parse(str(signature)) == signature
    assert (signature.shapes, signature.computed) == ("x[c,h] -> y[c,p]", "p = (h - size)//stride + 1")


def test_a_formula_for_no_axis_and_one_that_cannot_be_read_are_named():
    with pytest.raises(SignatureError, match="'q' has a formula, but no tensor has that axis"):
        Signature.parse("x[h] -> y[p]; q = h")
    with pytest.raises(SignatureError, match=r"cannot read 'p h'; write a size as p = \(h - k\)//2 \+ 1"):
        Signature.parse("x[h] -> y[p]; p h")
    with pytest.raises(SignatureError, match="is made of whole numbers"):
        Signature.parse("x[h] -> y[p]; p = h / 2")


def test_sizes_follow_from_the_inputs_and_the_options():
    layer = pool()
    assert layer.signature.sizes("pool", [(3, 7)], layer.options) == {"c": 3, "h": 7, "p": 3}
    wide = layer.with_options(size=3)
    assert wide.signature.sizes("pool", [(3, 7)], wide.options)["p"] == 2


def test_an_axis_that_would_be_empty_is_refused_with_the_numbers():
    layer = pool().with_options(size=5)
    with pytest.raises(
        ShapeMismatch,
        match=r"pool\(size=5\): p = \(h - size\)//stride \+ 1 is 0, expected at least 1 \(h is 4, size is 5",
    ):
        layer.signature.sizes(layer.name, [(3, 4)], layer.options)


def test_a_given_size_that_contradicts_its_formula_is_refused_with_both():
    layer = Layer("turn", "x[j] angle[h] -> y[j]; j = 2*h")
    with pytest.raises(ShapeMismatch, match=r"turn: index 'j' is 7 in x\[j\], but j = 2\*h is 6 \(h is 3\)"):
        layer.signature.sizes("turn", [(7,), (3,)])
    gates = Layer("gates", "z[q] -> f[i]; q = 4*i")
    assert gates.signature.sizes("gates", [(12,)])["i"] == 3
    with pytest.raises(
        ShapeMismatch, match=r"gates: index 'q' is 13 in z\[q\], expected q = 4\*i for a whole number i"
    ):
        gates.signature.sizes("gates", [(13,)])


def test_options_have_defaults_and_a_layer_at_others_is_a_layer_of_its_own():
    layer = pool()
    assert layer.options == {"size": 2, "stride": 2}
    three = layer.with_options(size=3)
    assert (three.name, three.options, three.stem) == ("pool(size=3)", {"size": 3, "stride": 3}, "pool_size_3")
    assert three is layer.with_options(size=3, stride=3)
    assert layer.with_options(size=2) is layer
    assert three.with_options(size=2) is layer
    assert three.with_options(stride=1).name == "pool(size=3,stride=1)"


def test_unknown_options_and_values_that_are_no_numbers_are_refused():
    with pytest.raises(OptionMismatch, match="layer 'pool' has no option 'kernel'; its options: size, stride"):
        pool().with_options(kernel=3)
    with pytest.raises(OptionMismatch, match="layer 'pool': size takes a whole number, got 2.5"):
        pool().with_options(size=2.5)
    with pytest.raises(OptionMismatch, match="options 'size': cannot read 'size'; write stride=2"):
        options_in("size")
    with pytest.raises(OptionMismatch, match="option stride=size: 'size' is no option before it"):
        Layer("pool", "x[i] -> y[i]", options="stride=size size=2")


def test_a_formula_of_unknown_names_and_an_option_called_like_an_axis_are_refused():
    with pytest.raises(SignatureError, match="p = h - k uses 'k', which is neither an axis of an input nor an option"):
        Layer("conv", "x[h] -> y[p]; p = h - k")
    with pytest.raises(SignatureError, match=r"layer 'pool': 'h' is an axis of x\[h\] -> y\[h\]; call it otherwise"):
        Layer("pool", "x[h] -> y[h]", options="h=2")
