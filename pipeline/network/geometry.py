"""The sizes that images have on their way through the network, without TensorFlow."""

from pipeline.config.sections import Model


def pool_positions(settings: Model) -> tuple[int, ...]:
    """Return the numbers of the convolutions, counted from 1, that a pooling follows."""
    return settings.pool_after or tuple(range(1, len(settings.filters) + 1))[-1:]


def shape_check(settings: Model, height: int, width: int) -> str | None:
    """Return which setting does not fit images of this size and why, or None when the layers can be built."""
    for number in range(1, len(settings.filters) + 1):
        if settings.padding == "valid":
            if settings.kernel_size > min(height, width):
                return (
                    f"model.kernel_size: found {settings.kernel_size}; before convolution {number} images of "
                    f"{height}x{width} are left of the input, smaller than the kernel"
                )
            height, width = height - settings.kernel_size + 1, width - settings.kernel_size + 1
        if number in pool_positions(settings):
            if settings.pool_size > min(height, width):
                return (
                    f"model.pool_size: found {settings.pool_size}; after convolution {number} images of "
                    f"{height}x{width} are left, smaller than the window"
                )
            height, width = height // settings.pool_size, width // settings.pool_size
    return None
