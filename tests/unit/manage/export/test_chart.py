"""The files of a chart. tests/cluster/test_exports.py renders them with real Helm."""

import copy
import json
import re

import jsonschema
import pytest
import yaml

from node_poc.manage.export.command import static_files
from node_poc.manage.export.values import BLOCK, MORE, SCALAR
from tests.unit.manage.export.exported import export, texts, write


@pytest.fixture
def chart(tmp_path):
    """Write the chart of a node with all optional parts; return its files."""

    def make(**changed):
        out = tmp_path / "chart"
        export("helm", "--config", str(write(tmp_path, **changed)), "--out", str(out))
        return texts(out)

    return make


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """Return the schema and the values of a chart with claims."""
    folder = tmp_path_factory.mktemp("checked")
    path, out = write(folder, kubernetes={"storage": CLAIMS}), folder / "chart"
    export("helm", "--config", str(path), "--out", str(out))
    files = texts(out)
    return json.loads(files["values.schema.json"]), yaml.safe_load(files["values.yaml"])


CLAIMS = {
    "mode": "pvc",
    "claim": "tasks",
    "size": "5Gi",
    "databases_claim": "databases",
    "databases_size": "1Gi",
    "databases_root": "/srv/v6",
}


def test_the_files_of_a_chart_are_there(chart):
    files = chart(kubernetes={"storage": CLAIMS}, whitelist={"domains": ["n.example"]})
    assert set(files) >= {
        *("Chart.yaml", "values.yaml", "values.schema.json", "files/namespace.yaml"),
        *("templates/NOTES.txt", "templates/node.yaml", "templates/proxy.yaml"),
        *("templates/claims.yaml", "templates/rights.yaml", "templates/network-policies.yaml"),
        *("templates/job-policy.yaml", "templates/whitelist-proxy.yaml"),
        *("templates/tests/doctor.yaml", "templates/guard.yaml", "templates/_helpers.tpl"),
    }
    made = yaml.safe_load(files["Chart.yaml"])
    assert (made["apiVersion"], made["name"]) == ("v2", "hospital-a-18276cb8")
    assert not any(re.search(r"__[A-Z]+__", text) for text in files.values())


def test_every_mark_becomes_an_expression(chart):
    files = chart(kubernetes={"storage": CLAIMS}, whitelist={"domains": ["n.example"]})
    assert not any(mark in text for mark in (SCALAR, BLOCK, MORE) for text in files.values())
    used = set(re.findall(r"\.Values\.([A-Za-z.]+)", "".join(files.values())))
    values = yaml.safe_load(files["values.yaml"])
    given = {f"{section}.{key}" for section, keys in values.items() for key in keys}
    assert used == given


def test_the_values_are_those_of_the_file_and_fit_their_schema(chart):
    place = {"node": {"node_selector": {"example.org/room": "1"}}}
    files = chart(kubernetes={"placement": place, "node_image": "r.example/n:1@sha256:" + "0" * 64})
    values = yaml.safe_load(files["values.yaml"])
    assert values["node"]["nodeSelector"] == {"example.org/room": "1"}
    assert values["image"]["name"] == "r.example/n:1"
    assert values["image"]["digest"] == "sha256:" + "0" * 64
    assert values["secrets"] == {"apiKey": "hospital-a-18276cb8-api-key"}
    schema = json.loads(files["values.schema.json"])
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(values, schema)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("image", "name", 'x" || true || "'),
        ("image", "name", "x{{ y }}"),
        ("image", "digest", "latest"),
        ("image", "pullPolicy", "Sometimes"),
        ("node", "labels", {"vantage6.ai/node": "other"}),
        ("node", "labels", {"app.kubernetes.io/component": "algorithm"}),
        ("node", "labels", {"x.istio.io/inject": "true"}),
        ("node", "annotations", {"sidecar.istio.io/inject": "true"}),
        ("node", "replicas", 2),
        ("jobPolicy", "create", "yes"),
        ("secrets", "apiKey", "Not A Name"),
        ("storage", "size", "much"),
    ],
)
def test_the_schema_refuses_a_value_that_changes_more(checked, section, key, value):
    schema, values = copy.deepcopy(checked)
    jsonschema.validate(values, schema)
    values[section][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, schema)


def test_braces_of_a_configuration_are_no_expressions(chart):
    notes = {"algorithms": {"annotations": {"example.org/note": "{{ .Values.x }}"}}}
    files = chart(kubernetes={"placement": notes})
    assert "{{ .Values.x }}" not in "".join(files.values())
    assert '{{ "{{" }} .Values.x }}' in files["templates/configuration.yaml"]


def test_a_configuration_that_looks_like_a_mark_is_refused(tmp_path, capsys):
    notes = {"node": {"annotations": {"example.org/note": SCALAR}}}
    path = write(tmp_path, kubernetes={"placement": notes})
    export("helm", "--config", str(path), "--out", str(tmp_path / "chart"), expect=2)
    assert SCALAR in capsys.readouterr().err


def test_the_static_files_have_no_names_of_a_node():
    assert set(static_files()) >= {"templates/NOTES.txt", "templates/_helpers.tpl"}
