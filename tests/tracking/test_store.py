from pathlib import Path

import pytest

from pipeline.config.errors import UserError
from pipeline.tracking import store


def test_a_tracking_uri_in_the_env_file_is_used_and_the_environment_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert store.uri() == f"sqlite:///{tmp_path / 'mlflow.db'}"
    (tmp_path / ".env").write_text("MLFLOW_TRACKING_URI=http://127.0.0.1:7777\n")
    assert store.uri() == "http://127.0.0.1:7777"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:8888")
    assert store.uri() == "http://127.0.0.1:8888"


def test_an_own_database_that_is_none_is_told_with_its_place_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store.check_own()  # there is none yet
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mlflow.db").write_text("a shopping list, long enough to be no empty database" * 20)
    with pytest.raises(UserError, match=r"mlflow\.db is out of reach: file is not a database; move it away"):
        store.check_own()
    assert (tmp_path / "mlflow.db").read_text().startswith("a shopping list")
