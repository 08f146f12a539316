"""Settings for the route to the server: accepted, but reported if they probably do not work."""

import pytest

from node_poc.config.load import parse_config

HEAD = """
api_key: 95e0a1b2-0000-4000-8000-0123456789ab
task_dir: /tasks
server_url: https://server.example
"""


def doubts(more):
    return parse_config(HEAD + more, {}).doubts


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy"])
@pytest.mark.parametrize("value", ["proxy.example:3128", "https://p:1", "socks5://u:hidden@p:1"])
def test_an_outer_proxy_that_not_all_parts_understand(name, value):
    (told,) = doubts(f'node_extra_env: {{{name}: "{value}"}}\n')
    assert told.startswith(f"node_extra_env.{name}: ")
    assert "http://host:port" in told
    assert value not in told


@pytest.mark.parametrize("value", ["http://proxy.example:3128", "http://u:p%40@proxy:3128/", ""])
def test_an_outer_proxy_that_all_parts_understand(value):
    assert doubts(f'node_extra_env: {{HTTPS_PROXY: "{value}", NO_PROXY: x}}\n') == ()


def test_a_variable_for_outer_proxies_that_not_all_parts_heed():
    (told,) = doubts("node_extra_env: {ALL_PROXY: http://proxy.example:3128}\n")
    assert told.startswith("node_extra_env.ALL_PROXY: ")


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_that_the_pods_do_not_have(name):
    variable = f"node_extra_env: {{{name}: /certs/ca.pem}}\n"
    for mounts in ("[]", '["/etc/pki/ca.pem:/certs/other.pem"]', '["/etc/pki:/certs/ca"]'):
        (told,) = doubts(f"{variable}node_extra_mounts: {mounts}\n")
        assert told.startswith(f"node_extra_env.{name}: /certs/ca.pem lies in no mount")
        assert "kubernetes.ca_file" in told
    objects = ('["secret/hospital:/certs"]', '["configmap/hospital:/certs:ro"]')
    for mounts in ('["/etc/pki/ca.pem:/certs/ca.pem:ro"]', '["/etc/pki:/certs"]', *objects):
        assert doubts(f"{variable}node_extra_mounts: {mounts}\n") == ()
