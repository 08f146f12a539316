"""Rules that keep the code readable: sizes, names, and which module may import which."""

import ast
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from node_poc.config.kinds.registry import KINDS
from node_poc.config.load import load_config

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = [
    "node_poc",
    "devcluster",
    "devserver",
    "devstation",
    "demo",
    "dummy_socketio_server",
    "dummy_proxy",
    "avg_alg",
    "fed_avg_alg",
    "bench",
]
# Files in these folders run as scripts: a module named like a module of the standard library would
# be imported instead of the standard module.
SCRIPT_FOLDERS = ["dummy_socketio_server", "dummy_proxy", "avg_alg"]
FILE_LINES = 300
FUNCTION_LINES = 40
_SKIP = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|importorskip)\b|Skip[T]est")


def python_files(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path):
    return str(path.relative_to(ROOT))


ALL = python_files(*FOLDERS)
NODE = python_files("node_poc")


def test_there_is_something_to_look_at():
    assert len(ALL) > 50


def test_no_two_files_with_tests_have_the_same_name():
    """pytest imports each file by its bare name, and stops at the second file of a name."""
    names = Counter(path.name for path in python_files("tests") if path.name.startswith("test_"))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("path", python_files("tests"), ids=name_of)
def test_no_test_is_skipped(path):
    """A skipped test reads as passed. Markers (pyproject.toml) select tests instead."""
    assert not _SKIP.findall(path.read_text())


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_a_file_is_short(path):
    assert len(path.read_text().splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_functions_are_short(path):
    long = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = function_lines(node)
            if lines > FUNCTION_LINES:
                long[node.name] = lines
    assert long == {}


def function_lines(node):
    """Return the number of a function's lines from ``def`` on, without the docstring."""
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


@pytest.mark.parametrize("path", python_files(*SCRIPT_FOLDERS), ids=name_of)
def test_no_script_hides_a_module_of_pythons_own(path):
    assert path.stem not in sys.stdlib_module_names


def test_top_level_folders_do_not_hide_python_own():
    """The folder ``csv`` holds data; an ``__init__.py`` would make it replace Python's module."""
    named_alike = [folder for folder in ROOT.iterdir() if folder.name in sys.stdlib_module_names]
    assert [folder for folder in named_alike if (folder / "__init__.py").exists()] == []


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("path", NODE, ids=name_of)
def test_only_cluster_imports_kubernetes(path):
    if path.is_relative_to(ROOT / "node_poc/cluster"):
        return
    imported = {module.partition(".")[0] for module in imported_modules(path)}
    assert not imported & {"kubernetes", "urllib3"}


@pytest.mark.parametrize("path", NODE, ids=name_of)
def test_only_protocol_imports_a_servers_client(path):
    if path.is_relative_to(ROOT / "node_poc/protocol"):
        return
    imported = {module.partition(".")[0] for module in imported_modules(path)}
    own = {"requests"} if path.is_relative_to(ROOT / "node_poc/registry") else set()
    assert not imported & {"socketio", "engineio", "requests", "websocket"} - own


@pytest.mark.parametrize("path", python_files(*SCRIPT_FOLDERS), ids=name_of)
def test_what_stands_alone_imports_nothing_of_ours(path):
    imported = {module.partition(".")[0] for module in imported_modules(path)}
    assert not imported & {"node_poc", "devcluster"}


@pytest.mark.parametrize("path", NODE, ids=name_of)
def test_labels_and_annotations_are_spelled_in_identity_only(path):
    if path == ROOT / "node_poc/manifests/identity.py":
        return
    text = path.read_text()
    for prefix in ("vantage6.ai/", "app.kubernetes.io/"):
        places = [line for line in text.splitlines() if prefix in line]
        hosts = ("docs.vantage6.ai", "harbor2.vantage6.ai")
        assert [line for line in places if not any(host in line for host in hosts)] == []


def comparisons_of_kinds(code):
    """Return the lines that compare kinds of servers, or look something up by a kind's name."""
    names = {*KINDS, *(name.upper() for name in KINDS)}
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Compare():
                parts, words = [node], {"server_kind", *names}
            case ast.Match():
                patterns = [case.pattern for case in node.cases]
                parts, words = [node.subject, *patterns], {"server_kind", *names}
            case ast.Dict():
                parts, words = [key for key in node.keys if key], names
            case _:
                continue
        if words & {word for part in parts for word in words_in(part)}:
            yield node.lineno


def words_in(code):
    """Return the names, attributes and texts of a part of the code."""
    for node in ast.walk(code):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.Constant(value=str(word)):
                yield word


@pytest.mark.parametrize("path", NODE, ids=name_of)
def test_only_the_registry_compares_kinds_of_servers(path):
    if path != ROOT / "node_poc/config/kinds/registry.py":
        assert list(comparisons_of_kinds(path.read_text())) == []


@pytest.mark.parametrize(
    "code",
    [
        'config.kubernetes.server_kind == "dummy"',
        'kind.name != "vantage6"',
        'kind in ("vantage6", "vantage6-5")',
        "config.kind is DUMMY",
        'match kind.name:\n  case "dummy" | "other":\n    pass',
        '{"dummy": 1, "vantage6": 2}[name]',
    ],
)
def test_a_comparison_of_kinds_is_seen(code):
    assert list(comparisons_of_kinds(code)) == [1]


def test_the_example_configuration_loads():
    config = load_config(ROOT / "node_poc/node_config.yaml", {})
    assert config.not_applied == ()
    assert {database.label for database in config.databases} >= {"default", "db1", "db2", "db3"}
