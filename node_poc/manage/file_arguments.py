"""Arguments of the commands that make or change a file, or build the image."""

from __future__ import annotations

import argparse
from pathlib import Path

from node_poc.manage import image
from node_poc.manage.common_arguments import Commands, add, add_parser, options_of
from node_poc.manage.edit import set_api_key
from node_poc.manage.key import PASSWORD_VARIABLE, KeyOptions, create_key
from node_poc.manage.questions import add_arguments, api_key, make_new


def add_files(commands: Commands) -> None:
    """Add ``new``, ``set-api-key`` and ``create-private-key``."""
    made = add(
        commands,
        "new",
        "make the configuration file of a new node",
        "v6-node new --name hospital-a",
        lambda given: make_new(given, options_of(given)),
    )
    add_arguments(made)
    changed = add(
        commands,
        "set-api-key",
        "write another API key into a node's file",
        "v6-node set-api-key --name hospital-a --api-key-file key.txt",
        lambda given: set_api_key(options_of(given), api_key(given.api_key_file)),
    )
    changed.add_argument(
        "--api-key-file", type=Path, metavar="FILE", help="instead of V6_API_KEY or a question"
    )
    key = add(
        commands,
        "create-private-key",
        "make the organization's private key, and set its public key at the server",
        "v6-node create-private-key --name hospital-a --username anna --mfa 123456",
        lambda given: create_key(options_of(given), _key_options(given)),
    )
    key.add_argument("--organization-name", help="default: your organization at the server")
    key.add_argument("--no-upload", action="store_true", help="do not tell the server")
    key.add_argument("--overwrite", action="store_true", help="replace the key that is there")
    key.add_argument("--username", help=f"at the server; the password: {PASSWORD_VARIABLE}")
    key.add_argument("--mfa", metavar="CODE", help="of the second factor")


def _key_options(given: argparse.Namespace) -> KeyOptions:
    return KeyOptions(
        upload=not given.no_upload,
        organization=given.organization_name,
        overwrite=given.overwrite,
        username=given.username,
        mfa_code=given.mfa,
    )


def add_image(commands: Commands) -> None:
    """Add ``image build``, which needs neither a node nor a cluster."""
    group = commands.add_parser("image", help="build the image of node and proxy")
    made = add_parser(
        group.add_subparsers(required=True, metavar="build"),
        "build",
        "build the image from the files of this package",
        "v6-node image build --push registry.example/v6-node:1",
    )
    made.add_argument("image_name", metavar="NAME", help="of the image, with registry and tag")
    made.add_argument("--push", action="store_true", help="push the image to its registry")
    made.add_argument("--builder", choices=image.BUILDERS, help="default: the first that works")
    made.add_argument("--base-image", metavar="IMAGE", help="another base with Python 3.11")
    made.add_argument("--insecure", action="store_true", help="the registry has no TLS")
    made.add_argument(
        "--build-option",
        action="append",
        metavar="OPTION",
        help="of the builder, such as --build-option=--network=host; may be repeated",
    )
    made.set_defaults(run=_build_image)


def _build_image(given: argparse.Namespace) -> int:
    return image.build(
        given.image_name,
        image.ImageOptions(
            push=given.push,
            builder=given.builder,
            base=given.base_image,
            insecure=given.insecure,
            extra=tuple(given.build_option or ()),
        ),
    )
