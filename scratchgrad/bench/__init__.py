"""Benchmarks: one step of training, by us, by others, and by the matrix products alone.

    problem   what everyone trains; kinds/ has a file for each kind of network
    ours      the plain tape, the program, the native program
    peers     torch with autograd, torch.compile, JAX, numpy by hand: the only place where others differentiate
    floor     the matrix products alone, from Python and from C
    harness   one process a contestant, woken one at a time; low quantiles of processor time
    serving   what such a process does: build, validate, run
    peak      memory
    report    tables

Nothing here is imported by anything but the command `scratchgrad bench` and the scripts in benchmarks/.
"""
