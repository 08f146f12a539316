"""The same sources and base give the same image, whenever and wherever they are built."""

import json
import os
import shutil
from pathlib import Path

import pytest

from devcluster import base_image, images
from devcluster.console import Console
from devcluster.image_list import IMAGES, Image
from tests.devcluster.running import LAYOUT

pytestmark = [pytest.mark.cluster, pytest.mark.dev_cluster, pytest.mark.timeout(300)]
# The smallest image. pip's part of the node's image is left out, because its build takes a minute.
PROXY = next(image for image in IMAGES if image.name == "v6_dummy_proxy")


def digest(image: Image, folder: Path) -> str:
    """Build an image without any kept layer; return its digest."""
    base = base_image.ensure(LAYOUT, Console())
    local = f"localhost/same-image/{folder.name}:latest"
    images.build(image, {"BASE_IMAGE": base}, local, folder / "log", ["--no-cache"])
    images.save(local, folder / "image")
    (found,) = json.loads((folder / "image" / "index.json").read_text())["manifests"]
    return str(found["digest"])


def copy(folder: Path, time: int) -> Image:
    """Copy the image's sources to another place, with another time."""
    folder.mkdir()
    shutil.copytree(images.versions.REPO_ROOT / PROXY.context, folder / "sources")
    for path in (folder / "sources").rglob("*"):
        os.utime(path, (time, time))
    return Image(PROXY.name, str(folder / "sources"), str(folder / "sources" / "Dockerfile"))


def test_two_builds_give_the_same_digest_and_other_sources_another(tmp_path: Path) -> None:
    first, second = copy(tmp_path / "a", 1_000_000_000), copy(tmp_path / "b", 1_700_000_000)
    expected = digest(first, tmp_path / "a")
    assert digest(second, tmp_path / "b") == expected
    changed = copy(tmp_path / "c", 1_000_000_000)
    with (tmp_path / "c" / "sources" / "proxy.py").open("a") as file:
        file.write("#")
    assert digest(changed, tmp_path / "c") != expected
