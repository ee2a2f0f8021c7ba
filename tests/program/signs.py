"""Mutants of the package: a copy in which one sign of one file is turned, and what a run of it does.

    python tests/program/signs.py COPY BACKEND [FIRST::STEP] FILE...

prints a line a mutant: the file, the line, what was turned, and the outcome

    refused     the registry or a comparison stops the run before its first step
    fails       something else is raised, or it does not end: nothing wrong is computed in silence
    same        every number of every run is that of the package as it is
    DIFFERENT   none of these: a mistake that nobody notices

Each mutant runs in a process of its own, forked from one that has imported torch, and nothing of ours.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import time
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIMIT = 240
CODES = {0: "same", 10: "refused", 11: "fails", 12: "DIFFERENT"}
_SIGNED = {"alpha", "beta", "value"}


def turned(path: Path) -> Iterator[tuple[int, str, str]]:
    """Every line with a sign, what is turned there, and the whole text with that sign turned."""
    text = path.read_text(encoding="utf-8")
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    places = _in_c(text) if path.suffix == ".h" else _in_python(text, starts, templates="emit" in path.parts)
    for place, old, new in sorted(places):
        line = text.count("\n", 0, place) + 1
        yield line, f"{old} -> {new}", text[:place] + new + text[place + len(old) :]


def _in_python(text: str, starts: list[int], *, templates: bool) -> list[tuple[int, str, str]]:
    """The signs of the code; with `templates` those inside strings, too, which are C."""
    found, before = [], None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        place = starts[token.start[0] - 1] + token.start[1]
        if token.type == tokenize.OP and token.string in ("+", "-", "+=", "-="):
            found.append((place, token.string, token.string.translate(str.maketrans("+-", "-+"))))
        if token.string == "=" and before is not None and before.string in _SIGNED:
            found.append((place, "=", "=-"))
        is_text = before is None or before.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.NL)  # a docstring
        if token.type == tokenize.STRING and templates and not is_text:
            found += [(place + k, old, new) for k, old, new in _in_c(token.string)]
        before = token
    return found


def _in_c(text: str) -> list[tuple[int, str, str]]:
    """The signs of C that are neither ++, -- nor ->, outside comments."""
    bare = re.sub(r"/\*.*?\*/|//[^\n]*|#[^\n]*", lambda m: " " * len(m[0]), text, flags=re.DOTALL)
    return [
        (m.start(), m[0], m[0].translate(str.maketrans("+-", "-+")))
        for m in re.finditer(r"(?<![+\-\w])[+-]=?(?![+\->])|(?<=\w)[+-](?=\w)", bare)
    ]


def networks() -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """Networks that use what the planner knows, each with an optimiser and what is asked of the runner."""
    import torch

    from scratchgrad.bench.kinds.transformer import Transformer
    from scratchgrad.lab import lab_network
    from scratchgrad.tape import Sequential
    from scratchgrad.train import SGD, Adam

    yield lab_network(8, 5, 3, weight_decay=0.1), SGD(0.1), {"values": ("o",), "unit_rows": ("y",)}
    yield lab_network(8, 5, 3, weight_decay=0.1), SGD(0.1, 0.9), {"gradients": ("W", "h")}
    yield lab_network(8, 5, 3, weight_decay=0.1, loss="l2_loss"), Adam(0.01), {"parts": 2, "values": ("v",)}
    images = ("conv2d(padding=1)", 3, 3, 3), "relu", "max_pool2d", ("conv2d(stride=2)", 4, 2, 2), "gelu", "flatten"
    yield Sequential((2, 6, 6), *images, ("linear", 3), loss="softmax_cross_entropy"), SGD(0.1), {"recompute": True}
    rows = ("conv1d", 3, 2), "relu", "mean", ("linear", 6), "layer_norm", "gelu", ("linear", 3)
    yield Sequential((2, 7), *rows, loss="l2_loss", dtype=torch.float64), SGD(0.1, 0.5), {}
    means = "avg_pool2d", "flatten", "tanh", ("linear", 3)
    yield Sequential((2, 6, 6), ("conv2d", 3, 3, 3), *means, loss="softmax_cross_entropy"), SGD(0.1), {}
    yield Transformer(batch=4).network(), SGD(0.1), {}
    large = (
        ("conv2d(dilation=2)", 8, 3, 3),
        ("conv2d(padding=1)", 12, 3, 3),
        ("conv2d(stride=2,padding=1)", 4, 3, 3),
        "relu",
        "max_pool2d(size=3,stride=2)",
        "flatten",
        ("linear", 3),
    )
    yield Sequential((4, 18, 18), *large, loss="softmax_cross_entropy"), SGD(0.1), {}
    # filters so large that BLAS multiplies, and lines of an image so many that they are unfolded a few at a time,
    # or several samples together, with a rest
    lines = ("conv2d", 6, 17, 17), ("conv2d(padding=2)", 120, 5, 5), "max_pool2d(size=3)"
    samples = ("conv2d(padding=1)", 20, 3, 3), "flatten", ("linear", 2)
    yield Sequential((8, 34, 34), *lines, *samples, loss="l2_loss"), SGD(0.1), {}
    apart = (
        ("conv2d", 8, 1, 1),
        ("conv2d(groups=2)", 4, 3, 3),
        "sigmoid",
        ("conv_transpose2d(stride=2,padding=1)", 3, 3, 2),
        "avg_pool2d(size=3,stride=2,padding=1)",
        "flatten",
        ("linear", 3),
    )
    yield Sequential((8, 18, 18), *apart, loss="l2_loss"), SGD(0.1), {}
    yield words(), SGD(0.1), {}


def words() -> Any:
    """A network that picks rows of a table by whole numbers."""
    from scratchgrad.tape import Network

    net = Network(name="words")
    e = net.add("embedding", net.input("t", (), integer=True), net.parameter("E", (5, 4)))
    v = net.add("linear", e, net.parameter("W", (3, 4)), net.parameter("b", 3))
    net.minimize(net.add("softmax_cross_entropy", v, net.target("y", 3))[1])
    return net


def numbers(backend: str) -> list[Any]:
    """What two steps of every network make."""
    import torch

    from scratchgrad.program import Runner
    from scratchgrad.program.native import build

    build.FLAGS = tuple("-O0" if flag == "-O3" else flag for flag in build.FLAGS)  # a sign is one at every level
    found = []
    for net, optimizer, options in networks():
        parts = options.pop("parts", 1)
        runner = Runner(net, optimizer, backend=backend, **options)
        generator = torch.Generator().manual_seed(1)
        given = {}
        for signal_ in net.signals:
            if signal_.role in ("input", "target"):
                if signal_.integer:
                    given[signal_.name] = torch.randint(5, (13, *signal_.shape), generator=generator)
                    continue
                values = torch.rand((13, *signal_.shape), generator=generator, dtype=torch.float64)
                given[signal_.name] = (values.softmax(-1) if signal_.role == "target" else values - 0.5).to(net.dtype)
        found.append(torch.tensor([runner.step(given, 13, parts=parts) for _ in range(2)]))
        found += [net.live_parameters[name].double().clone() for name in sorted(net.live_parameters)]
    return found


def outcome(backend: str, right: list[Any]) -> int:
    """The code of what a run of the package on the path does."""
    import warnings

    import torch

    warnings.simplefilter("ignore")
    try:
        from scratchgrad.program import ProgramDiffers
        from scratchgrad.registry import NotCertified

        try:
            got = numbers(backend)
        except (ProgramDiffers, NotCertified):
            return 10
    except BaseException:
        return 11
    same = len(got) == len(right) and all(
        torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-5, equal_nan=True)
        for a, b in zip(got, right, strict=True)
    )
    return 0 if same else 12


def forked(work: Any) -> int:
    """The code that the work gives in a process of its own; that of failing where it crashes or does not end."""
    child = os.fork()
    if not child:
        for stream in (1, 2):  # BLAS prints what it refuses
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        signal.alarm(LIMIT)
        code = 11
        try:
            code = work()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 11


def main() -> None:
    """Every mutant of the files, one after the other."""
    copy, backend, *files = sys.argv[1:]
    first, step = map(int, files.pop(0).split("::")) if "::" in files[0] else (0, 1)
    import numpy  # noqa: F401  # before forking, once for all
    import torch

    torch.set_num_threads(1)
    sys.path.insert(0, copy)
    kept = Path(copy) / "right.pt"

    def save() -> int:
        torch.save(numbers(backend), kept)
        return 0

    if forked(save):
        raise SystemExit("the package as it is does not run")
    right = torch.load(kept)
    moment = int(time.time()) + 1000
    every = [(name, *mutant) for name in files for mutant in turned(Path(copy) / name)]
    for name, line, what, text in every[first::step]:
        path = Path(copy) / name
        original = path.read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        moment += 2  # compiled files go by the second
        os.utime(path, (moment, moment))
        code = forked(lambda: outcome(backend, right))
        path.write_text(original, encoding="utf-8")
        print(f"{name}:{line}: {what}: {CODES.get(code, 'fails')}", flush=True)


if __name__ == "__main__":
    main()
