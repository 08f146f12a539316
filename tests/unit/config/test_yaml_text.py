"""Valid YAML that is no valid configuration: each mistake has its own cause, line and remedy."""

import codecs
import contextlib
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node_poc.config.load import ConfigError, load_config
from node_poc.config.yaml_text import MAX_BYTES, parse_yaml


def broken(text):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text)
    return str(caught.value)


def bomb(first, step):
    """Return nine levels of YAML aliases; each level refers to the previous level ten times."""
    levels = [
        f"{name}: &{name} " + step.format(", ".join([f"*{before}"] * 10))
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    ]
    return "\n".join([f"a: &a {first}", *levels, ""])


def test_merge_keys_are_read_as_vantage6_reads_them():
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3}\nc:\n  <<: [*b, *a]\n  x: 4\n"
    assert parse_yaml(text)["c"] == {"x": 4, "y": 3}
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a}\n")["b"] == {"x": 1}


@pytest.mark.parametrize(
    ("text", "line", "cause", "remedy"),
    [
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", 4, "`<<` is given twice", "<<: [*a, *b]"),
        ("b:\n  <<: 7\n", 2, "merges mappings only", "*name"),
        ("a: &a {x: 1, x: 2}\nb: {<<: *a}\n", 1, "`x` is given twice", "keep one"),
        ("\na: " + "[" * 72 + "]" * 72, 2, "more than 32 levels", "brackets"),
        ("[" * 100_000, 1, "more than 32 levels", "brackets"),
        ("".join(" " * n + "a:\n" for n in range(72)), 32, "more than 32 levels", "indentation"),
        (bomb("[x, x]", "[{}]"), 5, "more than 20000 values", "fewer"),
        (bomb("{x: 1}", "{{<<: [{}]}}"), 5, "more than 20000 values", "fewer"),
        ("a: 1\nb: &b [*b]\n", 2, "inside of what it refers to", "in full"),
        ("a: 1\nb: &b\n  <<: *b\n", 3, "inside of what it refers to", "in full"),
        ("a: *b\n", 1, "no anchor", "quotes"),
        ("a: *.example\n", 1, "sign of YAML's own", "quotes"),
        ("a: @x\n", 1, "sign of YAML's own", "quotes"),
        ("a: b: c\n", 1, "no key can be", "quotes"),
        ("k" * 2000 + ": 1\n", 1, "no key can be", "1024"),
        ("a: 1\n---\nb: 2\n", 2, "a second document", "`---`"),
        ("  a: 1\nb: 2\n", 2, "further left", "alike"),
        ("a: 1\nb:\n\tc: 1\n", 3, "a tab", "spaces"),
        ("a:\t1\nb: 2\n", 1, "a tab", "spaces"),
        ('a: 1\nb: "open\nc: 2\n', 2, "closed nowhere", "close it"),
        ("a: 1\nb: \x00\n", 2, "U+0000", "remove it"),
        ("a: 1\nb: \ud800\n", 2, "U+D800", "remove it"),
        ("a: 1\nb: 2024-13-45\n", 2, "a date, a number", "quotes"),
        ("a: " + "9" * 5000 + "\n", 1, "a date, a number", "quotes"),
        ("a: {[1]: 2}\n", 1, "a key must be text", "list"),
    ],
)
def test_a_mistake_is_told_with_line_cause_and_remedy(text, line, cause, remedy):
    told = broken(text)
    assert told.startswith(f"line {line}: ")
    assert cause in told
    assert remedy in told


def test_a_tab_inside_of_a_value_is_no_mistake():
    assert parse_yaml('a: "x\ty"\nb: 1 # a\tb\n') == {"a": "x\ty", "b": 1}
    assert "tab" not in broken('a: "x\ty" z\n')


def test_no_long_text_comes_back():
    key = "k" * 1000
    assert len(broken(f"{key}: 1\n{key}: 2\n")) < 200
    assert len(broken(f"? !!binary {key}\n: 1\n")) < 300
    assert len(broken(f"a: !!{key} 1\n")) < 200


def test_a_long_line_is_read():
    assert len(parse_yaml("a: " + "x" * 100_000)["a"]) == 100_000


def test_a_file_too_large_for_kubernetes_is_told(tmp_path):
    assert "256 KiB" in broken("a: " + "x" * MAX_BYTES)
    path = tmp_path / "node.yaml"
    with path.open("wb") as file:
        file.truncate(8 * 1024**3)
    with pytest.raises(ConfigError, match=r"node\.yaml: the file is larger than 256 KiB"):
        load_config(path, {})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("server_url: http://a".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        (b"a: 1\nb: caf\xe9\n", "line 2: cannot be read as UTF-8 text"),
    ],
)
def test_another_encoding_is_told(tmp_path, content, told):
    path = tmp_path / "node.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        load_config(path, {})


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "node.yaml"
    path.write_bytes(codecs.BOM_UTF8 + b"server_url: http://a\ntask_dir: /t\n")
    assert load_config(path, {}).server_url == "http://a"


_SIGNS = ["a", "b", ": ", "- ", "\n", "  ", "\t", "# x\n", ", ", "[", "]", "{", "}", "'", '"']
_WORDS = ["&a ", "*a", "<<: ", "|\n", ">-\n", "? ", "!!int ", "!!set ", "---\n", "...\n", "%", "@"]
_PARTS = st.lists(st.sampled_from([*_SIGNS, *_WORDS]), max_size=40).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.one_of(_PARTS, st.text(alphabet=string.printable + "\x00\x85\ufeff\u2028é")))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(ConfigError):
        parse_yaml(text)
