import pytest

from node_poc.runs.admission import NotAllowedError, check_admission
from node_poc.runs.image_names import is_image_name, without_tag
from node_poc.runs.model import Mount, MountSource
from node_poc.runs.policies import image_allowed
from tests.fakes.examples import config, spec

DIGEST = "@sha256:" + "a" * 64


@pytest.mark.parametrize(
    "name",
    [
        "image",
        "image:tag",
        "group/image",
        "localhost:5001/v6_average_algorithm",
        "harbor2.vantage6.ai/demo/average:1.0",
        "172.30.0.1:5001/a/b/c",
        "[::1]:5000/image",
        "image" + DIGEST,
        "image:tag" + DIGEST,
        "a__b/c-d.e",
        "i" * 255,
    ],
)
def test_an_image_name(name):
    assert is_image_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "UPPER",
        "image:",
        "image:" + "t" * 129,
        "image@sha256:short",
        "/image",
        "image/",
        "a//b",
        "..",
        "../image",
        "-image",
        "image\n",
        "image;rm",
        "http://registry/image",
        "ü",
        "i" * 513,
    ],
)
def test_no_image_name(text):
    assert not is_image_name(text)


@pytest.mark.parametrize(
    ("image", "allowed", "expected"),
    [
        ("a/b:1", None, True),
        ("a/b:1", [], False),
        ("a/b:1", ["a/b"], True),
        ("a/b:1", ["a/b:1"], True),
        ("a/b:1", ["a/b:2"], False),
        ("a/b:1", [r"a/b\+"], False),
        ("a/bc", ["a/b"], False),
        ("a/b" + DIGEST, ["a/b"], True),
        ("host:5000/a", ["host"], False),
        ("host:5000/a", ["host:5000/a"], True),
        ("a/b:1", ["a/.*"], True),
        ("x/a/b", ["a/.*"], False),
        ("a/b:1", ["^a/b:[0-9]+$"], True),
    ],
)
def test_which_images_are_allowed(image, allowed, expected):
    assert image_allowed(image, allowed) is expected


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("a", "a"),
        ("a:1", "a"),
        ("host:5000/a", "host:5000/a"),
        ("host:5000/a:1", "host:5000/a"),
        ("a:1" + DIGEST, "a"),
    ],
)
def test_an_image_without_its_tag(image, name):
    assert without_tag(image) == name


def test_a_good_run_is_admitted():
    check_admission(spec(), config())


def test_an_unknown_database_is_refused_by_name():
    mount = Mount(MountSource.DATABASE, "nobody", "/app/input/csv/nobody")
    with pytest.raises(NotAllowedError, match=r"databases_to_use: .*'nobody'.*'default'"):
        check_admission(spec(mounts=(mount,)), config())


def test_an_image_off_the_list_is_refused():
    rules = {"policies": {"allowed_algorithms": ["other"]}}
    limited = config().model_validate(config().model_dump() | rules)
    with pytest.raises(NotAllowedError, match="image: "):
        check_admission(spec(), limited)


def test_the_basics_image_is_refused_at_the_dummy_server_too():
    rules = {"policies": {"allow_basics_algorithm": False}}
    basics = spec(image="ghcr.io:443/vantage6/algorithm-basics:1")
    check_admission(basics, config())
    with pytest.raises(NotAllowedError, match="allow_basics_algorithm"):
        check_admission(basics, config().model_validate(config().model_dump() | rules))
