"""When images are built again, which settings builds borrow, and which cluster is chosen."""

from pathlib import Path

import pytest

from devcluster import base_image, build_settings, dockerfile, golang, images, target
from devcluster.errors import PrecheckError, UsageError
from devcluster.image_list import IMAGES
from devcluster.layout import Layout
from devcluster.versions import REPO_ROOT

TEXT = """\
# syntax comment
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE} AS build
COPY requirements.txt \\
     other.txt /build/
RUN echo 'COPY not-this /x'
FROM ${BASE_IMAGE}
ARG VERSION=dev
COPY --from=build /opt/venv /opt/venv
COPY --chown=1:1 ["pkg", "/app/pkg"]
ADD https://example.org/x /x
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "pkg" / "__pycache__").mkdir(parents=True)
    (tmp_path / "pkg" / "a.py").write_text("a")
    (tmp_path / "requirements.txt").write_text("r")
    (tmp_path / "other.txt").write_text("o")
    (tmp_path / "unrelated.md").write_text("u")
    return tmp_path


def test_a_dockerfile_is_understood() -> None:
    assert dockerfile.copied_paths(TEXT) == ["requirements.txt", "other.txt", "pkg"]
    assert dockerfile.declared_arguments(TEXT) == {"BASE_IMAGE", "VERSION"}


def _hash(context: Path, **arguments: str) -> str:
    return dockerfile.content_hash(context, TEXT, arguments)


def test_only_what_goes_into_an_image_changes_its_hash(context: Path) -> None:
    first = _hash(context, VERSION="1")
    (context / "unrelated.md").write_text("changed")
    (context / "pkg" / "__pycache__" / "a.pyc").write_text("x")
    assert _hash(context, VERSION="1") == first
    assert _hash(context, VERSION="2") != first
    (context / "pkg" / "b.py").write_text("")
    added = _hash(context, VERSION="1")
    assert added != first
    (context / "pkg" / "a.py").chmod(0o755)
    assert _hash(context, VERSION="1") != added


def test_a_file_that_is_missing_is_named(context: Path) -> None:
    (context / "other.txt").unlink()
    with pytest.raises(UsageError, match=r"other\.txt"):
        _hash(context)


def test_every_image_of_the_list_has_its_files() -> None:
    for image in IMAGES:
        text = (REPO_ROOT / image.dockerfile).read_text()
        assert "BASE_IMAGE" in dockerfile.declared_arguments(text)
        assert len(dockerfile.content_hash(REPO_ROOT / image.context, text, {})) == 64


def test_a_stamp_never_names_the_remote(tmp_path: Path) -> None:
    assert images.stamp(tmp_path).source == "unknown"
    assert images.stamp(tmp_path).revision == "unknown"
    (tmp_path / "pyproject.toml").write_text(
        '[project.urls]\nSource = "https://example.org/x"\n'
        '[tool.hatch.version]\npath = "version.py"\n'
    )
    (tmp_path / "version.py").write_text('"""A package."""\n\n__version__ = "1.2"\n')
    assert images.stamp(tmp_path).arguments() == {
        "VERSION": "1.2",
        "REVISION": "unknown",
        "SOURCE": "https://example.org/x",
    }


def test_an_existing_registry_gets_images_on_a_base_by_digest() -> None:
    base = f"python:3.11-slim@sha256:{'a' * 64}"
    assert images.base_by_digest({"BASE_IMAGE": base}) == base


@pytest.mark.parametrize(
    "base", ["", "python:3.11-slim", "python@sha256:12", f"python@sha256:{'a' * 64}@x"]
)
def test_a_base_by_tag_is_refused_before_any_build(base: str) -> None:
    with pytest.raises(PrecheckError, match="imagetools inspect"):
        images.base_by_digest({"BASE_IMAGE": base})


@pytest.mark.parametrize(
    ("registry", "given", "plain"),
    [
        ("localhost:5001", {}, True),
        ("127.0.0.1:5000/x", {}, True),
        ("localhost.example.org/x", {}, False),
        ("10.0.0.1:5001", {}, False),
        ("10.0.0.1:5001", {"REGISTRY_INSECURE": "1"}, True),
    ],
)
def test_only_local_registries_are_used_without_tls(
    registry: str, given: dict[str, str], plain: bool
) -> None:
    assert images.insecure(registry, given) is plain


def test_pips_settings_are_merged_as_pip_does() -> None:
    machine = """\
[global]
index-url = https://file.example/simple
extra-index-url =
    https://a.example
    https://b.example
cert = /somewhere/ca.pem
[install]
no-deps = true
"""
    user = "[global]\nindex-url = https://user.example/simple\n"
    assert build_settings.pip_settings([machine, user], {})["index-url"].startswith("https://user")
    given = {"PIP_INDEX_URL": "https://env.example/simple", "PIP_CERT": "/x"}
    settings = build_settings.pip_settings([machine, user, "not an ini file"], given)
    assert settings == {
        "index-url": "https://env.example/simple",
        "extra-index-url": "https://a.example\nhttps://b.example",
    }
    conf = build_settings.pip_conf(settings)
    assert "index-url = https://env.example/simple" in conf
    assert "extra-index-url =\n    https://a.example\n    https://b.example" in conf
    assert "cert = /etc/ssl/certs/ca-certificates.crt" in conf


def test_the_first_certificate_bundle_that_exists_is_taken(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    given = {"PIP_CERT": "/no/such", "SSL_CERT_FILE": str(bundle)}
    assert build_settings.certificates(given) == bundle.resolve()


def test_only_the_releases_own_apt_sources_are_taken() -> None:
    listed = """\
http://mirror.example/debian bookworm main
http://mirror.example/debian bookworm main
http://mirror.example/debian-security bookworm-security main
https://third.example/apt cloud-sdk-bookworm main
https://node.example/node nodistro main
"""
    assert base_image.source_lines(listed, "bookworm") == [
        "deb http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian-security bookworm-security main",
    ]


@pytest.mark.parametrize(
    ("text", "version"),
    [("go version go1.26.8 linux/amd64", (1, 26)), ("go version go1.9", (1, 9)), ("?", (0, 0))],
)
def test_gos_version_is_read(text: str, version: tuple[int, int]) -> None:
    assert golang.version_of(text) == version


def test_gos_caches_are_ours_unless_the_user_has_set_them(tmp_path: Path) -> None:
    assert golang.environment(tmp_path, {})["GOMODCACHE"] == str(tmp_path / "go" / "mod")
    assert golang.environment(tmp_path, {"GOCACHE": "/mine"})["GOCACHE"] == "/mine"
    assert "GOPROXY" not in golang.environment(tmp_path, {})


def test_the_dev_cluster_is_chosen_without_a_context() -> None:
    chosen = target.resolve(Layout(1), {"KUBECONFIG": "/somebody/elses", "REGISTRY": "elsewhere"})
    assert chosen.layout == Layout(1)
    assert chosen.push_registry == "172.30.1.1:5001"
    assert chosen.image_registry == "localhost:5001"
    assert chosen.server_ip == "172.30.1.1"
    assert chosen.outside == "198.51.100.11:80"
    assert chosen.kubectl[1] == "--kubeconfig=/var/lib/v6-devcluster/v6dev1/admin.conf"
    assert chosen.environment == {"KUBECONFIG": "/var/lib/v6-devcluster/v6dev1/admin.conf"}
    assert "CONTEXT" not in chosen.variables()


def test_an_existing_cluster_is_chosen_by_its_context_only() -> None:
    chosen = target.resolve(Layout(), {"CONTEXT": "prod", "REGISTRY": "r.example/v6/"})
    assert chosen.layout is None
    assert chosen.kubectl == ("kubectl", "--context=prod")
    assert chosen.push_registry == chosen.image_registry == "r.example/v6"
    assert chosen.server_ip is None
    assert chosen.outside is None
    with pytest.raises(UsageError, match="CONTEXT=prod"):
        target.require_own(chosen, "down")


def test_images_for_an_existing_cluster_need_a_registry() -> None:
    chosen = target.resolve(Layout(), {"CONTEXT": "prod"})
    with pytest.raises(UsageError, match="REGISTRY"):
        target.require_registry(chosen)


def test_the_servers_address_can_be_given() -> None:
    assert target.resolve(Layout(), {"SERVER_IP": "10.1.2.3"}).server_ip == "10.1.2.3"
