"""The node's image is built from the files of the installed package."""

import re

from node_poc.manage.image import ImageOptions, commands, lay_out


def test_all_that_the_dockerfile_copies_is_laid_out(tmp_path):
    lay_out(tmp_path)
    text = (tmp_path / "node_poc" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE)
    assert copied
    for name in " ".join(copied).split():
        assert (tmp_path / name).exists(), name
    assert not list(tmp_path.rglob("__pycache__"))


def test_build_and_push_have_the_options_of_their_builder():
    options = ImageOptions(push=True, base="python:3", insecure=True, extra=("--network=host",))
    build, push = commands("buildah", "r.example/n:1", options)
    assert build[:6] == ["buildah", "build", "-f", "node_poc/Dockerfile", "-t", "r.example/n:1"]
    assert build[-3:] == ["BASE_IMAGE=python:3", "--network=host", "."]
    assert push == ["buildah", "push", "--tls-verify=false", "r.example/n:1"]
    only = commands("docker", "n", ImageOptions(insecure=True))
    assert [each[1] for each in only] == ["build"]
