"""Names that MLflow takes, no two alike."""

from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils import validation

from pipeline.tracking import names


@given(st.lists(st.text(), max_size=6))
@example(["L1 (LASSO)", "L1 [LASSO]", "l1 _lasso_", "L1 _LASSO_ 2"])
@example(["a/b", "a//b", "..", ".", "", " ", "/", "a" * 300, "a" * 299 + "b"])
def test_mlflow_takes_a_metric_of_every_variant_and_no_two_have_the_same_name(variants: list[str]) -> None:
    found = names.distinct(variants)
    assert found.keys() == set(variants)
    assert len({name.casefold() for name in found.values()}) == len(found)
    for name in found.values():
        metric = f"misclassification_auroc/{name}/smallest_effect"
        validation._validate_metric(metric, 1.0, 0, 0)
        validation._validate_tag(f"variant.{names.clean(name)}", "")
        assert metric.count("/") == 2


def test_a_name_that_mlflow_takes_stays_as_it_is() -> None:
    variants = ["dropout off", "40 epochs", "L1", "größer", "train.epochs_40-b"]
    assert names.distinct(variants) == {name: name for name in variants}
