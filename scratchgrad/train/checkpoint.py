"""Checkpoints: all that a run needs to go on bit for bit, in one safetensors file that appears whole or not at all.

    parameter/W ...   the parameters
    velocity/W ...    the optimiser's state: velocities, or first and second moments, and how many steps it has made
    random            the state of torch's random numbers
    metadata          the position (epoch, batch), the seed, the settings, the history

net.save writes the parameters alone; net.load reads them from either kind of file.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from scratchgrad import atomic

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["CheckpointMismatch", "RunState", "load_checkpoint", "load_parameters", "save_checkpoint", "save_parameters"]

_PARAMETER, _RANDOM, _KEY = "parameter/", "random", "scratchgrad"


class CheckpointMismatch(ValueError):
    """A file that belongs to another network or another run, or is no checkpoint at all."""


@dataclass
class RunState:
    """Where a run is: `batch` batches of epoch `epoch` (from 0) are done, and this is what they summed up to."""

    epoch: int = 0
    batch: int = 0
    samples: int = 0
    loss: float = 0.0
    correct: int = 0
    seconds: float = 0.0
    lr: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    def count(self, samples: int, loss: float) -> None:
        """One batch more is done, with so many samples and the sum of their losses."""
        self.batch += 1
        self.samples += samples
        self.loss += loss


def save_parameters(net: Network, path: str | os.PathLike[str]) -> Path:
    """The network's parameters, in a safetensors file."""
    return _write(path, {_PARAMETER + name: value for name, value in net.live_parameters.items()}, {})


def load_parameters(net: Network, path: str | os.PathLike[str]) -> None:
    """The network has the file's parameters; CheckpointMismatch where names or shapes differ."""
    tensors, _ = _read(path)
    parameters = _parameters_of(net, tensors, path)
    net.check_domains(parameters)
    for name, value in parameters.items():
        net.set(name, value)


def save_checkpoint(
    net: Network,
    path: str | os.PathLike[str],
    progress: RunState,
    state: dict[str, Tensor],
    settings: dict[str, Any],
    *,
    random: Tensor,
) -> Path:
    """Parameters, the optimiser's state, torch's random state, position and history, in a safetensors file.

    `random` is the state at the beginning of the epoch: who shuffles by it does so again when the run is resumed.
    """
    tensors = {_PARAMETER + name: value for name, value in net.live_parameters.items()}
    tensors |= state
    tensors[_RANDOM] = random
    return _write(path, tensors, {"progress": asdict(progress), "settings": _described(net) | settings})


def load_checkpoint(
    net: Network, path: str | os.PathLike[str], settings: dict[str, Any]
) -> tuple[RunState, dict[str, Tensor]]:
    """The run's position and the optimiser's state; the network has its parameters, torch its random numbers.

    Raises CheckpointMismatch where the file was written by another network or with other settings.
    """
    tensors, record = _read(path)
    if "progress" not in record:
        raise CheckpointMismatch(f"{path}: holds parameters but no run to resume; read them with net.load(path)")
    parameters = _parameters_of(net, tensors, path)
    for what, now in (_described(net) | settings).items():
        then = record["settings"].get(what)
        if then != now:
            raise CheckpointMismatch(
                f"{path}: was written with {what} {then}, this run has {now}; "
                "resume with the same settings, or start a new run from its parameters with net.load(path)"
            )
    net.check_domains(parameters)
    for name, value in parameters.items():
        net.set(name, value)
    torch.set_rng_state(tensors[_RANDOM])
    state = {n: t.clone() for n, t in tensors.items() if n != _RANDOM and not n.startswith(_PARAMETER)}
    return RunState(**record["progress"]), state


def _described(net: Network) -> dict[str, Any]:
    constants = {name: net.leaves[name].tolist() for name in net.names("constant")}
    operations = [f"{op.layer.name}({', '.join(op.inputs)}) -> {', '.join(op.outputs)}" for op in net.operations]
    return {
        "precision": str(net.dtype),
        "operations": "; ".join(operations),
        "constants": constants,
        "reduction": net.reduction,
    }


def _parameters_of(net: Network, tensors: dict[str, Tensor], path: str | os.PathLike[str]) -> dict[str, Tensor]:
    found = {name.removeprefix(_PARAMETER): t for name, t in tensors.items() if name.startswith(_PARAMETER)}
    wanted = net.live_parameters
    if found.keys() != wanted.keys():
        missing, surplus = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"has {', '.join(surplus)}, which the network lacks"] if surplus else []
        raise CheckpointMismatch(f"{path}: belongs to another network than {net.name!r}: it {' and '.join(parts)}")
    for name, now in wanted.items():
        if found[name].shape != now.shape:
            raise CheckpointMismatch(
                f"{path}: parameter {name!r} is {list(found[name].shape)} there, "
                f"{list(now.shape)} in network {net.name!r}"
            )
    return found


def _write(path: str | os.PathLike[str], tensors: dict[str, Tensor], record: dict[str, Any]) -> Path:
    from safetensors.torch import save_file

    metadata = {_KEY: json.dumps(record)}
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    return atomic.write_with(path, lambda temporary: save_file(contiguous, temporary, metadata=metadata))


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no checkpoint there")
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}
            record = json.loads((opened.metadata() or {})[_KEY])
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointMismatch(f"{path}: expected a checkpoint of scratchgrad, found something else") from error
    return tensors, record
