"""``v6-node export``: a node as a Helm chart, as a base of kustomize, or its Secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from node_poc import __version__
from node_poc.commands.render import RenderError
from node_poc.config.errors import ConfigError
from node_poc.config.load import load_text
from node_poc.config.yaml_text import parse_yaml
from node_poc.manage.export.chart import chart_of
from node_poc.manage.export.kustomize import kustomize_of
from node_poc.manage.export.overlays import OVERLAYS, OverlayError, with_overlays
from node_poc.manage.export.parts import Parts, parts_of
from node_poc.manage.export.values import MarkError
from node_poc.manage.session import WELL, WRONG, CommandError, Options, tell
from node_poc.manage.station_file import Chosen, NoImageError
from node_poc.manifests.yaml_output import to_yaml

_STATIC = Path(__file__).with_name("chart")
#: The list of the files that the command wrote into a folder, and may therefore replace.
LIST = ".v6-node-files"
_SECRETS_HEAD = "# Holds secrets: apply it (kubectl apply -f -), or encrypt it for a repository.\n"


def export_chart(options: Options, folder: Path, overlays: list[str]) -> int:
    """Write the chart of a node, changed by overlays. Raises CommandError."""
    parts = _parts(_changed(options.chosen(), overlays))
    try:
        files = chart_of(parts, static_files(), __version__)
    except MarkError as error:
        raise CommandError(str(error), WRONG) from error
    write(folder, files)
    return _well(parts, folder, f"helm install {parts.identity.node_label} {folder}", options)


def export_kustomize(options: Options, folder: Path, overlays: list[str]) -> int:
    """Write the base of a node, and one folder for each overlay. Raises CommandError."""
    chosen = options.chosen()
    changed = {name: _parts(_changed(chosen, [name])) for name in overlays}
    parts = _parts(chosen)
    write(folder, kustomize_of(parts, changed))
    return _well(parts, folder, f"kubectl apply -k {folder / 'base'}", options)


def export_secrets(options: Options, overlays: list[str]) -> int:
    """Print the Secrets that chart and base expect. Raises CommandError."""
    parts = _parts(_changed(options.chosen(), overlays))
    print(_SECRETS_HEAD + to_yaml(parts.secrets), end="")
    return WELL


def _well(parts: Parts, folder: Path, then: str, options: Options) -> int:
    names = ", ".join(each["metadata"]["name"] for each in parts.secrets)
    place = f"--config {options.config}" if options.config else f"--name {options.file().stem}"
    tell(f"{folder}: written, without the values of these Secrets: {names}")
    tell(f"next: v6-node export secrets {place} | kubectl apply -f -")
    tell(f"then: {then}" + (f" -n {parts.namespace}" if "helm" in then else ""))
    return WELL


def _changed(chosen: Chosen, overlays: list[str]) -> Chosen:
    """Return the node by its file with overlays. Raises CommandError."""
    if not overlays:
        return chosen
    try:
        data = with_overlays(parse_yaml(chosen.text), overlays)
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        return replace(chosen, text=text, config=load_text(text))
    except (OverlayError, ConfigError) as error:
        raise CommandError(f"overlay {', '.join(overlays)}: {error}", WRONG) from error


def _parts(chosen: Chosen) -> Parts:
    try:
        chosen.require_image()
        return parts_of(chosen)
    except (RenderError, NoImageError) as error:
        raise CommandError(str(error), WRONG) from error


def static_files() -> dict[str, str]:
    """Return the chart's files without names of a node, by their path."""
    found = sorted(each for each in _STATIC.rglob("*") if each.is_file())
    return {str(each.relative_to(_STATIC)): each.read_text(encoding="utf-8") for each in found}


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files into an empty folder, or into a folder of an earlier export.

    Raises:
        CommandError: the folder holds other files, or cannot be written.
    """
    try:
        listed = folder / LIST
        former = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
        if not listed.exists() and folder.exists() and any(folder.iterdir()):
            raise CommandError(
                f"{folder}: is not empty, and not a folder of this command; name another folder",
                WRONG,
            )
        for name in (each for each in former if each not in files and ".." not in each):
            (folder / name.lstrip("/")).unlink(missing_ok=True)
        for name, text in {**files, LIST: "\n".join(sorted(files)) + "\n"}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{error.filename}: cannot be written ({error.strerror})") from error


def overlay_help() -> str:
    """Return the names of all overlays with their meaning."""
    return "; ".join(f"{name}: {text}" for name, (text, _) in OVERLAYS.items())
