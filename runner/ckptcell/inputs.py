"""Inputs made from integers: random streams differ between versions of torch, integers do not."""

__all__ = ["fill", "numbers", "place_of"]


def numbers(*shape, **options):
    """Multiples of 1/8 between -1 and 1, which every floating dtype of 8 bits holds exactly.

    Args:
        *shape: Its shape.
        **options: ``offset``, an integer that gives another tensor; ``dtype`` and ``device``.
    """
    import torch

    count = 1
    for size in shape:
        count *= size
    offset = options.get("offset", 0)
    eighths = [(index * 7 + offset * 3) % 17 - 8 for index in range(count)]
    tensor = torch.tensor(eighths, dtype=torch.float64).reshape(shape) / 8
    return tensor.to(device=options.get("device", "cpu"), dtype=options.get("dtype", torch.float32))


def fill(module):
    """Give every parameter and floating buffer of a module numbers, and return the module.

    Buffers become positive, as variances have to be; parameters are small, as activations have to
    stay where functions bend.
    """
    import torch

    with torch.no_grad():
        for offset, parameter in enumerate(module.parameters()):
            shape, dtype = parameter.shape, parameter.dtype
            parameter.copy_(numbers(*shape, offset=offset, dtype=dtype) / 4)
        for offset, buffer in enumerate(module.buffers()):
            if buffer.dtype.is_floating_point:
                buffer.copy_(numbers(*buffer.shape, offset=offset, dtype=buffer.dtype) / 4 + 1)
    return module


def place_of(module):
    """The device a module's parameters are on."""
    return next(module.parameters()).device
