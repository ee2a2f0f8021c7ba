"""The source of a step: every group of calls in its form, between the prelude and the end.

In   a Plan
Out  Emitted
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import torch

from scratchgrad.program.native.emit import (
    convolutions,
    copying,
    entrywise,
    indexing,
    pooling,
    products,
    reductions,
    softmax,
)
from scratchgrad.program.native.emit.functions import SOURCE
from scratchgrad.program.native.emit.fusing import Group, groups
from scratchgrad.program.native.emit.writer import Form, Unsupported, Writer
from scratchgrad.program.op import Storage
from scratchgrad.program.planning import Plan

__all__ = ["Emitted", "emit"]

_FORMS: dict[object, Form] = {
    function: form
    for module in (products, reductions, softmax, convolutions, pooling, indexing, copying)
    for function, form in module.FORMS.items()
}


@dataclass(frozen=True)
class Emitted:
    """C source, and what its pointers point at: the arena, the rate, a scratch of so many numbers, these storages.

    The library keeps nothing of its own: two programs of one content share it.
    """

    source: str
    scratch: int
    storages: list[Storage]


def emit(plan: Plan) -> Emitted:
    """The step of this plan; Unsupported where a call has no form in C."""
    writer = Writer(plan)
    for group in groups(plan, entrywise.entrywise):
        _written(writer, group)
    parameters = ", ".join(f"const {writer.type(s)} *{name}" for s, name in writer.given.items())
    taken = "".join(
        f"    {writer.type(s)} *{name} = c[{k}];\n" for k, (s, name) in enumerate(writer.pointers.items(), start=3)
    )
    single = writer.real == torch.float32
    source = (
        f"#define REAL {'float' if single else 'double'}\n#define IS_FLOAT {int(single)}\n"
        + "\n".join(_header(name) for name in ("prelude.h", *writer.headers))
        + f"\n{SOURCE}"
        "void sg_bind(void *gemm_) { GEMM = (gemm_t)gemm_; }\n\n"
        f"int sg_step(void **c{', ' + parameters if parameters else ''}) {{\n"
        "    char *arena = c[0];\n    double lr = *(double *)c[1];\n    R *scratch = c[2];\n"
        f"{taken}" + "\n".join(writer.lines) + "\n    return 0;\n}\n"
    )
    return Emitted(source, writer.scratch_size, list(writer.pointers))


def _written(writer: Writer, group: Group) -> None:
    for number, op in zip(group.numbers, group.ops, strict=True):
        writer.write(f"/* {number}  {op.name}: {op.why.replace('*/', '* /')} */")
        if not isinstance(op.function, torch._ops.OpOverload):
            raise Unsupported(op.why)
    op, writer.call = group.ops[0], group.numbers[0]
    form = _FORMS.get(op.function)
    if form is not None:
        form(writer, op)
    elif entrywise.entrywise(op):
        entrywise.write(writer, group)
    else:
        raise Unsupported(f"{op.name} ({op.why})")


def _header(name: str) -> str:
    return files("scratchgrad.program.native.emit").joinpath(name).read_text(encoding="utf-8")
