"""The repository's own database: whether it can be read and written, and where it says that its files lie."""

import sqlite3
from contextlib import closing

from pipeline.config.repository import root
from pipeline.tracking import store

# where MLflow keeps places of files, as absolute paths
PLACES = [
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
]


def follow_the_project() -> None:
    """Let the local store's artifacts be where the project is now, if it was made elsewhere: moved, renamed or copied.

    MLflow keeps absolute paths: without this, new artifacts would go to the old place and old ones be lost from view.
    The place of the complete runs tells where that was. To be called under the lock.

    Raises UserError where the database cannot be read or changed.
    """
    ending = f"/{store.artifacts().name}/{store.EXPERIMENTS}"
    try:
        with closing(sqlite3.connect(store.database())) as connection, connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if "experiments" not in tables:
                return  # MLflow makes them
            asked = "SELECT artifact_location FROM experiments WHERE name = ?"
            (place,) = connection.execute(asked, [store.EXPERIMENTS]).fetchone() or [""]
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
        raise store.out_of_reach(error, "") from None


def check() -> None:
    """Raise StoreError when the repository's own database is there and cannot be read or written."""
    if store.database().exists():
        try:
            with closing(sqlite3.connect(f"{store.database().as_uri()}?mode=rw", uri=True)) as connection:
                connection.execute("select count(*) from sqlite_master")
                try:
                    connection.execute("begin immediate")
                    connection.execute("create table may_write (x)")  # never committed
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # who writes at the moment will end
                        raise
        except sqlite3.OperationalError as error:
            raise store.out_of_reach(error, "it must be writable, and no other process may hold it for long") from None
        except sqlite3.Error as error:
            raise store.out_of_reach(error, "move it away, and a new one is made") from None
