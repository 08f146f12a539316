"""The users' pages: every key with its default, working examples, and working links."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from node_poc.config.kubernetes import Kubernetes
from node_poc.config.load import load_config, parse_config
from node_poc.config.model import NodeConfig

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/configuration.md").read_text()
README = (ROOT / "README.md").read_text()
USER_PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
SAMPLE = ROOT / "tests/fakes/vantage6_node.yaml"
WORDS = {"works", "differs", "does not apply"}
# The site chooses the names inside these keys, or the node reports the key as a whole.
WHOLE = {
    "algorithm_env",
    "databases[].env",
    "docker_registries",
    "docker_services",
    "logging.loggers",
    "node_extra_env",
    "node_extra_hosts",
    "node_extra_mounts",
    "ssh-tunnels",
}


def rows(heading):
    """Return the cells of the first table below a heading."""
    part = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


VANTAGE6 = {cells[0].strip("`"): cells[1] for cells in rows("Keys of vantage6")}
VANTAGE6_DEFAULTS = {cells[0].strip("`"): cells[2] for cells in rows("Keys of vantage6")}
KUBERNETES = {cells[0].strip("`"): cells[1] for cells in rows("Keys of Kubernetes")}


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


def test_every_key_of_a_whole_file_has_a_row_and_no_other():
    assert set(keys_of(yaml.safe_load(SAMPLE.read_text()))) == set(VANTAGE6)


def test_every_key_that_the_model_knows_has_a_row():
    known = set(NodeConfig.model_fields) - {"kubernetes", "not_applied"}
    assert known <= {re.split(r"[.\[]", key)[0] for key in VANTAGE6}
    assert set(VANTAGE6.values()) <= WORDS


def test_what_does_not_apply_is_told_by_the_node_and_nothing_else_is():
    told = {re.sub(r"\[\d+\]", "[]", item.key) for item in load_config(SAMPLE, {}).not_applied}
    documented = {key for key, word in VANTAGE6.items() if word == "does not apply"}
    assert documented <= told
    assert {VANTAGE6[key] for key in told - documented} == {"differs"}


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
    assert {key: written(value) for key, value in defaults(Kubernetes)} == KUBERNETES


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


@pytest.mark.parametrize("name", ["README.md", "docs/install-vantage6.md"])
def test_the_short_configuration_is_whole_and_good(name):
    example = re.search(r"```yaml\n(api_key.*?)```", (ROOT / name).read_text(), re.DOTALL)
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


@pytest.mark.parametrize("page", USER_PAGES)
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
