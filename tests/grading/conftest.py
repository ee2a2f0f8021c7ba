"""What the tests of grading share: a file's text graded in this process, and the students' files graded once."""

import importlib.util
import itertools
import sys
from pathlib import Path

import pytest
import torch

from scratchgrad.grading.finding import candidates
from scratchgrad.grading.judging import judge
from scratchgrad.grading.mapping import read_mapping
from scratchgrad.grading.running import Limits, grade_file
from scratchgrad.grading.tape_checks import tape_checks

STUDENTS = Path(__file__).parent / "students"
_numbers = itertools.count()


@pytest.fixture
def module_of(tmp_path):
    """module_of(text): the module, executed in this process."""

    def execute(text):
        path = tmp_path / f"file_{next(_numbers)}.py"
        path.write_text(text, encoding="utf-8")
        specification = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(specification)
        sys.modules[path.stem] = module
        specification.loader.exec_module(module)
        return module

    return execute


@pytest.fixture
def graded(module_of):
    """graded(text, mapping): the grades by name."""

    def run(text, mapping=None):
        found, _ = candidates(module_of(text), mapping or {})
        return {candidate.name: judge(candidate) for candidate in found}

    return run


@pytest.fixture
def tape(module_of):
    """tape(text): the checks of the tape by name."""

    def run(text):
        module = module_of(text)
        found, _ = candidates(module, {})
        assert torch.get_default_dtype() == torch.float32
        return {check.name: check for check in tape_checks(module, found, {})}

    return run


@pytest.fixture(scope="session")
def students():
    """students(name): the grade of a student's file, made once."""
    made = {}

    def of(name):
        if name not in made:
            mapping = STUDENTS / f"{name}.toml"
            made[name] = grade_file(
                STUDENTS / f"{name}.py", read_mapping(mapping) if mapping.exists() else {}, Limits(layer=15)
            )
        return made[name]

    return of
