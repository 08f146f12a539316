"""The findings of ``doctor`` about signatures and allowed images."""

from node_poc.commands.doctor import images as module
from node_poc.config.sections import Policies
from tests.fakes.examples import config
from tests.fakes.image_signer import Signer, keep_simple
from tests.fakes.registry import OWN, digest

SITE = Signer()
NAME = "group/name"


def lines(allowed=None, **images):
    made = config(images=images).model_copy(
        update={"policies": Policies(allowed_algorithms=allowed)}
    )
    return list(map(str, module.look_at_images(made)))


def signed_by_site(registry):
    return [{"images": [f"{registry.host}/*"], "keys": {"site": SITE.pem}}]


def test_without_rules_and_images_there_is_one_line():
    assert lines() == ["ok       no image needs a signature (kubernetes.images.signatures)"]


def test_an_allowed_image_has_its_digest_and_signer(registry):
    image = f"{registry.host}/{NAME}:1"
    assert lines([image])[1] == f"ok       image {image} is {digest(OWN)}"
    keep_simple(registry, NAME, digest(OWN), SITE.simple(digest(OWN)))
    assert lines([image], signatures=signed_by_site(registry)) == [
        f"ok       images {registry.host}/* need a signature by site",
        f"ok       image {image} is {digest(OWN)}, signed by site",
    ]


def test_an_image_without_its_signature_is_a_failure(registry):
    image = f"{registry.host}/{NAME}:1"
    *_, line = lines([image], signatures=signed_by_site(registry))
    assert line.startswith(f"failure  image {image}: ImageNotSigned: ")
    assert "Sign the image's digest" in line


def test_a_registry_that_does_not_tell_is_a_failure_where_a_digest_is_needed(registry):
    image = f"{registry.host}/{NAME}:1"
    for trouble, cause in (((404, b"{}"), "ImageNotFound"), ((503, b""), "RegistryAway")):
        registry.trouble = trouble
        assert lines([image])[1].startswith(f"warning  image {image}: {cause}: ")
        assert lines([image], resolve="on")[1].startswith(f"failure  image {image}: {cause}: ")


def test_patterns_and_images_beyond_the_limit_are_counted(registry, monkeypatch):
    monkeypatch.setattr(module, "_MOST_IMAGES", 1)
    allowed = ["^registry.example/.*", f"{registry.host}/{NAME}:1", f"{registry.host}/other"]
    *_, many, patterns = lines(allowed)
    assert len(registry.asked) == 1
    assert many == "ok       allowed images beyond the first 1 were not looked up"
    assert patterns.startswith("ok       1 patterns in policies.allowed_algorithms name no")


def test_the_nodes_image_needs_a_digest():
    by_digest = f"registry.example/v6_node_poc@sha256:{'a' * 64}"
    assert str(module.of_node(by_digest)) == f"ok       the node's image is {by_digest}"
    for image in ("localhost:5001/v6_node_poc:latest", "v6_node_poc", "v6_node_poc@sha256:12"):
        line = str(module.of_node(image))
        assert line.startswith(f"warning  the node's image is {image}, a name without a digest")
        assert "render with --image NAME@sha256:" in line
