"""A call that is stopped when it takes too long.

On the main thread an interval timer sends SIGALRM, whose handler raises; it also interrupts waiting (time.sleep).  On
another thread a watchdog raises in the running thread (PyThreadState_SetAsyncExc), which stops loops of Python.  Both
fire again until the call has ended, so a bare except: does not keep it alive.  A single torch operation that never ends
cannot be stopped from within the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["TakesTooLong", "within"]

_AGAIN = 0.05


class TakesTooLong(BaseException):
    """Raised inside a call that has exceeded its time; no `except Exception` catches it."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """What runs inside is stopped by TakesTooLong after so many seconds."""
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        with _alarm(seconds):
            yield
    else:
        with _watchdog(seconds):
            yield


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TakesTooLong

    before = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # somebody else's alarm goes on
            signal.setitimer(signal.ITIMER_REAL, left, interval)


@contextlib.contextmanager
def _watchdog(seconds: float) -> Iterator[None]:
    over = threading.Event()
    running = ctypes.c_ulong(threading.get_ident())

    def watch() -> None:
        wait = seconds
        while not over.wait(wait):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(running, ctypes.py_object(TakesTooLong))
            wait = _AGAIN

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(running, None)
