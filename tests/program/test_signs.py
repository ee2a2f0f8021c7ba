"""A sign turned in a file that a backend executes for a layer stops the run before its first step, or turns no number.

What a mutant does is seen by running it (tests/program/signs.py), each in a process of its own, in a copy of the
package.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import scratchgrad
from scratchgrad import registry
from scratchgrad.program.native import compiler
from scratchgrad.registry import NotCertified
from scratchgrad.tape import Sequential
from scratchgrad.train import SGD
from tests.program.signs import turned

PACKAGE = Path(scratchgrad.__path__[0])
NAMES = registry.with_variants()


def executed(pattern):
    return sorted(path for path in PACKAGE.glob(pattern) if not path.name.startswith("_"))


PROGRAM = [p for p in executed("program/*.py") if p.stem not in ("explain", "cuda")]
NATIVE = [*executed("program/native/emit/*.py"), *executed("program/native/emit/*.h")]


def outcomes(folder, backend, part, files):
    """What every mutant of this part comes to, by file and line."""
    shutil.copytree(PACKAGE, folder / "scratchgrad", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "SCRATCHGRAD_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("signs.py")), str(folder), backend, part]
        + [str(path.relative_to(PACKAGE.parent)) for path in files],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("backend", "part", "files"),
    [
        ("torch", "3::47", PROGRAM),
        pytest.param("torch", "0::1", PROGRAM, marks=pytest.mark.slow),
        pytest.param("native", "0::1", NATIVE, marks=pytest.mark.slow),
    ],
)
def test_a_sign_turned_where_programs_are_made_is_refused_or_turns_no_number(tmp_path, backend, part, files):
    if backend == "native" and compiler() is None:
        pytest.skip("there is no C compiler")
    found = outcomes(tmp_path, backend, part, files)
    assert found
    assert [line for line in found if line.endswith("DIFFERENT")] == []
    assert part != "0::1" or any(line.endswith("refused") for line in found)  # a few signs may all change no number


def layers_of(path):
    """The layers whose kernels execute this file."""
    if path.parent.name == "generated":
        return [name for name in NAMES if registry.layer(name).stem == path.stem]
    return [name for name in NAMES if registry.layer(name).base.name == path.stem]


SIGNED = [p for d in ("layers", "generated", "recipes") for p in executed(f"{d}/*.py") if any(turned(p))]


@pytest.fixture
def text_of(monkeypatch):
    """`text_of(path, text)`: certificates read this text where the file is asked for."""
    from scratchgrad import executed as reading

    read, texts = reading._file_text, {}
    monkeypatch.setattr(reading, "_file_text", lambda name: texts.get(Path(name).resolve()) or read(name))
    return lambda path, text: texts.update({path: text.encode("utf-8")})


@pytest.mark.parametrize("path", SIGNED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_sign_turned_in_a_kernel_a_definition_or_a_recipe_is_refused_by_the_registry(path, text_of):
    """All backends take their kernels from it: "tape" the room's own, "torch" and "native" what a program records."""
    names = layers_of(path)
    assert [registry.kernel(name) for name in names]
    for _, what, text in turned(path):
        text_of(path, text)
        for name in names:
            for for_program in (False, True):
                with pytest.raises(NotCertified):
                    registry.kernel(name, for_program=for_program)
                    pytest.fail(f"{path}: {what} in {name}")


@pytest.mark.parametrize("backend", ["tape", "torch", "native"])
@pytest.mark.parametrize("file", ["layers/relu.py", "generated/tanh.py", "recipes/gelu.py"])
def test_no_backend_makes_a_step_with_a_kernel_whose_file_has_changed(backend, file, text_of):
    path = PACKAGE / file
    net = Sequential(4, ("linear", 3), path.stem, ("linear", 2), loss="softmax_cross_entropy")
    before = {name: value.clone() for name, value in net.live_parameters.items()}
    text_of(path, path.read_text(encoding="utf-8") + "# changed")
    with pytest.raises(NotCertified, match=f"layer '{path.stem}' is not certified"):
        net.fit((torch.rand(8, 4), torch.tensor([0, 1] * 4)), epochs=1, optimizer=SGD(0.1), backend=backend)
    assert all(torch.equal(value, before[name]) for name, value in net.live_parameters.items())
