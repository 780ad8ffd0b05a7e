"""The repository's own database."""

from pathlib import Path

import pytest

from pipeline.config.errors import UserError
from pipeline.tracking import local


def test_a_local_database_that_is_none_is_told_with_its_place_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    local.check()  # there is none yet
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mlflow.db").write_text("a shopping list, long enough to be no empty database" * 20)
    with pytest.raises(UserError, match=r"mlflow\.db is out of reach: file is not a database; move it away"):
        local.check()
    assert (tmp_path / "mlflow.db").read_text().startswith("a shopping list")
