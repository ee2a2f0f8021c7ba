"""No mutant of a kernel is accepted, unless it computes the same: then it is no mistake.

Whether an accepted mutant computes the same is decided by proof: it is executed over exact scalars, and every entry is
equal to the definition's.  What cannot be proven must agree with the room's own kernel at inputs that the battery does
not use, in values, shapes, dtypes, and in what it does to its arguments.
"""

import warnings

import pytest
import torch

from scratchgrad import registry
from scratchgrad.certification.certifying import battery_of, kernel_subject
from scratchgrad.certification.exact_examination import examine_exactly
from scratchgrad.certification.judging import findings
from scratchgrad.certification.specification import specify
from tests.certification.mutation import mutants

ROOMS = [name for name in registry.names() if registry.is_built_in(name)]
LETTERS = {"i": 4, "j": 3, "k": 5}
BATCHES = (2, 1, 3, 0)
PLAIN = [  # whose axes are letters of LETTERS, and whose numbers are real
    name
    for name in ROOMS
    if not any(t.integer or set(t.axes) - set(LETTERS) for t in registry.layer(name).signature.inputs)
]
WRITTEN = [name for name in ROOMS if registry.layer(name).kernel_class is not None]


def judged(name, layer):
    """ "refused", "equal" (proven), or "accepted"."""
    specification = specify(registry.layer(name))
    battery, subject = battery_of(specification), kernel_subject(layer, specification)
    found, examination = findings(battery, subject, first=True)
    if found:
        return "refused"
    exactness = examine_exactly(battery, subject)
    if any(examination.at(probe) for probe in exactness.suspects):
        return "refused"
    return "equal" if exactness.proven else "accepted"


def witnesses(layer):
    """Inputs and upstream gradients that the battery does not use."""
    for seed, batch in enumerate(BATCHES):
        for dtype in (torch.float64, torch.float32):
            for kind in ("normal", "ties", "large"):
                generator = torch.Generator().manual_seed(100 + seed)

                def draw(tensor, batch=batch, generator=generator, kind=kind, dtype=dtype):
                    shape = [LETTERS[letter] for letter in tensor.axes]
                    shape = [batch, *shape] if layer.carries_samples(tensor) else shape
                    values = torch.randn(shape, generator=generator, dtype=torch.float64)
                    values = {"normal": values, "ties": values.round(), "large": 300 * values}[kind]
                    return values.to(dtype)

                yield [draw(t) for t in layer.signature.inputs], [draw(t) for t in layer.signature.outputs]


def results(kernel, inputs, upstream):
    """Everything that a kernel returns at an input, absent upstream gradients included; or what it raises."""
    inputs, upstream = [t.clone() for t in inputs], [t.clone() for t in upstream]
    found = []
    try:
        for absent in range(len(upstream) if len(upstream) > 1 else 0, -1, -1):
            outputs, saved = kernel.forward(*inputs)
            given = [None if n == absent - 1 else g for n, g in enumerate(upstream)]
            gradients = kernel.backward(saved, *given)
            again = kernel.backward(saved, *given)
            for one in (outputs, gradients, again, inputs, upstream):
                found += one if isinstance(one, tuple | list) else (one,)
    except Exception as error:
        return type(error)
    return found


def same(a, b):
    if not isinstance(a, list) or not isinstance(b, list) or len(a) != len(b):
        return False
    for x, y in zip(a, b, strict=True):
        if not isinstance(x, torch.Tensor) or not isinstance(y, torch.Tensor):
            return False
        # TRUST: mutants-equal
        digits = 1e-10 if x.dtype == torch.float64 else 1e-3
        if x.shape != y.shape or x.dtype != y.dtype or not torch.allclose(x, y, rtol=digits, atol=digits):
            return False
    return True


def computes_the_same(name, layer):
    room = registry.layer(name)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return all(same(results(room.kernel_class, *w), results(layer.kernel_class, *w)) for w in witnesses(room))


def survivors(name, every, first=0):
    """How many mutants were refused, and those that were accepted although they compute something else."""
    registry.attach_kernel(registry.layer(name))
    refused, accepted = 0, []
    for number, mutant in enumerate(mutants(name)):
        if number % every != first % every:
            continue
        verdict = judged(name, mutant.layer)
        refused += verdict == "refused"
        if verdict == "accepted" and not (name in PLAIN and computes_the_same(name, mutant.layer)):
            accepted.append(mutant.words)
    return refused, accepted


@pytest.mark.parametrize("name", [*WRITTEN, "elu", "embedding", "hinge"])
def test_a_sample_of_mutants_is_refused(name):
    refused, accepted = survivors(name, every=31, first=len(name))
    assert refused >= 1
    assert not accepted


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOMS)
def test_all_mutants_are_refused(name):
    refused, accepted = survivors(name, every=1)
    assert refused >= 20
    assert not accepted


@pytest.mark.parametrize("name", WRITTEN)
def test_the_rooms_own_kernel_is_no_mutant(name):
    assert judged(name, registry.layer(name)) == "equal"
    assert computes_the_same(name, registry.layer(name))
