"""What a network is given in a test: numbers in the domains that its layers declare."""

import torch

from scratchgrad.membership import inside
from scratchgrad.testing.domains import domains_of


def belonging(net, name, values):
    """The values, moved into the domains of all layers that take the signal."""
    for operation in net.operations:
        for tensor, taken in zip(operation.layer.signature.inputs, operation.inputs, strict=True):
            if taken == name and not tensor.integer:
                values = torch.from_numpy(
                    inside(domains_of(operation.layer)[tensor.name], values.numpy(), margin=1 / 8)
                )
    return values
