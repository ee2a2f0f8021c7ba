"""The runtime: Network, the explicit graph with named signals, and Tape, its operations in execution order.

    signal     what an edge of the figure is
    network    the graph, built one layer at a time
    entry      one line of the tape: a certified kernel, and how the batch meets it
    tape       forward, backward, step
    sequential the short form

No autograd, no SymPy, and none of the mathematics wings: kernels come from the registry, certified.
"""

from scratchgrad.tape.network import Network
from scratchgrad.tape.sequential import Sequential
from scratchgrad.tape.signal import Signal
from scratchgrad.tape.tape import Tape

__all__ = ["Network", "Sequential", "Signal", "Tape"]
