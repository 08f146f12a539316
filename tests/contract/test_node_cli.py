"""The command line as users see it: exit codes and messages."""

import subprocess
import sys

import pytest
import yaml

from tests.fakes.processes import ROOT

SECRET = "95e0a1b2-0000-4000-8000-0123456789ab"
GOOD = f"""\
api_key: {SECRET}
server_url: http://127.0.0.1
port: 5000
task_dir: /tmp/tasks
databases:
  - label: default
    uri: /data/a.csv
    type: csv
"""


def node_poc(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "node_poc", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def check(tmp_path, text, **environment):
    path = tmp_path / "my_config.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return node_poc("check", "--config", str(path), **environment)


@pytest.mark.parametrize(
    ("text", "named", "remedy"),
    [
        (GOOD + "surprise: 1\n", "surprise", "remove it"),
        (
            GOOD + "kubernetes:\n  limits:\n    pull_secs: 1\n",
            "kubernetes.limits.pull_secs",
            "spell",
        ),
        (GOOD.replace("5000", '"http"'), "port", "integer"),
        (GOOD.replace("type: csv", "type: xml"), "databases[0].type", "'csv'"),
        (GOOD.replace("/data/a.csv", "data/a.csv"), "databases[0].uri", "absolute"),
        (GOOD.replace("task_dir: /tmp/tasks\n", ""), "task_dir", "add it"),
        (GOOD + "port: 5001\n", "`port`", "keep one"),
        (GOOD + "logging:\n\tlevel: INFO\n", "line 10", "spaces"),
        (GOOD + "a: [1\n", "line", "quotes"),
        ("- a\n- b\n", "list", "mapping"),
        ("", "empty", "mapping"),
        (b"\xff\xfe", "UTF-8", "text"),
    ],
)
def test_a_bad_file_is_told_with_file_key_and_remedy(tmp_path, text, named, remedy):
    ended = check(tmp_path, text)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
    for part in ("my_config.yaml", named, remedy):
        assert part in ended.stderr
    assert SECRET not in ended.stderr


@pytest.mark.parametrize("key", [f"[{SECRET}]", f"{{a: {SECRET}}}"])
def test_a_wrong_api_key_is_not_shown(tmp_path, key):
    ended = check(tmp_path, GOOD.replace(SECRET, key))
    assert ended.returncode == 2
    assert "api_key" in ended.stderr
    assert SECRET not in ended.stderr


def test_a_missing_file_is_told(tmp_path):
    ended = node_poc("check", "--config", str(tmp_path / "nothing.yaml"))
    assert ended.returncode == 2
    assert "nothing.yaml" in ended.stderr
    assert "--config" in ended.stderr


def test_a_good_file_is_good_and_warns_of_what_has_no_effect(tmp_path):
    ended = check(tmp_path, GOOD + "vpn_subnet: 10.76.0.0/16\n")
    assert ended.returncode == 0
    assert "yaml: no error, " in ended.stdout
    assert "warning: vpn_subnet has no effect here: " in ended.stdout
    assert SECRET not in ended.stdout + ended.stderr


def test_no_command_is_wrong_usage():
    ended = node_poc()
    assert ended.returncode == 2
    assert "usage" in ended.stderr


def test_render_prints_what_lies_in_kubeconfs():
    files = {
        "policies": "network_policies",
        "config-map": "node_config_map",
        "job-policy": "job_policy",
    }
    for what, name in files.items():
        rendered = node_poc("render", what)
        assert rendered.returncode == 0
        assert rendered.stdout == (ROOT / f"node_poc/kubeconfs/{name}.yaml").read_text()


LOGIN = """\
docker_registries:
  - registry: harbor.example
    username: me
    password: a-password-that-no-error-may-show
"""


def test_render_makes_the_secret_of_a_login_and_keeps_it_out_of_the_config_map(tmp_path):
    config = tmp_path / "my_config.yaml"
    config.write_text(GOOD + LOGIN)
    secret = node_poc("render", "pull-secret", "--config", str(config))
    assert secret.returncode == 0
    made = yaml.safe_load(secret.stdout)
    assert made["type"] == "kubernetes.io/dockerconfigjson"
    assert made["metadata"]["name"] in node_poc("check", "--config", str(config)).stdout
    config.write_text(GOOD.replace("api_key", "#") + LOGIN)
    config_map = node_poc("render", "config-map", "--config", str(config))
    assert (config_map.returncode, config_map.stdout) == (2, "")
    assert "docker_registries" in config_map.stderr
    assert "pull-secret" in config_map.stderr
    assert "a-password" not in config_map.stderr


def test_render_makes_the_secret_of_a_login_file(tmp_path):
    config, login = tmp_path / "my_config.yaml", tmp_path / "login.json"
    config.write_text(GOOD + f"kubernetes:\n  docker_config_file: {login}\n")
    missing = node_poc("render", "pull-secret", "--config", str(config))
    assert missing.returncode == 2
    assert "kubernetes.docker_config_file" in missing.stderr
    login.write_text('{"auths": {"harbor.example": {"auth": "bWU6eA=="}}}')
    assert node_poc("render", "pull-secret", "--config", str(config)).returncode == 0
    config.write_text(config.read_text().replace("api_key", "#"))
    assert node_poc("render", "config-map", "--config", str(config)).returncode == 0


def test_without_a_login_there_is_no_secret_to_make(tmp_path):
    config = tmp_path / "my_config.yaml"
    config.write_text(GOOD)
    ended = node_poc("render", "pull-secret", "--config", str(config))
    assert ended.returncode == 2
    assert "docker_registries" in ended.stderr


def run(tmp_path, *options, **environment):
    config = tmp_path / "my_config.yaml"
    config.write_text(GOOD.replace("/tmp/tasks", str(tmp_path)))
    return node_poc("run", "--config", str(config), "--health-port", "0", *options, **environment)


def test_without_a_cluster_run_ends_with_four(tmp_path):
    ended = run(tmp_path, KUBECONFIG=str(tmp_path / "nothing"), HOME=str(tmp_path))
    assert ended.returncode == 4
    assert "kubectl apply" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr


def test_without_a_task_dir_run_ends_with_one(tmp_path):
    config = tmp_path / "my_config.yaml"
    config.write_text(GOOD.replace("/tmp/tasks", str(tmp_path / "nothing")))
    ended = node_poc("run", "--config", str(config), "--health-port", "0")
    assert ended.returncode == 1
    assert "task_dir" in ended.stderr
