"""Training: optimiser, schedule, loop, history, checkpoints; the data beside them.

    schedule    how the learning rate changes with the epoch
    optimizer   what optimisers share; sgd, adam: gradient descent with momentum, Adam and AdamW
    loop        fit: epochs of mini-batches; stepper: one batch, by a program or by the plain tape
    history     what was measured, as a table, a plot, JSON
    checkpoint  all that a run needs to go on bit for bit

Weight decay is no option of SGD and Adam: it is a part of the objective, the parallel path of the figure.
"""

from scratchgrad.train.adam import Adam, AdamW
from scratchgrad.train.checkpoint import CheckpointMismatch
from scratchgrad.train.history import Epoch, History
from scratchgrad.train.labels import LabelMismatch, one_hot
from scratchgrad.train.loop import Diverged, NotTrainable, fit
from scratchgrad.train.optimizer import Optimizer
from scratchgrad.train.schedule import Constant, Cosine, Schedule, Step
from scratchgrad.train.settings import InvalidSetting, WrongSettingType
from scratchgrad.train.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CheckpointMismatch",
    "Constant",
    "Cosine",
    "Diverged",
    "Epoch",
    "History",
    "InvalidSetting",
    "LabelMismatch",
    "NotTrainable",
    "Optimizer",
    "Schedule",
    "Step",
    "WrongSettingType",
    "fit",
    "one_hot",
]
