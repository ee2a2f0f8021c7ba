"""Grading: a file with somebody's forward and backward code, layer by layer, against our definitions.

What each module holds:

    kinds         the layers that courses ask for, and the readings of each: rows, columns, a mean or a sum
    mark          `grades`, the decorator; mapping: the TOML file
    binding       which parameter is which tensor; returns: what a function calls what it returns
    arrays        between torch and numpy
    subjects      classes of the course's protocol, other classes, functions, autograd.Functions: one form for all
    finding       what there is to grade in a module
    matching      the reading that a forward computes
    judging       the grade of one layer; tape_checks: of the library as a whole
    worker        the subprocess; running: its parent, with limits
    record        the grades as data; page: as HTML
"""

from scratchgrad.grading.record import FileGrade, LayerGrade, TapeCheck
from scratchgrad.grading.running import Limits, grade_file

__all__ = ["FileGrade", "LayerGrade", "Limits", "TapeCheck", "grade_file"]
