"""Every setting of params.yaml with its bounds, a class a section."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

Seed = Annotated[int, Ge(0), Lt(2**32)]
Index = Annotated[int, Ge(0)]
Positive = Annotated[int, Ge(1)]
Number = Annotated[float, Ge(0)]
Rate = Annotated[float, Ge(0), Lt(1)]
KernelValue = Annotated[float, Ge(-100), Le(100)]


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
Corruption = Literal[
    "translate", "rotate", "scale", "shear", "gaussian_blur", "glass_blur", "gaussian_noise", "shot_noise",
    "impulse_noise", "contrast", "brightness", "stripe", "occlusion",
]  # fmt: skip


def _once_each(names: tuple[Corruption, ...]) -> tuple[Corruption, ...]:
    """Refuse a name that stands twice: its corruption would count twice in the mean."""
    if len(set(names)) < len(names):
        raise PydanticCustomError("once_each", "input should name each corruption once")
    return names


Corruptions = Annotated[tuple[Corruption, ...], MinLen(1), AfterValidator(_once_each)]


class Section(BaseModel):
    """A part of params.yaml: no unknown keys, no silent conversions, no later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Fetch(Section):
    """Where the images come from."""

    dataset: str
    source: str | None
    scale: Annotated[float, Gt(0)] | None
    grey: bool
    size: tuple[Positive, Positive] | None


class Prepare(Section):
    """How the images are split."""

    train_size: CountOrAll
    validation: Literal["holdout", "test"]
    validation_size: Positive
    seed: Seed | None


class KernelDemo(Section):
    """The random kernels, which image they run over, and how many images their edge measure."""

    seed: Seed
    image: Index | None
    kernels: Annotated[int, Ge(1), Le(40)]
    low: KernelValue
    high: KernelValue
    measured_images: Positive

    @model_validator(mode="after")
    def _fit_together(self) -> "KernelDemo":
        if self.low >= self.high:
            raise ValueError(
                f"kernel_demo.low: found {self.low:g}; allowed are numbers below kernel_demo.high, {self.high:g}"
            )
        return self


class Model(Section):
    """The network's layers."""

    filters: tuple[Positive, ...]
    kernel_size: Positive
    padding: Literal["valid", "same"]
    activation: Activation
    batch_normalization: bool
    kernel_init: KernelInit
    freeze_kernels: bool
    pooling: Literal["max", "average"]
    pool_size: Positive
    pool_after: Annotated[tuple[Positive, ...], MinLen(1)] | None
    dropout: Rate
    dense: tuple[Positive, ...]
    dense_dropout: Rate
    l1: Number
    l2: Number
    augment_shift: Rate
    augment_rotation: Annotated[float, Ge(0), Le(180)]

    @model_validator(mode="after")
    def _fit_together(self) -> "Model":
        numbers = self.pool_after
        if numbers and not self.filters:
            raise ValueError(f"model.pool_after: found {list(numbers)} with model.filters []; allowed is null")
        if numbers and (list(numbers) != sorted(set(numbers)) or numbers[-1] > len(self.filters)):
            raise ValueError(
                f"model.pool_after: found {list(numbers)}; allowed are rising numbers from 1 to {len(self.filters)}, "
                "the number of model.filters"
            )
        if self.kernel_init == "edges" and (self.kernel_size < 3 or self.kernel_size % 2 == 0):
            raise ValueError(
                f"model.kernel_size: found {self.kernel_size}; with kernel_init edges allowed are 3, 5, 7, ..."
            )
        return self


class Train(Section):
    """How the network learns."""

    epochs: Positive
    batch_size: Positive
    optimizer: Literal["adam", "adamw", "sgd", "adadelta"]
    learning_rate: Annotated[float, Gt(0)]
    schedule: Literal["constant", "cosine", "one_cycle"]
    momentum: Rate
    weight_decay: Number
    early_stopping: Positive | None
    label_smoothing: Rate
    class_weights: bool
    seed: Seed
    native: bool


class Evaluate(Section):
    """Which test image's activation maps are kept and shown, and whether networks are asked about training images."""

    seed: Seed
    image: Index | None
    folds: Annotated[int, Ge(2)] | None


class ErrorAnalysis(Section):
    """Which images are shown as examples: test image indices, or null for the seed to draw one."""

    seed: Seed
    right: Index | None
    wrong: Index | None


class Robustness(Section):
    """How many of the first test images are changed, and how."""

    images: CountOrAll
    corruptions: Corruptions
    seed: Seed


class Visualise(Section):
    """Which filter is followed through the layers; without a convolution none is, whatever the number."""

    filter: Index


class Params(Section):
    """All of params.yaml."""

    fetch: Fetch
    prepare: Prepare
    kernel_demo: KernelDemo
    model: Model
    train: Train
    evaluate: Evaluate
    error_analysis: ErrorAnalysis
    robustness: Robustness
    visualise: Visualise

    @model_validator(mode="after")
    def _fit_together(self) -> "Params":
        if self.train.early_stopping and self.prepare.validation == "test":
            raise ValueError(
                f"train.early_stopping: found {self.train.early_stopping} with prepare.validation test, which would "
                "choose the epoch on the test set; allowed is null, or prepare.validation holdout"
            )
        if self.model.filters and self.visualise.filter >= self.model.filters[0]:
            raise ValueError(
                f"visualise.filter: found {self.visualise.filter}; "
                f"allowed are 0 to {self.model.filters[0] - 1}, one less than model.filters[0]"
            )
        return self
