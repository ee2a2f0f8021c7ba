"""An expression inside a kernel changed for some of its values, or rounded: `e` becomes `where(e > 3, 1.5 * e, e)`.

region     only where the expression is large, small, in an interval, or clipped, or guarded by an epsilon
value      only where it equals a number
dtype      through float32, float16, bfloat16, or whole numbers
"""

import ast
import copy

from tests.certification.mutation.mutant import Mutant, Place
from tests.certification.mutation.ordinary import places_in, put
from tests.certification.mutation.room import Room

FAULTS = ("1.5 * {e}", "-{e}", "0 * {e}", "{e} + 1", "1.001 * {e}")
"""What is done to a number that is to be wrong."""

SPECIAL = (0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 3.0, -2.0, 5.0, 7.0, 10.0, -10.0, 0.25, 100.0, 1000.0, -1000.0)
"""Numbers that people treat apart."""

_ROUNDED = (
    "{e}.float().to({e}.dtype)",
    "{e}.half().to({e}.dtype)",
    "{e}.bfloat16().to({e}.dtype)",
    "{e}.trunc()",
    "{e}.long().to({e}.dtype)",
    "{e}.round(decimals=6)",
)


def special(rng) -> float:
    """A number that might be treated apart: a usual one, or any with one decimal."""
    if rng.random() < 0.5:
        return float(rng.choice(SPECIAL))
    return float(round(rng.choice([-1, 1]) * 10 ** rng.uniform(-1, 3), 1))


def magnitude(rng, low: float, high: float) -> float:
    """A round number between two powers of ten."""
    return float(f"{10 ** rng.uniform(low, high):.2g}")


def _region(rng) -> str:
    fault = str(rng.choice(FAULTS))
    wide, small = magnitude(rng, 0.3, 4), magnitude(rng, -9, -0.5)
    low = round(float(rng.normal(0, 3)), 2)
    high = round(low + magnitude(rng, -2, 0.5), 3)
    return str(
        rng.choice(
            [
                f"torch.where({{e}} > {wide}, {fault}, {{e}})",
                f"torch.where({{e}} < -{wide}, {fault}, {{e}})",
                f"torch.where({{e}}.abs() < {small}, {fault}, {{e}})",
                f"torch.where(({{e}} > {low}) & ({{e}} < {high}), {fault}, {{e}})",
                f"{{e}}.clamp(-{wide}, {wide})",
                f"{{e}}.clamp(max={wide})",
                f"{{e}}.clamp(min=-{wide})",
                f"torch.where({{e}}.abs() < {small}, 0.0, {{e}})",
                f"({{e}} + {small})",
            ]
        )
    )


def _value(rng) -> str:
    return f"torch.where({{e}} == {special(rng)}, {rng.choice(FAULTS)}, {{e}})"


def _dtype(rng) -> str:
    return str(rng.choice(_ROUNDED))


_MAKERS = {"region": _region, "value": _value, "dtype": _dtype}


def _scaled(power: float, upstream: float) -> Place:
    def change(tensors, gradients):
        for name, a in tensors.items():
            if a.dtype.kind == "f":
                tensors[name] = a * 10.0**power
        for name, a in gradients.items():
            gradients[name] = None if a is None else a * 10.0**upstream

    return Place(f"numbers of size 1e{power:g}, upstream 1e{upstream:g}", change=change)


MAGNITUDES = tuple(_scaled(a, b) for a, b in ((2, 0), (-3, 0), (0, 3), (0, -6), (4, 4), (-6, -3), (-2, 6), (1, 1)))
"""Places with larger and smaller numbers."""


def drawn(room: Room, kind: str, rng):
    """Mutants of that kind at random, without end; some of them do not run at all."""
    tree = ast.parse(room.source)
    count = sum(1 for _ in places_in(tree))
    while True:
        number = int(rng.integers(count))
        function, node = list(places_in(tree))[number]
        if not isinstance(node, ast.BinOp | ast.Call | ast.UnaryOp):
            continue
        text = _MAKERS[kind](rng).replace("{e}", f"({ast.unparse(node)})")
        changed = copy.deepcopy(tree)
        old = list(places_in(changed))[number][1]
        if put(changed, old, ast.parse(text, mode="eval").body):
            ast.fix_missing_locations(changed)
            words = f"{function.name}: {ast.unparse(node)} -> {text}"
            yield Mutant(room.name, kind, words, room.source, ast.unparse(changed), places=MAGNITUDES)
