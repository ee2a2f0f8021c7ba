"""The subprocess that executes a file and grades it: `python -m scratchgrad.grading.worker`, request on stdin.

In   a line of JSON: file, mapping, memory limit, the names to leave out
Out  lines of JSON on the descriptor that stdout was: what is being graded, then its grade

What the file prints goes nowhere.  The parent watches the clock: when a layer hangs, it ends this process and starts
another that leaves the layer out, so that nothing of the others is lost.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import IO, Any

__all__ = ["main"]


def _limited(memory: int) -> None:
    """No more than so many bytes beyond what torch has mapped already, where the system knows such a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if memory:
        with contextlib.suppress(ValueError, OSError):  # a limit above that of the parent cannot be had
            limit = memory + _mapped() * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _mapped() -> int:
    """The pages that this process has mapped, 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def executed(path: Path) -> ModuleType:
    """The module that a file is.  Whatever it raises comes through."""
    sys.path.insert(0, str(path.resolve().parent))
    specification = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if specification is None or specification.loader is None:
        raise ImportError(f"Python cannot import {path.name}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def main() -> None:
    """Grade what stdin asks for."""
    request = json.loads(sys.stdin.readline())
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    sys.stdin = open(os.devnull, encoding="utf-8")  # input() of the file finds nothing, and does not wait
    os.environ.setdefault("MPLBACKEND", "Agg")  # a window of matplotlib would wait for a person

    import torch

    torch.set_num_threads(1)
    _limited(int(request["memory"]))
    _grade(Path(request["file"]), request, channel)


def _say(channel: IO[str], **message: Any) -> None:
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def _grade(path: Path, request: Mapping[str, Any], channel: IO[str]) -> None:
    from scratchgrad.grading.finding import candidates
    from scratchgrad.grading.judging import convention_of, judge
    from scratchgrad.grading.mapping import Entry
    from scratchgrad.grading.record import ERROR, RIGHT, LayerGrade
    from scratchgrad.grading.tape_checks import tape_checks

    mapping = {name: Entry(**entry) for name, entry in request["mapping"].items()}
    _say(channel, at="import")
    try:
        module = executed(path)
    except BaseException as error:  # SystemExit and KeyboardInterrupt of the file are its own, too
        _say(channel, error=_where(error, path))
        return
    try:
        found, unrecognised = candidates(module, mapping)
    except (ValueError, LookupError) as error:  # a mark that names no layer
        _say(channel, error=f"{type(error).__name__}: {error}")
        return
    missing = [f"{name} (named in the mapping, not in the file)" for name in mapping if not hasattr(module, name)]
    _say(channel, unrecognised=unrecognised + missing)
    known: dict[str, tuple[str, int]] = {name: tuple(reading) for name, reading in request["known"].items()}
    _say(channel, at="the convention")
    shown = convention_of(found)
    for candidate in sorted(found, key=lambda one: not any(kind.name == "linear" for kind in one.kinds)):
        if candidate.name in request["done"]:
            continue
        kind = next(iter(candidate.kinds), None)
        _say(channel, at=candidate.name, line=candidate.line, kind=kind.name.partition(" ")[0] if kind else "")
        try:
            grade = judge(candidate, shown or _lean(known), sure=bool(shown))
        except Exception as error:  # one mistake of ours shall not cost the other grades
            words = f"scratchgrad itself failed: {type(error).__name__}: {error}"
            grade = LayerGrade(candidate.name, "", candidate.line, ERROR, headline=words)
        if grade.reading is not None and grade.status == RIGHT:
            known[candidate.name] = grade.reading
        _say(channel, layer=asdict(grade))
    if "tape" not in request["done"]:
        _say(channel, at="tape")
        _say(channel, tape=[asdict(check) for check in tape_checks(module, found, known)])
    _say(channel, end=True)


def _lean(known: Mapping[str, tuple[str, int]]) -> str:
    """The convention of the file: that of its linear layer."""
    from scratchgrad.grading.kinds import kind_named

    for name, number in known.values():
        if name == "linear":
            return kind_named("linear")[0].readings[number].convention
    return ""


def _where(error: BaseException, path: Path) -> str:
    """The exception in one line, with the line of the file where it came from."""
    said = " ".join(str(error).split())
    words = f"{type(error).__name__}{said and ': '}{said}"
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {words}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).name == path.name]
    return f"line {lines[-1]}: {words}" if lines else words


if __name__ == "__main__":
    main()
