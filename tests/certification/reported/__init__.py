"""Gradient bugs that people reported, written anew: the wrong functions, the right ones, the words for the fault."""

from tests.certification.reported.exercises import EXERCISES
from tests.certification.reported.kernels import KERNELS
from tests.certification.reported.memory_and_protocol import MEMORY_AND_PROTOCOL
from tests.certification.reported.norms_and_losses import NORMS_AND_LOSSES
from tests.certification.reported.pointwise import POINTWISE
from tests.certification.reported.report import Report
from tests.certification.reported.sums import SUMS
from tests.certification.reported.windows_and_indices import WINDOWS_AND_INDICES

__all__ = ["REPORTED", "Report"]

REPORTED: dict[str, Report] = {
    **EXERCISES,
    **KERNELS,
    **POINTWISE,
    **SUMS,
    **NORMS_AND_LOSSES,
    **WINDOWS_AND_INDICES,
    **MEMORY_AND_PROTOCOL,
}
