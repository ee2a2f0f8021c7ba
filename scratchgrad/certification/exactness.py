"""What an exact examination has proven of how many entries, and in which words it is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from scratchgrad.certification.following import Followed
from scratchgrad.certification.probes import Probe

__all__ = ["Exactness"]


@dataclass
class Exactness:
    """What was proven of how many entries; `undecided` counts reasons; `suspects` are probes where balls differ."""

    shapes: list[str] = field(default_factory=list)
    entries: int = 0
    everywhere: int = 0
    off_ties: int = 0
    cases: int = 0
    undecided: Counter[str] = field(default_factory=Counter)
    constants: dict[str, str] = field(default_factory=dict)
    suspects: list[Probe] = field(default_factory=list)
    entered: list[Probe] = field(default_factory=list)
    differs: bool = False
    chosen: int = 0
    """At how many suspect or entered points a result was what a torch function that is the specification gives."""
    values: str = "all real values"
    where: str = ""
    """Which of these the proof is about, where the definition has no value at some of them."""
    unit_rows: tuple[str, ...] = ()
    followed: Followed = field(default_factory=Followed)
    failure: str = ""
    """Which error of ours ended it, and where."""

    @property
    def proven(self) -> bool:
        """Whether every entry at every shape is proven."""
        return bool(self.entries) and not self.undecided and not self.suspects

    def sentences(self) -> list[str]:
        """What is proven and what is not, for people."""
        proven = self.everywhere + self.off_ties
        at = f"at {len(self.shapes)} shapes ({'; '.join(self.shapes)})"
        values = self.values + self.where
        if self.unit_rows:
            values += f" with rows of {' and '.join(self.unit_rows)} that sum to 1"
        if self.proven:
            lines = [f"proven equal for {values} {at}: {proven} entries, {self.cases} cases"]
        elif proven:
            part = f"{proven} of {self.entries} entries"
            lines = [f"proven for {part}, for {values}, {at}; undecided: {self._reasons()}"]
        else:
            lines = [f"probed, not proven: {self._reasons()}"]
        lines += self.followed.sentences()
        if self.failure:
            lines.append(f"the exact examination failed through a mistake of ours, please report it: {self.failure}")
        if self.off_ties:
            lines.append(f"{self.off_ties} of the proofs hold wherever no comparison is a tie; ties were probed")
        if self.constants:
            read = ", ".join(f"{value} as {words}" for value, words in self.constants.items())
            lines.append(f"the proof reads constants as the exact numbers that they round: {read}")
        return lines

    def unresolved(self) -> list[str]:
        """What keeps us from accepting: it differs in exact arithmetic, though no run of it is wrong."""
        # TRUST: own-choice
        if self.chosen:  # so the function's own gradient is another one than the exact one
            return []
        if self.suspects:
            return ["exact values differ at a point at which the run does not"]
        if self.differs:
            return [f"undecided: {self._reasons()}; a formula differs somewhere, and no run of it is wrong"]
        return []

    def _reasons(self) -> str:
        if self.chosen:
            return "the specification's own gradient, through torch's autograd, is not the exact one at some points"
        if self.suspects:
            return "exact values differ at a point at which the run does not"
        return "; ".join(
            f"{words} ({times}x)" if times > 1 else words for words, times in self.undecided.most_common(3)
        )

    def evidence(self) -> dict[str, Any]:
        """What a certificate records."""
        return {
            "shapes": self.shapes,
            "entries": self.entries,
            "equal_everywhere": self.everywhere,
            "equal_off_ties": self.off_ties,
            "cases": self.cases,
            "undecided": dict(sorted(self.undecided.items())),
            "constants_read": self.constants,
            **({"unit_rows": list(self.unit_rows)} if self.unit_rows else {}),
        }
