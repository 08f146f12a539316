"""PURE: the resources of an image's runs, by the rules of ``kubernetes.resources.by_image``."""

from __future__ import annotations

from node_poc.config.bounds import Resources
from node_poc.config.image_rules import ImageResources
from node_poc.config.model import NodeConfig
from node_poc.runs.image_rules import first_rule

_KEY = "kubernetes.resources"


def for_image(config: NodeConfig, image: str) -> NodeConfig:
    """Return the configuration with the resources of one image, and without rules for others."""
    return _with_rule(config, first_rule(image, config.kubernetes.resources.by_image))


def all_resources(config: NodeConfig) -> dict[str, NodeConfig]:
    """Return the configurations of ``for_image`` for all images, by the key that names each."""
    found = {_KEY: _with_rule(config, None)}
    for index, rule in enumerate(config.kubernetes.resources.by_image):
        found[f"{_KEY}.by_image[{index}]"] = _with_rule(config, rule)
    return found


def without_gpus(config: NodeConfig) -> NodeConfig:
    """Return the configuration without a GPU for any image."""
    resources = config.kubernetes.resources
    rules = [rule.model_copy(update={"gpus": 0}) for rule in resources.by_image]
    return _with(config, resources.model_copy(update={"by_image": rules}), gpu=False)


def _with_rule(config: NodeConfig, rule: ImageResources | None) -> NodeConfig:
    resources = config.kubernetes.resources
    gpu = config.algorithm_device_requests.gpu
    if rule is None:
        return _with(config, resources.model_copy(update={"by_image": []}), gpu=gpu)
    return _with(config, resources.with_rule(rule), gpu=gpu if rule.gpus is None else rule.gpus > 0)


def _with(config: NodeConfig, resources: Resources, *, gpu: bool) -> NodeConfig:
    devices = config.algorithm_device_requests.model_copy(update={"gpu": gpu})
    made = config.with_kubernetes(resources=resources)
    return made.model_copy(update={"algorithm_device_requests": devices})
