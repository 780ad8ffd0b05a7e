"""Where the MLflow store is, and whether it answers.

Light: MLflow itself, which takes longer to load than most stages work, is not needed.
"""

import hashlib
import os
import shutil
import socket
import sqlite3
import ssl
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path

import filelock
from dotenv import load_dotenv

from pipeline.config.errors import UserError
from pipeline.config.repository import root

TIMEOUT = 4  # seconds that a server may take to answer
EXPERIMENTS = "convscope"  # the MLflow experiment with one complete run for every experiment
# where MLflow keeps places of files, as absolute paths
PLACES = [
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
]
START_IT = "start it, or unset MLFLOW_TRACKING_URI to use mlflow.db"


def database() -> Path:
    """Return the repository's own store."""
    return root() / "mlflow.db"


def uri() -> str:
    """Return MLFLOW_TRACKING_URI, from the environment or .env, or else the repository's own database."""
    load_dotenv(root() / ".env")
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{database()}"


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
    """Return the folder of the local store's artifacts."""
    return root() / "mlartifacts"


def follow_the_project() -> None:
    """Let the local store's artifacts be where the project is now, if it was made elsewhere: moved, renamed or copied.

    MLflow keeps absolute paths: without this, new artifacts would go to the old place and old ones be lost from view.
    The place of the complete runs tells where that was. To be called under the lock.

    Raises UserError where the database cannot be read or changed.
    """
    ending = f"/{artifacts().name}/{EXPERIMENTS}"
    try:
        with closing(sqlite3.connect(database())) as connection, connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if "experiments" not in tables:
                return  # MLflow makes them
            asked = "SELECT artifact_location FROM experiments WHERE name = ?"
            (place,) = connection.execute(asked, [EXPERIMENTS]).fetchone() or [""]
            before, now = place.removesuffix(ending), str(root())
            if not place.endswith(ending) or before == now:  # not made yet, kept elsewhere on purpose, or not moved
                return
            for table, column in PLACES:
                if table in tables:
                    connection.execute(
                        f"UPDATE {table} SET {column} = :now || substr({column}, length(:before) + 1)"
                        f" WHERE substr({column}, 1, length(:before) + 1) = :before || '/'",
                        {"before": before, "now": now},
                    )
    except sqlite3.Error as error:
        raise out_of_reach(error, "") from None


def check_local() -> None:
    """Raise StoreError when the repository's own database is there and cannot be read or written."""
    if database().exists():
        try:
            with closing(sqlite3.connect(f"{database().as_uri()}?mode=rw", uri=True)) as connection:
                connection.execute("select count(*) from sqlite_master")
                try:
                    connection.execute("begin immediate")
                    connection.execute("create table may_write (x)")  # never committed
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # who writes at the moment will end
                        raise
        except sqlite3.OperationalError as error:
            raise out_of_reach(error, "it must be writable, and no other process may hold it for long") from None
        except sqlite3.Error as error:
            raise out_of_reach(error, "move it away, and a new one is made") from None


def is_server() -> bool:
    """Tell whether the store is an MLflow server."""
    return uri().startswith(("http://", "https://"))


def check_server() -> None:
    """Raise StoreError within seconds when the server does not answer; what it answers is the client's business."""
    try:
        # nothing secret is sent, and a certificate that MLflow is told to accept must not stop us
        context = ssl._create_unverified_context()
        urllib.request.urlopen(f"{name().rstrip('/')}/health", timeout=TIMEOUT, context=context).close()
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise out_of_reach(error, START_IT) from None
    except (OSError, ValueError) as error:
        raise out_of_reach(error, START_IT) from None


class StoreError(UserError):
    """The store does not answer, or not as it should."""


def out_of_reach(error: BaseException, advice: str) -> StoreError:
    """Return what is said of a store that does not answer."""
    return StoreError(
        "; ".join(filter(None, [f"the MLflow store {name()} is out of reach: {first_line(error)}", advice]))
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
