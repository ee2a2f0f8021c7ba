"""fit: epochs of mini-batches, each of them forward, backward, step.

In   a Network with an objective, data, an optimiser
Out  the network's parameters are trained; the history says what was measured

Under torch.inference_mode throughout: gradients come from the certified kernels, nothing records a graph.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from scratchgrad.program.runner import Backend
from scratchgrad.train.checkpoint import RunState, load_checkpoint, save_checkpoint
from scratchgrad.train.data import Dataset, batches, load_data
from scratchgrad.train.data.batches import Epochs
from scratchgrad.train.data.dataset import DataMismatch, Samples, samples
from scratchgrad.train.feed import Feed, NotTrainable, scores_beside_target
from scratchgrad.train.history import Epoch, History
from scratchgrad.train.interrupt import PatientInterrupt
from scratchgrad.train.optimizer import Optimizer
from scratchgrad.train.prepared import Batch, Prepared
from scratchgrad.train.progress import Bar
from scratchgrad.train.schedule import Step
from scratchgrad.train.settings import InvalidSetting, WrongSettingType, whole
from scratchgrad.train.sgd import SGD
from scratchgrad.train.stepper import Stepper, count_correct

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network
    from scratchgrad.tape.signal import Signal

__all__ = ["Diverged", "NotTrainable", "default_optimizer", "evaluate", "fit"]

_ROWS = 2048


class Diverged(ArithmeticError):
    """An objective that is no finite number any more."""


def fit(
    net: Network,
    data: Any = "digits",
    *,
    epochs: int = 10,
    batch_size: int = 32,
    optimizer: Optimizer | None = None,
    micro_batches: int = 1,
    recompute: bool = False,
    backend: Backend | Literal["tape"] = "torch",
    device: str = "cpu",
    seed: int = 0,
    validation: Any = None,
    accuracy: str | Signal | Literal[False] | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool | str | os.PathLike[str] = False,
    data_dir: str | os.PathLike[str] | None = None,
) -> History:
    """The history of training the network for `epochs` epochs, counted from the first, also when a run is resumed.

    The parameters start where they are, the optimiser's velocities and moments at 0.  `data` is what load_data takes (a
    name, a path, arrays, a Dataset) or an iterable of batches (X, y); class numbers become one-hot rows of the target.
    `optimizer` is `default_optimizer()` unless given; `micro_batches` splits every batch, whose gradients are added up
    before the parameters follow (a layer over the whole batch, such as batch norm, then sees one part at a time);
    `recompute` computes values again in the reverse sweep instead of keeping them.  Both save memory.

    `backend` is "torch", the planned program; "native", the same compiled; "auto", compiled where that is possible; or
    "tape", which runs one kernel after the other as written and is what the programs are compared with.  `device` may
    be a CUDA device for the programs' steps.  `seed` decides the order of the samples.

    `validation` is the data's own test part unless (X, y), batches of it, or False is given.  `accuracy` names the
    signal whose largest entry is the predicted class; unless given it is what the loss compares with the target, where
    y are class numbers; False measures none.

    `checkpoint` is written after every epoch, after every `checkpoint_every` batches if given, and at Ctrl-C.
    resume=True goes on from it where it exists; resume=path goes on from that file.  A resumed run ends bit for bit
    where an unbroken one does.

    Raises NotTrainable, NoObjective, UnreachableParameter, Diverged, CheckpointMismatch, InvalidSetting,
    WrongSettingType, UnknownDevice, and the data's errors.
    """
    _check_settings(optimizer, epochs=epochs, batch_size=batch_size, checkpoint_every=checkpoint_every)
    feed = Feed.of(net)
    net.tape.check()
    optimizer = default_optimizer() if optimizer is None else optimizer
    train, test = _parts(data, validation, net.dtype, data_dir)
    source = batches(train, batch_size, seed, dtype=net.dtype)
    count = _length(source)
    scores = _scores(net, accuracy)
    settings = {"batch size": batch_size, "seed": seed, "optimiser": repr(optimizer), "batches": count}
    settings |= {"micro-batches": micro_batches} if micro_batches != 1 else {}
    stepper = Stepper(net, optimizer, parts=micro_batches, recompute=recompute, backend=backend, device=device)
    optimizer.reset()
    done = _resumed(net, checkpoint, resume, settings, optimizer)
    prepared = Prepared(source, feed, counted=accuracy not in (None, False))

    random = torch.get_rng_state()

    def save() -> None:
        if checkpoint is not None:
            done.correct += stepper.correct()
            stepper.synchronize()
            save_checkpoint(net, checkpoint, done, optimizer.state(), settings, random=random)

    with (
        torch.inference_mode(),
        Bar(epochs, count, (count or 0) * done.epoch + done.batch, shown=progress) as bar,
        PatientInterrupt() as interrupt,
    ):
        while done.epoch < epochs:
            began, before = time.perf_counter(), done.seconds
            for batch in prepared.epoch(done.epoch, done.batch):
                if not batch.rows:  # a batch without samples says nothing
                    done.count(0, 0.0)
                    continue
                position = done.epoch + (done.batch / count if count else 0.0)
                if batch.classes is None:
                    scores = None
                loss = stepper(batch, position, scores)
                if not math.isfinite(loss):
                    raise Diverged(
                        f"epoch {done.epoch + 1}, batch {done.batch + 1}: the objective is {loss}; "
                        + _reason(batch, optimizer.rate(position))
                    )
                done.count(batch.rows, loss * (1 if net.reduction == "sum" else batch.rows))
                done.seconds, done.lr = before + time.perf_counter() - began, optimizer.rate(position)
                bar.advance(done.epoch + 1, done.loss / max(1, done.samples))
                if interrupt.asked:
                    save()
                    raise KeyboardInterrupt
                if checkpoint_every and done.batch % checkpoint_every == 0:
                    save()
            if not done.samples:
                raise DataMismatch(f"epoch {done.epoch + 1}: the data hold not one sample")
            stepper.synchronize()
            done.correct += stepper.correct()
            record = _record(net, feed, scores, done, test)
            done = RunState(epoch=done.epoch + 1, history=[*done.history, vars(record)])
            random = torch.get_rng_state()
            bar.finish(record)
            save()
    return History.of(done.history)


def _check_settings(optimizer: Any, **counts: Any) -> None:
    """InvalidSetting where a count that is given is below 1, WrongSettingType for what is no count or no optimiser."""
    for name, count in counts.items():
        if count is not None or name != "checkpoint_every":
            whole("fit", name, count, 1)
    wanted = ("reset", "rate", "state", "load_state", "update")
    if optimizer is None or (not isinstance(optimizer, type) and all(hasattr(optimizer, name) for name in wanted)):
        return
    shown = f"the class {optimizer.__name__}" if isinstance(optimizer, type) else repr(optimizer)
    raise WrongSettingType(
        f"fit: expected an optimiser, such as optimizer=sg.SGD(0.05, momentum=0.9) or sg.Adam(), got {shown}"
    )


def _resumed(net: Network, checkpoint: Any, resume: Any, settings: dict[str, Any], optimizer: Optimizer) -> RunState:
    """Where the run goes on: at its beginning, or where the checkpoint was written."""
    if resume is True and checkpoint is None:
        raise InvalidSetting("fit: resume=True goes on from checkpoint=path; give the path")
    start = checkpoint if resume is True else resume or None
    if start is None or (resume is True and not Path(start).exists()):
        return RunState()
    done, state = load_checkpoint(net, start, settings)
    optimizer.load_state(state)
    return done


def _reason(batch: Batch, rate: float) -> str:
    """What may have made the objective no number."""
    for name, values in zip(("inputs", "targets"), batch.given.values(), strict=True):
        if values.is_floating_point() and not bool(values.isfinite().all()):
            return f"the batch's {name} hold numbers that are not finite"
    return f"a learning rate below {rate:g} may help"


def default_optimizer() -> SGD:
    """SGD with momentum 0.9, whose rate begins at 0.05 and loses a quarter every epoch.

    Measured on the lab network with batches of 32: at least 96 % on digits (64-32-10, eight seeds) and 88 % on
    Fashion-MNIST (784-256-10, two seeds) after ten epochs.  A cosine to the last epoch is as good and depends on how
    many there are, so that a run could not be resumed for more.  Beyond some twenty epochs this one stands still.
    """
    return SGD(lr=0.05, momentum=0.9, schedule=Step(every=1, factor=0.75))


def evaluate(net: Network, X: Tensor, y: Tensor, scores: str | None = None) -> tuple[float, float | None]:
    """The objective's mean over all samples, and the share of them whose largest score is the target's."""
    feed, tape = Feed.of(net), net.tape
    loss, correct = 0.0, 0
    with torch.inference_mode():
        for first in range(0, len(X), _ROWS):
            given = feed(X[first : first + _ROWS], y[first : first + _ROWS])
            rows = len(given[feed.input.name])
            tape.forward(given, rows)
            loss += float(tape.objective()) * (1 if net.reduction == "sum" else rows)
            if scores is not None:
                correct += count_correct(tape.value(scores).numpy(), feed.classes(given[feed.target.name]).numpy())
    return loss / max(1, len(X)), None if scores is None else correct / max(1, len(X))


def _record(net: Network, feed: Feed, scores: str | None, done: RunState, test: Any) -> Epoch:
    test_loss, test_accuracy = (None, None) if test is None else evaluate(net, test[0], test[1], scores)
    share = max(1, done.samples)
    return Epoch(
        epoch=done.epoch + 1,
        loss=done.loss / share,
        accuracy=None if scores is None else done.correct / share,
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        lr=done.lr,
        seconds=done.seconds,
    )


def _parts(data: Any, validation: Any, dtype: torch.dtype, data_dir: Any) -> tuple[Any, Any]:
    """What is trained on, and the samples that are tested on, if any."""
    if isinstance(data, (str, os.PathLike, Dataset)) or (isinstance(data, tuple) and len(data) == 2):
        data = load_data(data, data_dir, dtype=dtype)
    test = data.test if isinstance(data, Dataset) else None
    if validation is False:
        test = None
    elif isinstance(validation, Dataset):
        test = validation.test or validation.train
    elif isinstance(validation, tuple) and len(validation) == 2:
        test = samples(*validation, dtype=dtype, name="validation")
    elif validation is not None:
        test = _together(batches(validation, dtype=dtype), "validation")
    return data, test


def _together(source: Epochs, name: str) -> Samples:
    """The samples of all batches, as one."""
    parts = list(source.epoch(0))
    if not parts:
        raise DataMismatch(f"{name}: there is not one batch")
    X, y = zip(*parts, strict=True)
    return torch.cat(X), torch.cat(y)


def _length(source: Any) -> int | None:
    try:
        return len(source)
    except TypeError:  # an iterable that does not know
        return None


def _scores(net: Network, accuracy: str | Signal | Literal[False] | None) -> str | None:
    if accuracy is False:
        return None
    if accuracy is None:
        return scores_beside_target(net)
    if not isinstance(accuracy, str) and not hasattr(accuracy, "network"):
        raise WrongSettingType(f"fit: expected a signal, its name, or False for accuracy, got {accuracy!r}")
    scores, target = net.signal(accuracy if isinstance(accuracy, str) else accuracy.name), Feed.of(net).target
    classes = target.shape if target.integer else target.shape[:-1]
    if not scores.shape or scores.shape[:-1] != classes or (not target.integer and not target.shape):
        raise NotTrainable(
            f"fit: accuracy={scores.name!r} has shape {list(scores.shape)}, whose largest entries name no classes of "
            f"target {target.name!r}, {list(target.shape)}; name the signal that scores the classes, or accuracy=False"
        )
    return scores.name
