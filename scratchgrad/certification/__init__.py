"""Certification: any kernel against the element form, at probes chosen to hurt; verdicts and certificates.

What each module holds:

    specification   what a kernel is held against: definition, shapes, batch
    sampling        values chosen to hurt; layouts: the same values, stored otherwise
    point           concrete inputs and upstream gradients
    reference       the right values, in exact arithmetic; error_model: how far a right kernel may be off
    battery         all probes of a specification
    witness         the element form against differences of the definition
    subject         the kernel, wrapped so that it cannot crash us
    examination     one subject at one probe
    large_sizes     larger sizes, against the definition in float64: float_reference
    through_autograd   a subject whose backward torch records; modules: one that holds its parameters
    libraries       functions of NumPy, and of other libraries; named_modules: which of them the source names
    judging         the whole battery: a verdict; given and recorded: of functions, and of what torch records
    transforms      on request: second derivatives, forward mode, batching rules
    certifying      the public `certify`; rooms: certificates on disk
"""

from scratchgrad.certification.certifying import certify
from scratchgrad.certification.large_sizes import UnknownSize
from scratchgrad.certification.modules import ParametersMismatch
from scratchgrad.certification.rooms import certify_room, check, update
from scratchgrad.certification.specification import ExampleMismatch, NothingToCertify, UnknownDtype
from scratchgrad.certification.verdict import Counterexample, Verdict
from scratchgrad.certification.witness import WitnessDisagrees

__all__ = [
    "Counterexample",
    "ExampleMismatch",
    "NothingToCertify",
    "ParametersMismatch",
    "UnknownDtype",
    "UnknownSize",
    "Verdict",
    "WitnessDisagrees",
    "certify",
    "certify_room",
    "check",
    "update",
]
