"""Programs: the tape, planned for one batch size, as a flat list of calls on memory that is there already.

    op         the language: calls on views of named storages
    tracing    a kernel's calls, recorded without data; results: the shapes of what they give
    lowering   a tape becomes calls: forward, the reverse sweep, the objective as a sum of scalars; kernels are those of
               scratchgrad.recipes where a room has one
    rewriting  fewer calls with the same results
    updates    parameters follow inside the products that make their gradients
    columns, stacking, placing, recomputing    small softmaxes transposed, equal updates as one product, parts made
               in their place, values computed again
    memory     one arena, as small as what lives at the same time
    planning   all of these in order: a Plan
    program    a Plan with memory, as one generated function; calls: the torch function behind each call
    comparing  a Plan against its tape, in float64: doubled, drawing, witness; compared remembers it by content
    runner     programs by batch size, and the optimiser
    explain    a Plan as text

The plain tape stays what everything is compared with.
"""

from scratchgrad.program.comparing import ProgramDiffers
from scratchgrad.program.planning import Plan, Request
from scratchgrad.program.program import Program
from scratchgrad.program.runner import GivenMismatch, Runner
from scratchgrad.program.updates import Update

__all__ = ["GivenMismatch", "Plan", "Program", "ProgramDiffers", "Request", "Runner", "Update"]
