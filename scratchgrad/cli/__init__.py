"""The command line: one file for each command, put together in `app`.

A command imports what it needs when it runs: `derive` no torch, `train` no SymPy, `--help` neither.
"""

from scratchgrad.cli.app import main

__all__ = ["main"]
