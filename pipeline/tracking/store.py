"""Where the MLflow store is, and whether it answers.

Light: MLflow itself, which takes longer to load than most stages work, is not needed.
"""

import hashlib
import os
import shutil
import socket
import urllib.parse
from pathlib import Path

import filelock
from dotenv import load_dotenv

from pipeline.config.errors import UserError
from pipeline.config.repository import root

TIMEOUT = 4  # seconds that a server may take to answer
EXPERIMENTS = "convscope"  # the MLflow experiment with one complete run for every experiment
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")  # those that MLflow knows
NAME_IT = "see that MLFLOW_TRACKING_URI names it rightly, or unset it to use mlflow.db"


def database() -> Path:
    """Return the repository's own store."""
    return root() / "mlflow.db"


def uri() -> str:
    """Return MLFLOW_TRACKING_URI, from the environment or .env, or else the repository's own database.

    A relative path is the project's, not the working directory's: a queued run works in a temporary clone.
    """
    load_dotenv(root() / ".env")
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{database().name}"
    dialect, found, path = address.partition(":///")
    if dialect.startswith("sqlite") and found and path and path[0] not in "/:":
        return f"{dialect}:///{os.path.normpath(root() / path)}"
    return address


def check_address() -> None:
    """Raise StoreError where the store's address is none that lasts, or leads MLflow elsewhere than it says."""
    address = uri()
    lasts = "://" in address or address.startswith("databricks")
    if not lasts or address.startswith("file:") or address.rstrip("/") == "sqlite:" or ":memory:" in address:
        raise StoreError(
            f"MLFLOW_TRACKING_URI is {address.rpartition('@')[2]}, neither a server nor a database that lasts (MLflow "
            "3 takes no folder): unset it to use mlflow.db, or name one, http://host:5000 or sqlite:///runs.db, say"
        )
    if is_database() and ("?" in str(root()) or urllib.parse.unquote(str(root())) != str(root())):
        raise StoreError(
            f"{root()}: MLflow takes a ? and a % before two hexadecimal digits in a folder's name for another place; "
            "rename the folder, or let MLFLOW_TRACKING_URI name a server"
        )


def name() -> str:
    """Return the store's address without user, password and query: what messages, records and tags may hold."""
    return without_secrets(uri())


def without_secrets(address: str) -> str:
    """Return an address without user, password and query."""
    scheme, found, rest = address.partition("://")
    if not found or rest.startswith("/"):  # a file's path, which may hold any sign
        return address
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def hidden(text: str) -> str:
    """Return a text without the secrets of the store's address, however a library wrote them into it."""
    rest = uri().partition("://")[2]
    if rest.startswith("/"):
        return text
    user, at, place = rest.rpartition("@")
    query = urllib.parse.parse_qsl(place.partition("?")[2])
    secrets = [user.partition(":")[2], *(value for key, value in query if "pass" in key.lower())]
    for secret in filter(None, [user + at, *secrets, *map(urllib.parse.unquote, secrets)]):
        text = text.replace(secret, "")
    return text


def is_local() -> bool:
    """Tell whether the store is the repository's own database, which needs no server to be there."""
    return uri() == f"sqlite:///{database()}"


def remembered() -> str:
    """Return what a waiting run remembers of the store: of the repository's own no path, since the project may move."""
    return database().name if is_local() else name()


def artifacts() -> Path:
    """Return the folder of the artifacts of a store that is a database."""
    return root() / "mlartifacts"


def is_database() -> bool:
    """Tell whether the store is a database, whose artifacts then lie in the project."""
    return uri().startswith(DATABASES)


def is_server() -> bool:
    """Tell whether the store is an MLflow server."""
    return uri().startswith(("http://", "https://"))


class StoreError(UserError):
    """The store does not answer, or not as it should."""


def out_of_reach(error: BaseException, advice: str) -> StoreError:
    """Return what is said of a store that does not answer."""
    return StoreError(
        "; ".join(filter(None, [f"the MLflow store {name()} is out of reach: {first_line(error)}", advice]))
    )


def not_installed(what: str, package: str) -> StoreError:
    """Return what is said where the store needs a package that is not there."""
    return StoreError(
        f'{what} is not installed: add "{package}" to `dependencies` in pyproject.toml, then `make lock` and `make`'
    )


def lock() -> filelock.FileLock:
    """Return the lock under which this repository's processes make the store and publish."""
    return filelock.FileLock(root() / "mlflow.db.lock")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, without secrets; of many files not copied the first."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        return str(error.args[0][0][-1])
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("(raised as a result of")]
    return hidden((lines or [type(error).__name__])[0])  # SQLAlchemy begins with where in its own code it was


def publisher() -> str:
    """Return a name for this repository on this machine: it tells its runs in a shared store from those of others."""
    return hashlib.sha256(f"{socket.gethostname()} {root()}".encode()).hexdigest()[:12]
