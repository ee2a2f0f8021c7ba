import ast
import importlib
import importlib.metadata
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import scratchgrad


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return set(done.stdout.split())


def test_importing_scratchgrad_loads_neither_torch_nor_sympy_nor_numpy():
    assert not loaded_by("import scratchgrad") & {"torch", "sympy", "numpy", "matplotlib", "typer", "rich", "jinja2"}


@pytest.mark.parametrize("name", ["load_data", "Network", "Sequential"])
def test_the_runtime_loads_no_sympy_from_us(name):
    # torch itself may import SymPy one day; what counts is what we add to it
    assert not (loaded_by(f"import scratchgrad; scratchgrad.{name}") - loaded_by("import torch")) & {"sympy", "typer"}


@pytest.mark.parametrize("source", ["u[i] = Sum(W[i,j]*x[j], j)", "linear"])
def test_deriving_needs_no_torch(source):
    assert "torch" not in loaded_by(f"import scratchgrad; scratchgrad.derive({source!r})['W'].vector")


@pytest.mark.parametrize("name", sorted(scratchgrad._HOMES))
def test_a_public_name_is_its_modules_own_object(name):
    assert getattr(scratchgrad, name) is getattr(importlib.import_module(scratchgrad._HOMES[name]), name)


def test_no_public_name_is_also_a_module_that_would_take_its_place():
    modules = {module.name for module in pkgutil.iter_modules(scratchgrad.__path__)}
    assert not modules & set(scratchgrad._HOMES)


def test_type_checkers_see_the_same_names_in_the_same_modules():
    tree = ast.parse(Path(scratchgrad.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert {alias.name: node.module for node in block.body for alias in node.names} == scratchgrad._HOMES


def test_dir_lists_the_public_names_before_they_are_fetched():
    assert set(scratchgrad._HOMES) <= set(dir(scratchgrad))


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known_ones():
    with pytest.raises(AttributeError, match="no attribute 'Netwrok'; it has .*Layer"):
        scratchgrad.Netwrok  # noqa: B018  # the access is what is tested


def test_the_version_is_that_of_the_installed_distribution():
    metadata = importlib.metadata
    try:
        installed = metadata.version("scratchgrad")
    except metadata.PackageNotFoundError:
        pytest.skip("scratchgrad is not installed, only on the path")
    assert scratchgrad.__version__ == installed
