"""The examples at the foot of a help page: commands that work as they stand, and a test runs each of them."""

from __future__ import annotations

from rich.markup import escape

__all__ = ["epilog"]


def epilog(examples: tuple[str, ...]) -> str:
    """The foot of a help page, for a help text in rich's markup: every example on its own line."""
    lines = "\n\n".join(f"  [bold]{escape(example)}[/bold]" for example in examples)
    return f"{'Examples' if len(examples) > 1 else 'Example'}:\n\n{lines}"
