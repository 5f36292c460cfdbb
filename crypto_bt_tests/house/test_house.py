"""The house keeps its rules: small files, quiet imports, everything wired, everything helped."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = sorted((ROOT / "crypto_bt").rglob("*.py"))
TESTS = sorted((ROOT / "crypto_bt_tests").rglob("test_*.py"))
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager"}
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error")


def lines(path: Path) -> int:
    """Lines of a file."""
    return len(path.read_text().splitlines())


def test_files_are_small() -> None:
    sizes = {str(path.relative_to(ROOT)): lines(path) for path in PRODUCT}
    assert {name: size for name, size in sizes.items() if size > 300} == {}
    small = sum(size < 150 for size in sizes.values())
    assert small >= 0.7 * len(sizes), "most files stay under 150 lines"


def test_files_have_names_that_say_what_they_hold() -> None:
    assert [path for path in PRODUCT if FORBIDDEN_NAMES & set(path.stem.split("_"))] == []


def test_files_hold_no_unfinished_words() -> None:
    found = [(path.name, word) for path in PRODUCT for word in UNFINISHED if word in path.read_text()]
    assert found == []


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_and_its_public_names_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "say in the module's docstring what lives here"
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_test_asserts_something(path: Path) -> None:
    """A test without an assertion on behaviour proves nothing."""
    proves = {"raises", "fail", "warns"}
    idle = []
    helpers = {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(isinstance(inner, ast.Assert) for inner in ast.walk(node))
    }
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        inner = list(ast.walk(node))
        asserts = any(isinstance(item, ast.Assert) for item in inner)
        names = {item.attr for item in inner if isinstance(item, ast.Attribute)}
        names |= {item.id for item in inner if isinstance(item, ast.Name)}
        named = any(name.startswith("assert_") for name in names)
        if not (asserts or named or names & (proves | helpers)):
            idle.append(node.name)
    assert idle == []


def test_importing_everything_opens_nothing_and_reads_no_environment() -> None:
    """Import every module under guards; a socket, a written file or an environment look-up fails."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in PRODUCT
        if path.name != "__main__.py"
    ]
    guard = Path(__file__).with_name("import_guard.py")
    done = subprocess.run(
        [sys.executable, str(guard), *names], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_rooms_import_only_what_the_design_allows() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout
    assert "10 kept, 0 broken" in done.stdout


def test_definitions_load_without_the_heavy_libraries() -> None:
    heavy = ["ccxt", "numba", "resvg_py", "duckdb", "aiohttp.web"]
    code = f"import sys, crypto_bt.definitions; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
