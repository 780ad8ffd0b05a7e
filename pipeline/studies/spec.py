"""A study's file, checked as params.yaml is: the question, the arms with all their settings, the measures."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from pipeline.config import params
from pipeline.config.errors import UserError
from pipeline.config.explain import explain
from pipeline.config.sections import Params, Section
from pipeline.studies.intervals import least_seeds
from pipeline.studies.library import SECTIONS
from pipeline.studies.measures import MEASURES

FOLDER = Path("studies")
BASE = FOLDER / "base.yaml"
BASELINE = "baseline"
SEEDS: tuple[Literal["train.seed", "prepare.seed"], ...] = ("train.seed", "prepare.seed")

Changes = dict[str, Any]


def _known(name: str) -> str:
    if name not in MEASURES:
        raise PydanticCustomError("measure", "allowed are {names}", {"names": ", ".join(MEASURES)})
    return name


MeasureName = Annotated[str, AfterValidator(_known)]


class Variant(Section):
    """Changes against the baseline, or against another variant."""

    name: Annotated[str, MinLen(1)]
    changes: Annotated[Changes, MinLen(1)]
    baseline: str = BASELINE


class Measured(Section):
    """What is compared, which way is better, and the smallest difference that matters, in the measure's own unit."""

    name: MeasureName
    better: Literal["higher", "lower"]
    worth: Annotated[float, Gt(0)]


class Study(Section):
    """A question, and how it is to be answered."""

    question: Annotated[str, MinLen(1)]
    claim: str | None = None
    baseline: Changes = Field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    seeds: Annotated[int, Ge(2), Le(1000)]
    vary: Annotated[tuple[Literal["train.seed", "prepare.seed"], ...], MinLen(1)] = SEEDS
    measures: Annotated[tuple[Measured, ...], MinLen(1)]
    reference: dict[MeasureName, float | tuple[float, ...]] = Field(default_factory=dict)
    against_itself: bool = False

    @model_validator(mode="after")
    def _fit_together(self) -> "Study":
        listed: dict[str, list[str]] = {
            "variants": [variant.name for variant in self.variants],
            "measures": [measure.name for measure in self.measures],
            "vary": list(self.vary),
        }
        for kind, names in listed.items():
            if doubled := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{kind}: found {doubled[0]} twice; each may be there once")
        known = [BASELINE]
        for variant in self.variants:
            if variant.name == BASELINE:
                raise ValueError(f"variants: found the name {BASELINE}; that is what the others are compared with")
            if variant.baseline not in known:
                raise ValueError(
                    f"variants: {variant.name}: baseline: found {variant.baseline}; allowed are {', '.join(known)}: "
                    f"{BASELINE}, and the variants before it"
                )
            known.append(variant.name)
        least = least_seeds(len(self.variants))
        if self.variants and self.seeds < least:
            raise ValueError(
                f"seeds: found {self.seeds}; allowed are {least} and more, for the number of variants "
                f"({len(self.variants)}): with fewer no difference, however large, could be told from chance"
            )
        if not self.variants and not self.reference and not self.against_itself:
            raise ValueError("variants: found none; needed is at least one, or a reference, or against_itself: true")
        if self.against_itself and (self.variants or self.seeds % 2):
            raise ValueError("against_itself: needs an even number of seeds and no variants: they are split into pairs")
        return self


class Arm(Section):
    """One way to make a network, which a study tries with every seed."""

    name: str
    baseline: str | None  # the arm it is compared with
    changes: Changes
    settings: Params

    def trials(self, study: "Study") -> list[Params]:
        """Return the settings of its trials, those of seed 0 first."""
        return [changed(self.settings, dict.fromkeys(study.vary, seed)) for seed in range(study.seeds)]


def names() -> list[str]:
    """Return the studies there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml") if path not in (BASE, FOLDER / "dvc.yaml"))


def load(name: str) -> tuple[Study, list[Arm]]:
    """Read and check a study with the settings of all its arms, the baseline's first.

    Raises UserError, with a line for each mistake, naming file, key, what was found and what is allowed.
    """
    path = FOLDER / f"{name}.yaml"
    if name not in names():
        raise UserError(f"{path}: no such study; there are {', '.join(names())}")
    tree = params.read_tree(path.read_text(encoding="utf-8"), str(path), Study)
    try:
        study = Study.model_validate_json(json.dumps(tree, default=str))
    except ValidationError as error:
        raise UserError("\n".join(f"{path}: {line}" for line in explain(error, Study))) from None
    base = params.load(BASE)
    arms = [_arm(path, BASELINE, None, study.baseline, base)]
    for variant in study.variants:
        settings = next(arm.settings for arm in arms if arm.name == variant.baseline)
        arms.append(_arm(path, variant.name, variant.baseline, variant.changes, settings))
    for position, arm in enumerate(arms):
        for other in arms[:position]:
            if _used(arm) == _used(other):
                raise UserError(f"{path}: variants: {arm.name}: the same settings as {other.name}")
    return study, arms


def changed(settings: Params, changes: Changes) -> Params:
    """Return settings with some of them changed, by `section.key`. Raises ValidationError as params.yaml would."""
    tree = settings.model_dump(mode="json")
    for key, value in changes.items():
        section, name = key.split(".")
        tree[section][name] = value
    return Params.model_validate_json(json.dumps(tree, default=str))


def _arm(path: Path, name: str, baseline: str | None, changes: Changes, against: Params) -> Arm:
    where = f"{path}: {name}"
    known = params.flat(against)
    for key in changes:
        if key.startswith("fetch."):
            raise UserError(
                f"{where}: {key}: the data cannot vary within a study; `dvc exp run -S` changes them for all"
            )
        if key in SEEDS:
            raise UserError(
                f"{where}: {key}: a seed is no change; `seeds` says how many, `vary` which settings take them"
            )
        if key not in known or key.split(".")[0] not in SECTIONS:
            allowed = ", ".join(
                setting for setting in known if setting.split(".")[0] in SECTIONS and setting not in SEEDS
            )
            raise UserError(f"{where}: {key}: unknown setting; allowed are {allowed}")
    try:
        settings = changed(against, changes)
    except ValidationError as error:
        raise UserError("\n".join(f"{where}: {line}" for line in explain(error, Params))) from None
    if settings.train.native:
        raise UserError(f"{where}: train.native: found true; a study's trials are the same bytes on every machine")
    return Arm(name=name, baseline=baseline, changes=changes, settings=settings)


def _used(arm: Arm) -> Changes:
    return params.flat(arm.settings, SECTIONS)
