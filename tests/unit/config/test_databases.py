"""How type and URI define a database, and the host and port of a service database."""

import pytest
from pydantic import ValidationError

from node_poc.config.databases import Database, Service
from node_poc.config.load import ConfigError, parse_config

HEAD = "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\n"


def database(kind, uri, **more):
    return Database(label="a", type=kind, uri=uri, **more)


def parsed(*databases, egress=""):
    lines = [
        f"  - {{label: {label}, type: {kind}, uri: '{uri}'}}" for label, kind, uri in databases
    ]
    text = HEAD + "databases:\n" + "\n".join(lines)
    return parse_config(f"{text}\nkubernetes: {{databases_egress: {{{egress}}}}}\n", {})


@pytest.mark.parametrize("kind", ["csv", "parquet", "excel", "sql", "sparql", "other", "omop"])
def test_a_path_is_a_file(kind):
    each = database(kind, "/data/a.x")
    assert not each.is_service
    assert not each.is_folder
    assert each.path == "/data/a.x"
    assert each.service is None


@pytest.mark.parametrize(
    ("kind", "uri", "is_folder"),
    [
        ("folder", "/data/a", True),
        ("folder", "/data/a/", True),
        ("other", "/data/a/", True),
        ("other", "/data/a", False),
        ("csv", "/data/a/", False),
    ],
)
def test_a_folder(kind, uri, is_folder):
    assert database(kind, uri).is_folder is is_folder
    assert database(kind, uri).path == "/data/a"


@pytest.mark.parametrize("kind", ["csv", "parquet", "excel", "folder"])
def test_what_can_only_be_a_file_is_no_service(kind):
    with pytest.raises(ValidationError, match="absolute path"):
        database(kind, "https://host/a.csv")


@pytest.mark.parametrize(
    ("uri", "host", "port"),
    [
        ("postgresql://host/db", "host", 5432),
        ("postgresql+psycopg2://user:pass@10.0.0.7:5433/db?sslmode=require", "10.0.0.7", 5433),
        ("postgresql://user:p%40ss@host.example:1", "host.example", 1),
        ("postgres://user:p@ss@host/db", "host", 5432),
        ("jdbc:postgresql://host:5454/postgres", "host", 5454),
        ("jdbc:sqlserver://host:1434;databaseName=x", "host", 1434),
        ("mysql://[2001:db8::7]/db", "2001:db8::7", 3306),
        ("http://host/sparql", "host", 80),
        ("https://host:8443/sparql?a=b://c", "host", 8443),
    ],
)
def test_where_a_service_answers(uri, host, port):
    each = database("sql", uri)
    assert each.is_service
    assert each.service == Service(host, port)


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql:///db",
        "postgresql://one,two/db",
        "strange://host/db",
        "postgresql://host:0/db",
        "postgresql://host:70000/db",
        "jdbc:oracle:thin:@host:1521/x",
        "anything",
    ],
)
def test_what_names_no_place_is_refused_unless_the_egress_says_it(uri):
    with pytest.raises(ConfigError, match=r"^databases\[0\]\.uri: names no host and port"):
        parsed(("a", "sql", uri))
    config = parsed(("a", "sql", uri), egress="a: {host: there, port: 7}")
    assert config.service(config.databases[0]) == Service("there", 7)


def test_another_kind_of_database_may_be_any_text():
    config = parsed(("a", "other", "a name of ours"))
    assert config.databases[0].is_service
    assert config.service(config.databases[0]) is None


@pytest.mark.parametrize("uri", ["", " ", "a\nb", "sqlite:////data/a.db", "sqlite://"])
def test_no_uri(uri):
    with pytest.raises(ValidationError, match="must be"):
        database("sql", uri)


@pytest.mark.parametrize("kind", ["OMOP", "omop", "Csv"])
def test_a_type_in_any_case(kind):
    assert database(kind, "/a").type == kind.lower()


def test_env_values_become_text_and_are_not_shown():
    each = database("omop", "jdbc:postgresql://u:hidden@h/x", env={"USER": "hidden", "PORT": 5432})
    assert each.env == {"USER": "hidden", "PORT": "5432"}
    assert "hidden" not in repr(each)


@pytest.mark.parametrize("env", [{"a-b": "1"}, {"": "1"}, {"a": "1", "A": "2"}, {"a": None}])
def test_env_that_gives_no_variable(env):
    with pytest.raises(ValidationError):
        database("omop", "http://h/x", env=env)


@pytest.mark.parametrize(
    ("databases", "told"),
    [
        ([("data", "csv", "/a.csv")], "databases[0].label: 'data' is taken"),
        ([("tmp", "folder", "/a")], "databases[0].label: 'tmp' is taken"),
        ([("a", "csv", "/a.csv"), ("A", "csv", "/b.csv")], "databases: label A, a is given more"),
    ],
)
def test_labels_that_cannot_be(databases, told):
    with pytest.raises(ConfigError) as caught:
        parsed(*databases)
    assert str(caught.value).startswith(told)


def test_a_label_that_only_looks_taken():
    assert parsed(("tmp", "csv", "/a.csv")).database("tmp")


@pytest.mark.parametrize(
    ("egress", "told"),
    [
        ("b: {port: 1}", "kubernetes.databases_egress.b: there is no database"),
        ("file: {port: 1}", "kubernetes.databases_egress.file: host (or address) and port"),
        ("file: {host: h}", "kubernetes.databases_egress.file: host (or address) and port"),
        ("file: {address: 10.0.0.1}", "kubernetes.databases_egress.file: host (or address)"),
        ("text: {port: 1}", "kubernetes.databases_egress.text: host (or address) and port"),
        ("a: {address: host}", "kubernetes.databases_egress.a.address: must be an IP address"),
        ("a: {namespace: data}", "kubernetes.databases_egress.a: namespace and pod_port need"),
        ("a: {pods: 1}", "kubernetes.databases_egress.a.pods: unknown"),
    ],
)
def test_an_egress_that_cannot_be(egress, told):
    with pytest.raises(ConfigError) as caught:
        parsed(
            ("a", "sql", "postgresql://h/x"),
            ("file", "csv", "/a.csv"),
            ("text", "other", "some text"),
            egress=egress,
        )
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("egress", "host"),
    [
        ("file: {host: triples.example, port: 7200}", "triples.example"),
        ("file: {address: 10.0.0.9, port: 7200}", "10.0.0.9"),
        ("file: {host: triples.example, address: 10.0.0.9, port: 7200}", "triples.example"),
    ],
)
def test_a_file_may_name_a_service(egress, host):
    made = parsed(("file", "csv", "/a.csv"), ("other", "csv", "/b.csv"), egress=egress)
    file, other = made.databases
    assert made.service(file) == Service(host, 7200)
    assert made.has_way(file)
    assert not made.has_way(other)
    assert made.service(other) is None


def test_the_dummy_servers_files_name_no_service():
    text = HEAD.replace("api_key: a\n", "") + "databases: [{label: a, type: csv, uri: /a.csv}]\n"
    with pytest.raises(ConfigError, match=r"databases_egress\.a: the dummy server's"):
        parse_config(text + "kubernetes: {databases_egress: {a: {host: h, port: 1}}}\n", {})


def test_the_dummy_server_has_files_only():
    text = (
        HEAD.replace("api_key: a\n", "")
        + "databases:\n  - {label: a, type: sql, uri: 'http://h'}\n"
    )
    with pytest.raises(ConfigError, match=r"^databases\[0\]\.uri: must be an absolute path"):
        parse_config(text, {})


def test_the_dummy_server_tells_no_user():
    text = HEAD.replace("api_key: a\n", "") + "policies: {allowed_users: [1]}\n"
    with pytest.raises(ConfigError, match=r"^policies\.allowed_users: cannot be kept"):
        parse_config(text, {})
