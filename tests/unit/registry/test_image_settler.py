"""Which image a run gets: by ``kubernetes.images.resolve``, and by what its registry answers."""

import pytest

from node_poc.registry import settle as module
from node_poc.registry.settle import image_settler
from node_poc.runs.trusted_images import ImageRefusedError, RegistryAwayError, SettledImage, pinned
from tests.fakes.examples import config
from tests.fakes.registry import OWN, digest

ONE = "sha256:" + "1" * 64
MISSING, REFUSED, BROKEN = (404, b"{}"), (403, b"{}"), (503, b"")


def settler(resolve, **more):
    return image_settler(config(images={"resolve": resolve, **more}))


@pytest.mark.parametrize("resolve", ["auto", "on"])
def test_a_tag_becomes_the_digest_of_what_it_means_now(registry, resolve):
    settle = settler(resolve)
    assert settle(f"{registry.host}/group/name:1") == SettledImage(digest(OWN))


def test_a_digest_in_the_name_stays_and_nobody_is_asked():
    assert settler("on")(f"127.0.0.1:1/a:2@{ONE}") == SettledImage(ONE)


def test_text_that_is_no_name_is_left_to_the_kubelet():
    assert settler("on")("A B") == SettledImage()


@pytest.mark.parametrize(
    ("trouble", "cause"), [(MISSING, "ImageNotFound"), (REFUSED, "ImageRefused"), (BROKEN, None)]
)
def test_what_a_registry_does_not_tell(registry, trouble, cause):
    image, registry.trouble = f"{registry.host}/group/name:1", trouble
    assert settler("auto")(image) == SettledImage()
    with pytest.raises(RegistryAwayError if cause is None else ImageRefusedError) as told:
        settler("on")(image)
    if cause:
        assert told.value.failure.cause == cause


def test_with_auto_a_registry_that_is_away_is_not_asked_again_at_once(registry, monkeypatch):
    image, registry.trouble = f"{registry.host}/group/name:1", BROKEN
    settle = settler("auto")
    settle(image)
    registry.trouble = None
    assert settle(image) == SettledImage()
    assert len(registry.asked) == 1
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + 601)
    assert settle(image) == SettledImage(digest(OWN))


def test_the_registries_that_are_not_asked_have_a_limit(monkeypatch):
    monkeypatch.setattr(module, "_MOST_NOT_ASKED", 2)
    settle = settler("auto")
    for port in range(1, 6):
        settle(f"127.0.0.1:{port}/a:1")
    assert len(settle.__self__._not_asked) <= 2


def test_a_mirror_is_asked_in_place_of_the_host_in_the_name(registry):
    settle = settler("on", mirrors={"registry.example": f"http://{registry.host}"})
    assert settle("registry.example/group/name:1") == SettledImage(digest(OWN))


@pytest.mark.parametrize(
    ("resolve", "pulls", "asks"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("on", True, True),
        ("on", False, True),
        ("off", True, False),
    ],
)
def test_who_asks_registries_at_all(resolve, pulls, asks):
    made = config(images={"resolve": resolve})
    policies = made.policies.model_copy(update={"require_algorithm_pull": pulls})
    settle = image_settler(made.model_copy(update={"policies": policies}))
    assert (settle is not None) == asks


def test_the_name_of_the_image_that_runs():
    assert pinned("host:5000/a:1", ONE) == f"host:5000/a@{ONE}"
    assert pinned("host:5000/a:1", None) == "host:5000/a:1"
