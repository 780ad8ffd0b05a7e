"""The code that a trial runs: as a hash that only what can change a result changes, and as an archive for workers."""

import ast
import hashlib
import io
import tokenize
import zipfile
from pathlib import Path

import pipeline

PACKAGE = Path(pipeline.__file__).parent
TRIAL = "pipeline.studies.trial"
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}


def fingerprint() -> str:
    """Return the hash of the tokens of all that a trial imports, and of the package's own first file.

    Settings and messages (pipeline/config) change no result; settings are in a trial's key themselves.
    """
    modules = {name for name in imported(TRIAL) if not name.startswith("pipeline.config")} | {"pipeline"}
    texts = {name: tokens(_file(name).read_text(encoding="utf-8")) for name in sorted(modules)}
    return hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()


def imported(module: str) -> set[str]:
    """Return a module of the package, and all of the package that it imports, directly or not."""
    found: set[str] = set()
    todo = {module}
    while todo:
        found |= todo
        todo = {name for one in todo for name in _imports(one)} - found
    return found


def tokens(source: str) -> list[str]:
    """Return the tokens of Python code without comments, docstrings and line breaks that mean nothing.

    They are the same under Python 3.11 to 3.13, of which the later ones cut f-strings into pieces.
    """
    docstrings = {
        (node.body[0].lineno, node.body[0].col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(node, clean=False) is not None
    }
    lines = source.splitlines(keepends=True)
    found: list[str] = []
    depth, start = 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            start = start if depth else token.start
            depth += 1
        elif name == "FSTRING_END":
            depth -= 1
            if not depth:
                found.append(_between(lines, start, token.end))
        elif depth or token.type in LAYOUT or token.start in docstrings:
            continue
        elif name in ("INDENT", "DEDENT", "NEWLINE"):
            if not (name == "NEWLINE" and found[-1:] in ([], ["NEWLINE"], ["INDENT"])):  # what ended a docstring
                found.append(name)
        else:
            found.append(token.string)
    return found


def archive() -> bytes:
    """Return the package's modules as a zip from which Python imports them, the same bytes for the same code."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        for path in sorted(PACKAGE.rglob("*.py")):
            target.writestr(zipfile.ZipInfo(str(path.relative_to(PACKAGE.parent))), path.read_bytes())
    return content.getvalue()


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def _imports(module: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(_file(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "pipeline":
            named = {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
            found |= {name for name in named if _file(name).exists() and name != "pipeline"}
    return found


def _file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """Return the text from one place to another, both (line counted from 1, column)."""
    (first, left), (last, right) = start, end
    if first == last:
        return lines[first - 1][left:right]
    return "".join([lines[first - 1][left:], *lines[first : last - 1], lines[last - 1][:right]])
