"""Mutants of kernels: sources with one planted mistake, which certification must refuse.

mutant.py       what a mutant is: a source, words, places at which its mistake shows
room.py         a room as mutants need it: its source, its tensors, its battery
ordinary.py     operators, calls, names, numbers, conditions, results exchanged in the source
inside.py       an expression of the source changed for some of its values, or rounded
around.py       results changed for some sizes, values, upstream gradients, layouts, dtypes, calls
wrapping.py     the same source as a kernel, as plain functions, as an autograd.Function, through NumPy
confirming.py   whether a mutant computes something else than its room's kernel
trial.py        what certification says of it
"""
