"""PURE: whether a pattern of the configuration covers an image, whatever the image's spelling.

Patterns require something of images, and do not allow images. Therefore a pattern looks at the
repository only: another tag, or a digest in place of the tag, is no way around the requirement.
"""

from __future__ import annotations

from node_poc.runs.image_names import ImageName, parse_image

_BELOW = "/*"


def covers(pattern: str, name: ImageName) -> bool:
    """Return whether ``*``, ``host/path/*`` or ``host/path`` covers an image.

    A pattern that cannot be read covers everything.
    """
    if pattern == "*":
        return True
    if pattern.endswith(_BELOW):
        inside = parse_image(pattern.removesuffix("*") + "x")
        return inside is None or name.repository.startswith(inside.repository.removesuffix("x"))
    wanted = parse_image(pattern)
    return wanted is None or wanted.repository == name.repository
