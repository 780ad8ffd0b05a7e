from pathlib import Path

import pytest

from pipeline.tracking import lineage as results


def test_numbers_of_nested_metrics_get_joined_names_and_everything_else_is_left_out() -> None:
    tree = {"loss": 0.5, "precision": {"3": 1}, "test_set": "unseen", "none": None, "yes": True, "many": [1, 2]}
    assert results.numbers(tree) == {"loss": 0.5, "precision.3": 1.0}


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_a_digest_changes_with_content_and_names_only(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    Path("a/x").write_text("1")
    Path("b").write_text("2")
    before = results.digest([Path("a"), Path("b")])
    Path("b").touch()
    assert results.digest([Path("b"), Path("a")]) == before
    match change:
        case "content":
            Path("a/x").write_text("3")
        case "name":
            Path("a/x").rename("a/y")
        case "more":
            Path("a/z").write_text("")
    assert results.digest([Path("a"), Path("b")]) != before
