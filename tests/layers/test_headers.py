"""A room says its equation once: no header, no docstring and no recipe repeats what the room declares."""

import ast
import inspect
import re
import sys

import numpy as np
import pytest

import scratchgrad as sg
from scratchgrad import registry
from scratchgrad.cli.data_sheet import data_sheet
from scratchgrad.notation.equations import equations
from scratchgrad.notation.language import define, define_layer
from scratchgrad.recipes import recipe_module
from tests.layers.test_kernels import inputs_of
from tests.tolerances import tolerance

LINES = ("Equal", "Saved", "Source")
LINE = re.compile(r"^([A-Z][a-z]+)(?: {2,}|(?<=Options) )")  # Options is as long as its column


def source_of(name):
    return inspect.getsource(sys.modules[registry.layer(name).module])


def docstrings(source):
    """The header, and what stands under classes and functions."""
    tree = ast.parse(source)
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
    return [ast.get_docstring(node) or "" for node in nodes]


def restated(texts, layer):
    """The formulas of what the layer's equation assigns, h_i = ... or h[i] = ..., outside the lines Equal."""
    assigned = "|".join(re.escape(a.target.name) for a in define_layer(layer).assignments)
    formula = re.compile(rf"(?<!\w)(?:{assigned})(?:_\w+|\[[^\]]*\]|\([^)]*\))? *:?=(?!=).*")
    prose = [re.sub(r"^Equal .*(?:\n {8}.*)*", "", text, flags=re.MULTILINE) for text in texts]
    return [
        f"a formula {match[0]!r}: the Layer(...) call says it" for text in prose for match in formula.finditer(text)
    ]


def said_twice(source, layer):
    """What a room's docstrings state that the layer's declaration states already."""
    texts = docstrings(source)
    found, word = [], None
    for line in texts[0].splitlines()[1:]:
        at = LINE.match(line)
        word = at[1] if at else word if line.startswith(" " * 8) else None
        if at and word not in LINES:
            found.append(f"a line {word!r}: the Layer(...) call says it")
        elif line.startswith("    ") and word is None:
            found.append(f"a formula {line.strip()!r}: the Layer(...) call says it")
    return found + restated(texts, layer)


@pytest.mark.parametrize("name", registry.names())
def test_a_room_says_nothing_twice(name):
    assert said_twice(source_of(name), registry.layer(name)) == []


@pytest.mark.parametrize("name", registry.names())
def test_a_header_has_a_sentence_and_says_what_is_saved_and_the_source(name):
    sheet = data_sheet(registry.layer(name))
    assert sheet.sentence.endswith(".")
    assert {"Saved", "Source"} <= set(sheet.lines)


@pytest.mark.parametrize(
    "planted",
    [
        "\n    h_i = 1/(1 + exp(u_i)) + 7\n",
        "\n    1/(1 + exp(u_i)) + 7\n",
        "\nIt computes h_i = 1/(1 + exp(u_i)) + 7.\n",
        "\nIt computes h[i]=u[i] + 7.\n",
        "\nShapes  u[j] -> h[i]\n",
        "\nShared  u\n",
        "\nKink    none\n",
        "\nOptions stride=2\n",
    ],
)
def test_a_header_that_says_what_the_room_declares_is_caught(planted):
    source = source_of("sigmoid")
    assert len(said_twice(source.replace("\n", f"\n{planted}", 1), registry.layer("sigmoid"))) >= 1


def test_a_forward_formula_in_a_hand_kernels_docstring_is_caught():
    source = source_of("relu")
    assert '"""Entry by entry.' in source
    wrong = source.replace('"""Entry by entry.', '"""h = min(u, 0), entry by entry.')
    assert said_twice(wrong, registry.layer("relu")) == [
        "a formula 'h = min(u, 0), entry by entry.  u, h: [n, i].': the Layer(...) call says it"
    ]


def recipe_source(name):
    module = recipe_module(name)
    return inspect.getsource(module) if module is not None else ""


RECIPES = [name for name in registry.names() if recipe_module(name) is not None]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_does_not_state_the_equation_again(name):
    assert restated(docstrings(recipe_source(name)), registry.layer(name)) == []


# -- the line Equal: another form of the equation is one of the same values


def differs(layer, text):
    """The outputs in which the text differs from the layer's equation, at random inputs."""
    definition = define_layer(layer)
    other = define(layer.name, layer.whole, text, definition.shared, layer.options)
    found = set()
    for seed in range(5):
        drawn = inputs_of(layer, 1, seed=seed)
        pairs = zip(layer.signature.inputs, drawn, strict=True)
        values = {t.name: (x[0] if layer.carries_samples(t) else x).numpy() for t, x in pairs}
        given, equal = sg.derive(definition).forward(values), sg.derive(other).forward(values)
        found |= {
            o.name for o in layer.signature.outputs if not np.allclose(given[o.name], equal[o.name], **tolerance())
        }
    return found


STATED = [
    (name, text)
    for name in registry.with_variants()
    for source in (source_of(name), recipe_source(registry.layer(name).base.name))
    for text in re.findall(r"^Equal +(.*(?:\n {8}.*)*)", docstrings(source)[0], re.MULTILINE)
]


@pytest.mark.parametrize(("name", "text"), STATED)
def test_the_line_equal_is_another_form_of_the_equation(name, text):
    assert differs(registry.layer(name), text) == set()


def test_a_line_equal_that_differs_is_caught():
    sigmoid = registry.layer("sigmoid")
    assert differs(sigmoid, "h[i] = 1/(1 + exp(u[i]))") == {"h"}
    assert differs(sigmoid, "h[i] = 1/(1 + exp(-u[i])) + 7") == {"h"}


# -- what people read is printed from the equation


@pytest.mark.parametrize("name", registry.names())
def test_the_printed_equations_are_the_definition(name):
    layer = registry.layer(name)
    printed = define(name, layer.whole, "\n".join(equations(layer)), options=layer.options)
    assert printed.assignments == define_layer(layer).assignments
