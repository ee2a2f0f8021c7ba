"""What a forward run computed, as the user holds it.

In   the tape's values after a run
Out  a read-only mapping by name, which never shows a number from another time
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from scratchgrad.tape.tape import NotComputed
from scratchgrad.tape.values import own_copy

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["Values"]


class Values(Mapping[str, Tensor]):
    """The value of every signal that a forward run computed, by name; read-only.

    Signals keep their values when forward runs again.  Each is copied when it is read, so what was read stays as it is
    whatever the network does next, and may be changed.  A parameter is the network's own: once a step has changed it,
    asking for it here raises NotComputed instead of giving a number from another time.
    """

    def __init__(self, network: Network, values: dict[str, Tensor]) -> None:
        """The values as they are now."""
        self._network, self._values, self._version = network, values, network.version

    def __getitem__(self, name: str) -> Tensor:
        """The signal's value; UnknownSignal, or NotComputed where a target was missing or a parameter changed."""
        signal = self._network.signal(name)
        if signal.role == "parameter" and self._version != self._network.version:
            raise NotComputed(f"parameter {name!r} has changed since this forward run; read net.value({name!r})")
        if name not in self._values:
            raise NotComputed(f"signal {name!r} was not computed, because forward was given no target")
        return own_copy(self._values[name])

    def __iter__(self) -> Iterator[str]:
        """The names, in the order in which the network was built."""
        return iter(self._values)

    def __len__(self) -> int:
        """The number of signals."""
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        """Whether the run computed this signal."""
        return name in self._values

    def __repr__(self) -> str:
        """The names and shapes."""
        return f"<Values {', '.join(f'{name} {list(value.shape)}' for name, value in self._values.items())}>"
