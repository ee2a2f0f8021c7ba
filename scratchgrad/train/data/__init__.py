"""Data for training: name, path, arrays or batches in; tensors out.

    load_data("digits").train          (X, y): X [N, features] floating, y [N] class numbers
    Batches(X, y, 32, seed=0).epoch(e) the mini-batches of epoch e, the same ones at every call

No SymPy and no mathematics wing comes in here.
"""

from scratchgrad.train.data.batches import Batches, BatchesExhausted, GivenBatches, batches
from scratchgrad.train.data.dataset import DataMismatch, Dataset
from scratchgrad.train.data.idx import MalformedIDX, read_idx
from scratchgrad.train.data.load import load_data
from scratchgrad.train.data.places import DataNotFound

__all__ = [
    "Batches",
    "BatchesExhausted",
    "DataMismatch",
    "DataNotFound",
    "Dataset",
    "GivenBatches",
    "MalformedIDX",
    "batches",
    "load_data",
    "read_idx",
]
