"""The classes of a data set, each of which must have images that train."""

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.config.sections import Prepare


def check_classes(labels: NDArray[np.uint8], names: list[str], settings: Prepare) -> None:
    """Raise UserError when the images that train lack a class, as those of an unshuffled data set may."""
    missing = np.setdiff1d(np.arange(len(names)), labels)
    if len(missing):
        none = f"class {missing[0]} ({names[missing[0]]}) has none"
        raise UserError(
            f"params.yaml: prepare.train_size: found {settings.train_size}; among the {len(labels)} images that train "
            f"{none}; take more of them, or shuffle your data"
        )
