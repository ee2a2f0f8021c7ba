"""How long a deeply nested definition takes in everything that `scratchgrad derive` and `sheet` write.

    python benchmarks/nested.py [--levels 30] [--json]

Seconds of CPU time of this process from the text to the output, each with a name of its own, as nodes are remembered.
Before a kind counts, its gradient is compared with differences.  The target for the continued fraction is 2 s each.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable

from scratchgrad.gradients import Gradients, derive

KINDS = {
    "x/(1 + x/(1 + ...))": "{x}/(1 + {inner})",
    "1/(x + 1/(x + ...))": "1/({x} + {inner})",
    "sigmoid(sigmoid(...))": "sigmoid({inner})",
}
NAMES = "xvwrsuqhga"
STEP = 1e-6


def nested(step: str, levels: int, name: str) -> str:
    """The definition, so many levels deep."""
    written = name
    for _ in range(levels):
        written = step.format(x=name, inner=written)
    return f"y = {written}"


def as_text(gradients: Gradients) -> str:
    """What `scratchgrad derive` prints."""
    from rich.console import Console

    from scratchgrad.cli.derivation_text import derivation_text

    page = io.StringIO()
    Console(file=page, width=100).print(derivation_text(gradients, list(gradients.values())))
    return page.getvalue()


def as_json(gradients: Gradients) -> str:
    """What `scratchgrad derive --format json` prints."""
    from scratchgrad.cli.derivation_json import derivation_json

    return derivation_json(list(gradients.values()))


def as_tex(gradients: Gradients) -> str:
    """The sheet as .tex."""
    from scratchgrad.sheets.layer_sheet import layer_sheet
    from scratchgrad.sheets.tex import to_tex

    return to_tex(layer_sheet(gradients))


def as_html(gradients: Gradients) -> str:
    """The sheet as .html."""
    from scratchgrad.sheets.html import to_html
    from scratchgrad.sheets.layer_sheet import layer_sheet

    return to_html(layer_sheet(gradients))


OUTPUTS: dict[str, Callable[[Gradients], str]] = {
    "text": as_text,
    "latex": Gradients.latex,
    "json": as_json,
    "tex": as_tex,
    "html": as_html,
    "torch": Gradients.kernel_source,
    "sweep": lambda gradients: "\n".join(map(str, gradients.sweep().values())),
}


def confirm(step: str, levels: int) -> None:
    """Fails where the gradient is not the slope of the definition."""
    gradients = derive(nested(step, levels, "b"))
    ahead, behind = (float(gradients.forward({"b": 0.7 + h})["y"]) for h in (STEP, -STEP))
    slope, found = (ahead - behind) / (2 * STEP), float(gradients["b"].evaluate({"b": 0.7}))
    assert abs(slope - found) < 1e-5, f"{step}: {found} is not the slope {slope}"


def main() -> None:
    """Print the seconds and the characters of every output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="one line of JSON: seconds by kind and output")
    arguments = parser.parse_args()
    for write in OUTPUTS.values():  # what is imported on the way is not counted
        write(derive("y = c/(1 + c)"))
    times: dict[str, dict[str, float]] = {}
    for kind, step in KINDS.items():
        confirm(step, arguments.levels)
        times[kind] = {}
        for name, (output, write) in zip(NAMES, OUTPUTS.items(), strict=False):
            start = time.process_time()
            written = write(derive(nested(step, arguments.levels, name)))
            times[kind][output] = time.process_time() - start
            if not arguments.json:
                print(f"{kind:<24}{output:<8}{times[kind][output]:6.2f} s {len(written):>9} characters", flush=True)
    if arguments.json:
        print(json.dumps(times))


if __name__ == "__main__":
    main()
