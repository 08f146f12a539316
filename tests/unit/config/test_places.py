"""Databases and task_dir must be separate: neither inside the other, in any spelling of a path."""

import pytest

from node_poc.config.load import ConfigError, parse_config

HEAD = "api_key: a\nserver_url: https://server.example\n"


def load(uri, task_dir="/srv/v6/tasks", kind="csv", more="", head=HEAD):
    database = f"databases: [{{label: one, type: {kind}, uri: {uri}}}]\n"
    return parse_config(f"{head}task_dir: {task_dir}\n{database}{more}", {})


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("/srv/v6/tasks", "is task_dir"),
        ("/srv/v6/tasks/", "is task_dir"),
        ("//srv//v6/./tasks", "is task_dir"),
        ("/srv/v6/tasks/a.csv", "lies in task_dir"),
        ("/srv/v6/tasks/tmp/shared/a.csv", "lies in task_dir"),
        ("/srv/v6", "holds task_dir"),
        ("/srv", "holds task_dir"),
        ("/srv/", "holds task_dir"),
        ("//srv/v6/", "holds task_dir"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "folder", "other"])
@pytest.mark.parametrize("head", [HEAD, "server_url: http://a\n"])
def test_one_in_the_other_is_refused(uri, why, kind, head):
    with pytest.raises(ConfigError) as caught:
        load(uri, kind=kind, head=head)
    told = str(caught.value)
    assert told.startswith(f"databases[0].uri: {why}")
    assert "side by side" in told


@pytest.mark.parametrize("uri", ["/srv/v6/tasks.csv", "/srv/v6/tasks2/a", "/srv/data/", "/tasks"])
def test_side_by_side_is_fine(uri):
    assert load(uri)


def test_dots_are_refused_before():
    with pytest.raises(ConfigError, match=r"without `\.\.`"):
        load("/srv/data/../v6/tasks")


def test_a_service_lies_nowhere():
    assert load("postgresql://db.example/srv/v6/tasks", kind="sql")


def claims(databases):
    storage = f"mode: pvc, claim: tasks, databases_claim: {databases}"
    return f"kubernetes: {{storage: {{{storage}}}}}\n"


def test_one_claim_for_both_is_refused():
    assert load("/databases/a.csv", more=claims("data"))
    with pytest.raises(ConfigError, match=r"^kubernetes\.storage\.databases_claim: .* its own"):
        load("/databases/a.csv", more=claims("tasks"))
