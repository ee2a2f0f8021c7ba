"""Whether a forward draws random numbers: the same seed gives the same, another seed something else.

Random code computes no definition; that is no mistake in its formulas, and has to be said in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from scratchgrad.certification.subject import Misbehaviour, Subject, is_plain
from scratchgrad.certification.verdict import Verdict

__all__ = ["said_of_random_numbers"]

_WORDS = (
    "forward draws random numbers, another seed gives other outputs: put a module into eval(), or take the numbers "
    "that are drawn as an argument"
)


def said_of_random_numbers(verdict: Verdict, subject: Subject, tensors: Sequence[torch.Tensor]) -> list[str]:
    """A sentence about a refused subject that draws random numbers."""
    refused = verdict.judged and not verdict.accepted
    return [_WORDS] if refused and _draws_random_numbers(subject, tensors) else []


def _draws_random_numbers(subject: Subject, tensors: Sequence[torch.Tensor]) -> bool:
    """Whether forward gives other outputs for another seed, and only then."""
    if subject.forward_function is None:
        return False
    first, again, other = (_outputs(subject, tensors, seed) for seed in (1, 1, 2))
    return first == again != other


def _outputs(subject: Subject, tensors: Sequence[torch.Tensor], seed: int) -> list[bytes]:
    with _seeded(seed), subject.running():
        try:
            outputs, _ = subject.forward([t.clone() for t in tensors])
        except Misbehaviour:
            return []
        return [u.detach().contiguous().numpy().tobytes() for u in outputs if is_plain(u)]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Torch's and NumPy's generators at a seed; afterwards they go on where they were."""
    before = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)
