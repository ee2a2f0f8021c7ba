"""Ctrl-C waits for the end of the batch, so that a checkpoint never holds a step that was half taken."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

__all__ = ["PatientInterrupt"]


class PatientInterrupt:
    """While entered: the first Ctrl-C only sets `asked`; the second one interrupts at once, as usual.

    Outside the main thread, or where someone else handles the signal, nothing changes.
    """

    def __init__(self) -> None:
        """Not asked yet."""
        self.asked = False
        self._mine = False

    def __enter__(self) -> PatientInterrupt:
        """Take the signal over."""
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._mine = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        if self._mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
