"""How much of one place may be unpacked and kept: a few bytes of an archive or a header can claim any number."""

from collections import Counter

from pipeline.config.errors import UserError

UNPACKED = "bytes unpacked"
KEPT = "bytes of images and labels"
FILES = "files"
ARCHIVES = "archives"

# With them the reader stays below 1 GB, and ends in seconds.
LIMITS = {
    UNPACKED: 2_000_000_000,  # and the size of the archives on disk: pictures in them hardly shrink
    KEPT: 660_000_000,  # EMNIST's largest split, byclass, has 639 million
    FILES: 200_000,
    ARCHIVES: 100,
}


class Budget:
    """What has been spent of all that is allowed for one place."""

    def __init__(self) -> None:
        self.limits = dict(LIMITS)
        self.spent: Counter[str] = Counter()

    def check(self, what: str, amount: int) -> None:
        """Raise UserError where an amount is more than what is left."""
        found = self.spent[what] + amount
        if found > self.limits[what]:
            raise UserError(f"{found:,} {what} found; allowed are {self.limits[what]:,} in one place")

    def spend(self, what: str, amount: int) -> None:
        """Count an amount. Raises UserError where it is more than what is left."""
        self.check(what, amount)
        self.spent[what] += amount
