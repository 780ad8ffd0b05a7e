"""params.yaml, checked once: every setting of the pipeline, frozen."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.config import explain as mistakes
from pipeline.config.errors import UserError

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Index = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Number = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(ge=0, lt=1)]
KNOWN_SIZES = {"mnist": (28, 28), "fashion_mnist": (28, 28)}


def _count_or_all(value: Any) -> int | Literal["all"]:
    """Take both kinds in one validator: a union would refuse a wrong value twice."""
    if value == "all" or (type(value) is int and value >= 1):
        return value  # type: ignore[no-any-return]
    raise PydanticCustomError("count_or_all", "input should be a whole number from 1 up, or all")


CountOrAll = Annotated[int | Literal["all"], PlainValidator(_count_or_all)]
Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "linear"]
KernelInit = Literal[
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "orthogonal",
    "article_random", "edges",
]  # fmt: skip


class Section(BaseModel):
    """A part of params.yaml: no unknown keys, no silent conversions, no later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Fetch(Section):
    """Where the images come from."""

    dataset: str
    source: str | None


class Prepare(Section):
    """How the images are split."""

    train_size: CountOrAll
    validation: Literal["holdout", "test"]
    validation_size: Positive


class KernelDemo(Section):
    """Which image the random kernels run over, and how many images their edge measure."""

    seed: Seed
    image: Index | None
    kernels: Annotated[int, Field(ge=1, le=40)]
    measured_images: Positive


class Model(Section):
    """The network's layers."""

    filters: Annotated[tuple[Positive, ...], Field(min_length=1)]
    kernel_size: Positive
    padding: Literal["valid", "same"]
    activation: Activation
    batch_normalization: bool
    kernel_init: KernelInit
    freeze_kernels: bool
    pooling: Literal["max", "average"]
    pool_size: Positive
    pool_after: Annotated[tuple[Positive, ...], Field(min_length=1)] | None
    dropout: Rate
    dense: tuple[Positive, ...]
    dense_dropout: Rate
    l1: Number
    l2: Number
    augment_shift: Rate
    augment_rotation: Annotated[float, Field(ge=0, le=180)]

    def pools(self) -> tuple[int, ...]:
        """Return the numbers of the convolutions, counted from 1, that a pooling follows."""
        return self.pool_after or (len(self.filters),)

    def misfit(self, height: int, width: int) -> str | None:
        """Return which setting does not fit images of this size and why, or None when the layers can be built."""
        numbers = self.pools()
        if list(numbers) != sorted(set(numbers)) or numbers[-1] > len(self.filters):
            return (
                f"model.pool_after: found {list(numbers)}; allowed are rising numbers from 1 to {len(self.filters)}, "
                "the number of model.filters"
            )
        if self.kernel_init == "edges" and (self.kernel_size < 3 or self.kernel_size % 2 == 0):
            return f"model.kernel_size: found {self.kernel_size}; with kernel_init edges allowed are 3, 5, 7, ..."
        for number in range(1, len(self.filters) + 1):
            before = f"found {{}}; before convolution {number} images of {height}x{width} are left of the input"
            if self.padding == "valid":
                if self.kernel_size > min(height, width):
                    return f"model.kernel_size: {before.format(self.kernel_size)}, smaller than the kernel"
                height, width = height - self.kernel_size + 1, width - self.kernel_size + 1
            if number in numbers:
                if self.pool_size > min(height, width):
                    return (
                        f"model.pool_size: found {self.pool_size}; after convolution {number} images of "
                        f"{height}x{width} are left, smaller than the window"
                    )
                height, width = height // self.pool_size, width // self.pool_size
        return None


class Train(Section):
    """How the network learns."""

    epochs: Positive
    batch_size: Positive
    optimizer: Literal["adam", "adamw", "sgd", "adadelta"]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "cosine", "one_cycle"]
    momentum: Rate
    weight_decay: Number
    early_stopping: Positive | None
    label_smoothing: Rate
    class_weights: bool
    seed: Seed


class ErrorAnalysis(Section):
    """Which images are shown as examples: test image indices, or null for the seed to draw one."""

    seed: Seed
    right: Index | None
    wrong: Index | None


class Visualise(Section):
    """Whose activations are shown, and which filter is followed through the layers."""

    seed: Seed
    image: Index | None
    filter: Index


class Params(Section):
    """All of params.yaml."""

    fetch: Fetch
    prepare: Prepare
    kernel_demo: KernelDemo
    model: Model
    train: Train
    error_analysis: ErrorAnalysis
    visualise: Visualise

    @model_validator(mode="after")
    def _fit_together(self) -> "Params":
        size = KNOWN_SIZES.get(self.fetch.dataset)  # data of one's own have their size checked once they are there
        problem = self.model.misfit(*size) if size else None
        if problem:
            raise ValueError(problem)
        if self.train.early_stopping and self.prepare.validation == "test":
            raise ValueError(
                f"train.early_stopping: found {self.train.early_stopping} with prepare.validation test, which would "
                "choose the epoch on the test set; allowed is null, or prepare.validation holdout"
            )
        if self.visualise.filter >= self.model.filters[0]:
            raise ValueError(
                f"visualise.filter: found {self.visualise.filter}; "
                f"allowed are 0 to {self.model.filters[0] - 1}, one less than model.filters[0]"
            )
        return self


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check all settings.

    Raises UserError as `parse` does, and when there is no such file.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run in the folder that holds it") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text: {error}") from None


def parse(text: str, name: str) -> Params:
    """Check settings in YAML; `name` says in messages where they come from.

    Raises UserError, with a line for each mistake, naming the key, what was found and what is allowed.
    """
    try:
        tree = YAML(typ="safe", pure=True).load(text)  # YAML 1.2, as DVC reads and writes it: 1e-05 is a number
        if not isinstance(tree, dict):
            found = json.dumps(tree, default=str)
            raise UserError(f"{name}: found {found}; needed are the sections {', '.join(Params.model_fields)}")
        # by way of JSON, since there a list may become a tuple and a whole number a float, and nothing else changes
        return Params.model_validate_json(json.dumps(tree, default=str))
    except YAMLError as error:
        problem = str(error)
        if isinstance(error, MarkedYAMLError) and error.problem_mark:
            problem = f"line {error.problem_mark.line + 1}: {error.problem}"
        raise UserError(f"{name}: not readable as YAML: {' '.join(problem.split())}") from None
    except ValidationError as error:
        raise UserError("\n".join(f"{name}: {line}" for line in mistakes.explained(error, Params))) from None
    except (TypeError, ValueError, RecursionError) as error:  # a date as a key, an alias of itself
        raise UserError(f"{name}: not a tree of settings: {error}") from None


def flat(settings: BaseModel, sections: list[str] | None = None) -> dict[str, Any]:
    """Return settings as `section.key` to value, for the named sections or all."""
    tree = settings.model_dump(mode="json")
    return {
        f"{section}.{key}": value
        for section, values in tree.items()
        if sections is None or section in sections
        for key, value in values.items()
    }
