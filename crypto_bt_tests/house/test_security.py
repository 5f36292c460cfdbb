"""What docs/security.md says of all code: no address but loopback, nothing unpickled or evaluated, hashes."""

import ast
import re

import pytest

from crypto_bt_tests.house.test_command_help import COMMANDS
from crypto_bt_tests.house.test_house import PRODUCT, ROOT

#: What turns bytes or text into code, by the module or the built-in name.
MODULES = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
BUILT_IN = {"eval", "exec", "compile", "__import__"}


def dangers(source: str) -> list[str]:
    """Imports and calls in ``source`` by which what is read could be run."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            unsafe = name in BUILT_IN or name in ("yaml.load", "yaml.unsafe_load")
            allowed = any(
                key.arg == "allow_pickle" and ast.unparse(key.value) != "False" for key in node.keywords
            )
            shell = any(key.arg == "shell" and ast.unparse(key.value) != "False" for key in node.keywords)
            found += [name] if unsafe or allowed or shell else []
    return found


def test_nothing_is_unpickled_evaluated_or_given_to_a_shell() -> None:
    found = {str(path.relative_to(ROOT)): dangers(path.read_text()) for path in PRODUCT}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "eval(text)",
        "yaml.load(text)",
        "np.load(path, allow_pickle=True)",
        "run(text, shell=True)",
    ],
)
def test_a_danger_is_found(source: str) -> None:
    assert len(dangers(source)) == 1


def test_no_command_opens_another_address_than_loopback() -> None:
    named = {
        name: [option for param in command.params for option in param.opts]
        for name, command in COMMANDS.items()
    }
    assert {
        name for name, options in named.items() if {"--host", "--bind", "--address"} & set(options)
    } == set()
    wide = [str(path) for path in PRODUCT if re.search(r"\b0\.0\.0\.0\b|\"::\"", path.read_text())]
    assert wide == []


def test_every_library_is_pinned_with_its_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) > 50
    assert [line.split()[0] for line in lines if "==" not in line or "--hash=sha256:" not in line] == []
    assert "http://" not in text
    assert "https://" not in text
