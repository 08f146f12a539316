"""The users' pages: every key with its default, working examples, and working links."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from node_poc.config.image_rules import ImageResources
from node_poc.config.images import SignatureRule
from node_poc.config.kubernetes import Kubernetes
from node_poc.config.load import load_config, parse_config
from node_poc.config.model import NodeConfig
from node_poc.config.placement import Placement
from node_poc.config.pods import RuntimeClassRule

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/configuration.md").read_text()
README = (ROOT / "README.md").read_text()
USER_PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
GUIDES = sorted(f"docs/guides/{path.name}" for path in (ROOT / "docs/guides").glob("*.md"))
SAMPLE = ROOT / "tests/fakes/vantage6_node.yaml"
WORDS = {"works", "differs", "does not apply"}
TABLES_SCRIPT = ROOT / "docs/configuration_tables.py"
# These keys hold a list of the keys below them.
LISTS = {"databases", "docker_registries"}
# The site chooses the names inside these keys, or the node reports the key as a whole.
WHOLE = {
    "algorithm_env",
    "databases[].env",
    "docker_services",
    "logging.loggers",
    "node_extra_env",
    "node_extra_hosts",
    "node_extra_mounts",
    "ssh-tunnels",
}


def rows(heading, comment):
    """Return the cells of the tables below a heading and a kind of comment."""
    part = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    tables = re.findall(rf"<!-- {comment} -->\n(.*?)<!-- end -->", part, re.DOTALL)
    lines = [line for line in "".join(tables).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


ROWS = rows("Keys of vantage6", "keys: .*?")
VANTAGE6_DEFAULTS = {cells[0].strip("`"): cells[2] for cells in ROWS}
WITHOUT_EFFECT = {cells[0].strip("`") for cells in rows("Keys of vantage6", "without.*any server")}
WITHOUT_EFFECT_HERE = {
    cells[0].strip("`"): cells[1] for cells in rows("Keys of vantage6", "without.*dummy server")
}
VANTAGE6 = {cells[0].strip("`"): cells[1] for cells in ROWS}
VANTAGE6 |= dict.fromkeys(WITHOUT_EFFECT, "does not apply")
KUBERNETES = {
    cells[0].strip("`"): cells[1]
    for cells in rows("Keys of Kubernetes", "keys: .*?")
    if not cells[0].startswith("`databases_egress.")
}


def keys_of(value, path=""):
    if path in WHOLE or not isinstance(value, dict | list):
        yield path
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for each in value:
            yield from keys_of(each, f"{path}[]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from keys_of(inner, f"{path}.{key}" if path else key)
    else:
        yield path


def row_of(key):
    """Return the row of a key: its own, or the row of the other keys of its section."""
    return key if key in VANTAGE6 else f"{key.partition('.')[0]}.*"


def test_every_key_of_a_whole_file_has_a_row_and_no_other():
    keys = set(keys_of(yaml.safe_load(SAMPLE.read_text())))
    assert {row_of(key) for key in keys} == set(VANTAGE6) - LISTS


def load_tables_script():
    spec = importlib.util.spec_from_file_location("configuration_tables", TABLES_SCRIPT)
    script = importlib.util.module_from_spec(spec)
    # Dataclasses look for their module there.
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    return script


TABLES = load_tables_script()


def test_the_tables_are_made_from_the_fields():
    assert TABLES.fill_in(TEXT) == TEXT, "run `make docs`, and read the difference"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Path of the server's API.", "Another text."),
        ("| `limits.pull_seconds` | `600` |", "| `limits.pull_seconds` | `601` |"),
        ("| `images.node` |", "| `images.other` |"),
        ("| `logging.level` | works |", "| `logging.level` | differs |"),
    ],
)
def test_a_changed_cell_is_noticed_and_mended(old, new):
    assert TEXT.count(old) == 1
    assert TABLES.fill_in(TEXT.replace(old, new)) == TEXT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("keys: kubernetes.limits", "keys: kubernetes.proxy"),
        ("keys: kubernetes.limits", "keys: kubernetes.limits kubernetes.limits.pull_seconds"),
        ("keys: task_dir databases", "keys: task_dir"),
    ],
)
def test_a_key_belongs_in_exactly_one_table(old, new):
    with pytest.raises(TABLES.PageError, match="in one table"):
        TABLES.fill_in(TEXT.replace(old, new))


def test_a_kind_of_server_needs_a_table_of_its_keys_without_effect():
    without = TEXT.replace("<!-- without effect: dummy server -->", "")
    with pytest.raises(TABLES.PageError, match="keys without effect at dummy servers"):
        TABLES.fill_in(without)


def test_a_key_without_a_text_is_an_error(monkeypatch):
    monkeypatch.setattr(Kubernetes.model_fields["namespace"], "description", None)
    with pytest.raises(TABLES.PageError, match=r"kubernetes\.namespace: has no text"):
        TABLES.find_keys()


def test_each_default_of_kubernetes_that_is_a_choice_has_a_reason():
    empty = {"none", "`[]`", "`{}`", "required"}
    chosen = [key for key in TABLES.find_keys() if key.path.startswith("kubernetes.")]
    assert [key.path for key in chosen if key.default not in empty and not key.reason] == []


def test_every_key_that_the_model_knows_has_a_row():
    known = set(NodeConfig.model_fields) - {"kubernetes", "not_applied"}
    assert known <= {re.split(r"[.\[]", key)[0] for key in VANTAGE6}
    assert set(VANTAGE6.values()) <= WORDS


def test_what_does_not_apply_is_told_by_the_node_and_nothing_else_is():
    items = {re.sub(r"\[\d+\]", "[]", item.key) for item in load_config(SAMPLE, {}).not_applied}
    told = {row_of(item) for item in items}
    documented = {key for key, word in VANTAGE6.items() if word == "does not apply"}
    assert documented <= told
    assert {VANTAGE6[key] for key in told - documented} == {"differs"}


def test_with_the_dummy_server_the_node_tells_the_keys_without_effect():
    # The dummy server refuses some policies, and databases that are services.
    file = yaml.safe_load(SAMPLE.read_text()) | {"policies": {}, "databases": []}
    # The node tells only keys with a value other than false.
    file |= {"share_algorithm_logs": True, "kubernetes": {"server_kind": "dummy"}}
    told = {item.key: item.reason for item in parse_config(yaml.safe_dump(file), {}).not_applied}
    other = {item.key for item in load_config(SAMPLE, {}).not_applied}
    assert {key: why for key, why in told.items() if key not in other} == WITHOUT_EFFECT_HERE


def defaults(model, path=""):
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from defaults(type(field.default), f"{path}{name}.")
        else:
            yield path + name, field.default


def written(value):
    if value is None:
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_every_key_of_vantage6_has_its_default():
    required = {
        "server_url": "https://server.example",
        "task_dir": "/tasks",
        "databases": [{"label": "a", "uri": "/data/a.csv", "type": "csv"}],
    }
    config = parse_config(yaml.safe_dump({"api_key": "a", **required}), {})
    for key, told in VANTAGE6_DEFAULTS.items():
        value = config
        if key in LISTS or key.startswith("docker_registries[]"):
            continue
        if VANTAGE6[key] == "does not apply":
            assert told == "-"
        elif told == "required":
            assert key in {*required, *(f"databases[].{name}" for name in ("label", "uri", "type"))}
        elif key == "api_key":
            assert written(NodeConfig.model_fields[key].default) == told
        else:
            for part in key.split("."):
                value = value.databases[0] if part == "databases[]" else getattr(value, part)
            assert written(value) == told, key


def test_every_key_of_kubernetes_has_a_row_with_its_default():
    items = {key: value for key, value in KUBERNETES.items() if "[]" in key or "<" in key}
    rows = {key: value for key, value in KUBERNETES.items() if key not in items}
    assert {key: written(value) for key, value in defaults(Kubernetes)} == rows
    assert items.keys() == {
        *(f"resources.by_image[].{key}" for key in ImageResources.model_fields),
        *(f"pods.runtime_classes[].{key}" for key in RuntimeClassRule.model_fields),
        *(f"images.signatures[].{key}" for key in SignatureRule.model_fields),
        *(f"placement.<label>.{key}" for key in Placement.model_fields),
    }


@pytest.mark.parametrize("name", ["configuration.md", "moving.md"])
def test_examples_are_good(name):
    text = (ROOT / "docs" / name).read_text()
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert examples
    head = "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\n"
    databases = (
        "databases:\n"
        "  - {label: warehouse, type: sql, uri: 'postgresql://db.hospital.example/x'}\n"
        "  - {label: registry, type: sql, uri: 'postgresql://pg.data.svc.cluster.local/x'}\n"
        "  - {label: old, type: sql, uri: 'jdbc:oracle:thin:@ora.hospital.example:1521/x'}\n"
        "  - {label: fair, type: csv, uri: /srv/data/triples.csv}\n"
    )
    for example in examples:
        without = "" if "databases_egress" in example else "\n"
        parse_config(head + (without or databases) + example, {})


def test_the_short_configuration_is_whole_and_good():
    page = (ROOT / "docs/install-vantage6.md").read_text()
    example = re.search(r"```yaml\n(api_key.*?)```", page, re.DOTALL)
    config = parse_config(example[1], {})
    assert config.kubernetes.namespace == "v6-hospital-a"
    assert not config.not_applied


def headings(path):
    """Return the link anchors of a page's headings."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_user_page_is_named_in_the_readme():
    assert {page for page in USER_PAGES if page != "README.md" and page not in README} == set()


def test_each_guide_is_in_the_list_and_says_whether_it_was_run():
    overview = ROOT / "docs/guides/README.md"
    assert "docs/guides/README.md" in README
    for page in GUIDES:
        path = ROOT / page
        if path != overview:
            assert f"]({path.name})" in overview.read_text()
            assert path.read_text().splitlines()[1].startswith(("**Run**", "**Not run**"))


@pytest.mark.parametrize("page", [*USER_PAGES, *GUIDES])
def test_links_lead_somewhere(page):
    path = ROOT / page
    links = re.findall(r"\]\(([^)]+)\)", path.read_text())
    assert links
    for link in links:
        if ":" in link:
            continue
        file, _, heading = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not heading or heading in headings(target), link
