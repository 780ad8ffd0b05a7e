"""Forms in which a table of texts is taken away."""

import re

import pandas as pd


def table_csv(table: pd.DataFrame) -> str:
    """Return a table of texts as CSV."""
    return table.to_csv(index=False, lineterminator="\n")


def table_markdown(table: pd.DataFrame) -> str:
    """Return a table of texts as Markdown."""
    rows = [list(table), *table.to_numpy().tolist()]
    head, *body = (f"| {' | '.join(map(plain, row))} |\n" for row in rows)
    return "".join([head, "|---" * len(table.columns) + "|\n", *body])


def plain(text: str) -> str:
    """Return a text as Markdown that means no more than the text."""
    return re.sub(r"([\\|<>&*_`$])", r"\\\1", text)


def table_latex(table: pd.DataFrame) -> str:
    """Return a table of texts as LaTeX, for the package booktabs."""
    style = table.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
    return style.to_latex(hrules=True, column_format="l" * len(table.columns))
