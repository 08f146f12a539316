"""The list of the project's images. Data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Args:
        name: its name in the registry.
        context: the build's folder, relative to the repository.
        dockerfile: its Dockerfile, relative to the repository.
        only_named: whether only a command with the image's name builds the image.
    """

    name: str
    context: str
    dockerfile: str
    only_named: bool = False


IMAGES = (
    Image("v6_node_poc", ".", "node_poc/Dockerfile"),
    Image("v6_average_algorithm", "avg_alg", "avg_alg/Dockerfile"),
    Image("v6_dummy_proxy", "dummy_proxy", "dummy_proxy/Dockerfile"),
    Image("v6_federated_average", "fed_avg_alg", "fed_avg_alg/Dockerfile", only_named=True),
    Image(
        "v6_whitelist_proxy",
        "whitelist_proxy",
        "whitelist_proxy/Dockerfile",
        only_named=True,
    ),
    Image("v6_test_algorithm", "tests/algorithm", "tests/algorithm/Dockerfile", only_named=True),
    Image(
        "v6_evil_algorithm",
        "tests/evil_algorithm",
        "tests/evil_algorithm/Dockerfile",
        only_named=True,
    ),
    Image("v6_bench_algorithm", "bench/algorithm", "bench/algorithm/Dockerfile", only_named=True),
)
