"""Standard output that says whose fault it is when it cannot be written.

A disk that is full, or a file that has reached its largest size, is nothing that a command did wrong.  A reader that
has closed the pipe (`| head`) wants no more: that stays what it is, and ends the command without a message.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TextIO

__all__ = ["OutputLost", "Watched"]


class OutputLost(OSError):
    """Results that standard output did not take."""


class Watched:
    """The stream, whose `write` and `flush` raise OutputLost where it takes nothing."""

    def __init__(self, stream: TextIO) -> None:
        """Everything else is the stream's own."""
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        """The stream's attribute."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text; nothing, with which others try what kind of stream this is, is written anywhere."""
        return int(self._tried(lambda: self._stream.write(text))) if text != "" else 0

    def flush(self) -> None:
        """Write what is waiting."""
        self._tried(self._stream.flush)

    def _tried(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except BrokenPipeError:
            raise
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # or Python complains again at its end
            raise OutputLost(f"standard output: {error.strerror}; what stands there is incomplete") from error
