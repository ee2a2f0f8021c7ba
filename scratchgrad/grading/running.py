"""A file graded in a subprocess, under limits: it may hang, exhaust memory, or end the interpreter.

In   a path, a mapping, limits
Out  FileGrade; a layer that hangs or crashes is graded as that, and the others are graded all the same

The limits keep mistakes in bounds, not attacks: what the file does to files and the network, it does as you.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from scratchgrad.grading.mapping import Entry
from scratchgrad.grading.record import ERROR, RIGHT, WRONG, FileGrade, LayerGrade, TapeCheck

__all__ = ["Limits", "grade_file"]

_GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """Seconds for one layer (and for executing the file), seconds for the whole file, GiB of memory beside torch."""

    layer: float = 20.0
    file: float = 120.0
    memory: float = 4.0


class _Stopped(Exception):
    """The subprocess is gone; the words say why."""


def grade_file(
    path: str | Path,
    mapping: Mapping[str, Entry] | None = None,
    limits: Limits | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> FileGrade:
    """The grade of a file; `tell` hears what is being graded.  Never an exception because of what the file does."""
    limits = limits or Limits()
    grade = FileGrade(str(path))
    began = time.monotonic()
    done: list[str] = []
    while time.monotonic() - began < limits.file:
        request = {
            "file": str(path),
            "mapping": {name: asdict(entry) for name, entry in (mapping or {}).items()},
            "memory": int(limits.memory * _GIB),
            "done": done,
            "known": {layer.name: layer.reading for layer in grade.layers if layer.status == RIGHT and layer.reading},
        }
        session = _Session(request, limits, began + limits.file)
        try:
            session.run(grade, tell)
            break
        except _Stopped as error:
            if session.at == "import":
                grade.error = f"executing the file: {error}"
                break
            if session.at == "the convention":
                grade.error = f"trying its losses: {error}"
                break
            done += [layer.name for layer in grade.layers if layer.name not in done]
            if session.at == "tape":
                grade.tape.append(TapeCheck("the tape", ERROR, str(error)))
                break
            done.append(session.at)
            grade.layers.append(LayerGrade(session.at, session.kind, session.line, WRONG, headline=str(error)))
        finally:
            session.end()
    else:
        grade.error = f"stopped after {limits.file:g} s; what stands here was graded before"
    grade.layers.sort(key=lambda layer: layer.line)
    grade.seconds = round(time.monotonic() - began, 2)
    return grade


class _Session:
    """One subprocess."""

    def __init__(self, request: Mapping[str, Any], limits: Limits, deadline: float) -> None:
        self.limits, self.deadline = limits, deadline
        self.at, self.line, self.kind = "import", 0, ""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scratchgrad.grading.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.errors: list[str] = []
        assert self.process.stdin and self.process.stdout and self.process.stderr  # they are pipes
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        self.listener = threading.Thread(target=self._listen, args=(self.process.stderr,), daemon=True)
        self.listener.start()
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.put(line)
        self.lines.put(None)

    def _listen(self, stream: IO[str]) -> None:
        for line in stream:
            self.errors = [*self.errors[-20:], line.strip()]

    def run(self, grade: FileGrade, tell: Callable[[str], None]) -> None:
        """Take in what the subprocess says.  Raises _Stopped where it hangs or ends too early."""
        while True:
            message = self._next()
            if "at" in message:
                self.at, self.line, self.kind = message["at"], message.get("line", 0), message.get("kind", "")
                tell(self.at)
            if "error" in message:
                grade.error = message["error"]
                return
            if "unrecognised" in message:
                grade.unrecognised = message["unrecognised"]
            if "layer" in message:
                grade.layers.append(LayerGrade.of(message["layer"]))
            if "tape" in message:
                grade.tape = [TapeCheck(**check) for check in message["tape"]]
            if "end" in message:
                return

    def _next(self) -> dict[str, Any]:
        left = min(self.limits.layer, self.deadline - time.monotonic())
        try:
            line = self.lines.get(timeout=max(left, 0.1))
        except queue.Empty:
            raise _Stopped(f"does not come to an end: stopped after {max(left, 0.1):.0f} s") from None
        if line is None:
            code = self.process.wait()
            self.listener.join(timeout=1)
            last = next((e for e in reversed(self.errors) if e), "")
            if "MemoryError" in last or "alloc" in last:
                raise _Stopped(f"needs more than {self.limits.memory:g} GiB of memory")
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise _Stopped(f"ends the interpreter ({how}){last and ': '}{last[:200]}")
        message: dict[str, Any] = json.loads(line)
        return message

    def end(self) -> None:
        """The subprocess is gone."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
