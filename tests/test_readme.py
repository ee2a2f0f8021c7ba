import importlib.util
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

import scratchgrad
from scratchgrad import registry
from scratchgrad.notation.equations import equations
from scratchgrad.notation.functions import listed
from tests.tolerances import tolerance

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"

PYTHON = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<output>.*?)```)?", re.DOTALL)


def layers_table():
    """The registry's rooms: equations from the definition, shapes from the signature."""
    rows = ["| Layer | Forward equations | Shapes of one sample |", "|---|---|---|"]
    for name in filter(registry.is_built_in, registry.names()):
        layer = registry.layer(name)
        shown = "<br>".join(f"`{equation.replace('|', chr(92) + '|')}`" for equation in equations(layer))
        rows.append(f"| [`{name}`](scratchgrad/layers/{name}.py) | {shown} | `{layer.signature}` |")
    return "\n".join(rows) + "\n"


def rewritten(what, content):
    """README.md with this between the marks of what it is."""
    begin = f"<!-- {what}: written by pytest tests/test_readme.py --update -->\n"
    before, found, rest = README.read_text(encoding="utf-8").partition(begin)
    _, end, after = rest.partition(f"<!-- /{what} -->")
    assert found and end, f"README.md lacks the marks {begin!r} and '<!-- /{what} -->'"
    return before + begin + content + end + after


def test_the_table_of_layers_is_that_of_the_registry(golden):
    golden(README, rewritten("layers", layers_table()))


def test_the_functions_are_those_of_the_table(golden):
    golden(README, rewritten("functions", textwrap.fill(f"`{listed()}`", 125) + "\n"))


def test_the_python_examples_run_in_their_order_and_print_what_stands_below_them(tmp_path):
    examples = list(PYTHON.finditer(README.read_text(encoding="utf-8")))
    assert examples
    mark = "\n=== example ==="
    code = f"\nprint({mark!r})\n".join(example["code"] for example in examples)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for example, printed in zip(examples, done.stdout.split(f"{mark}\n"), strict=True):
        if example["output"] is not None:
            assert printed.rstrip() == example["output"].rstrip()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_links_of_a_page_to_files_of_the_repository_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_room_that_contributing_shows_has_a_kernel_that_computes_its_definition(tmp_path):
    code = PYTHON.search((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))["code"]
    (tmp_path / "tanh.py").write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("tanh", tmp_path / "tanh.py")
    room = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(room)
    u, grad_h = torch.randn(2, 1, 5, dtype=torch.float64)
    h, saved = room.tanh.kernel_class.forward(u)
    derived = scratchgrad.derive(room.tanh)
    np.testing.assert_allclose(h[0], derived.forward({"u": u[0]})["h"], **tolerance())
    expected = derived["u"].evaluate({"h": grad_h[0]}, {"u": u[0]})
    np.testing.assert_allclose(room.tanh.kernel_class.backward(saved, grad_h)[0], expected, **tolerance())
