"""Benchmarks: one step of training, by us, by others, and by the matrix products alone.

    problem   the networks and batches that everyone trains on
    ours      the plain tape, the program, the native program, the floor
    peers     torch with autograd, torch.compile, JAX, numpy by hand: the only place where others differentiate
    harness   one process a contestant, woken one at a time; low quantiles of processor time
    report    tables and plots

Nothing here is imported by anything but the command `scratchgrad bench` and the scripts in benchmarks/.
"""
