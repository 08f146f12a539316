"""Draws img/architecture.svg: `python img/draw_architecture.py > img/architecture.svg`.

The PNG beside it is the same picture for places that show no SVG; CONTRIBUTING.md tells how it is
made. Colours are classes, so that the picture follows the reader's light or dark mode; it brings
its own background and stays legible where the page around it does not.
"""

from __future__ import annotations

import sys
from html import escape

WIDTH, HEIGHT = 1310, 724

STYLE = """
text { font-family: "DejaVu Sans", Verdana, sans-serif; font-size: 13px; fill: #1f2933; }
.title { font-weight: bold; font-size: 14px; }
.small { font-size: 12px; fill: #52606d; }
.code { font-family: "DejaVu Sans Mono", Menlo, monospace; font-size: 12px; }
.page { fill: #ffffff; }
.cluster { fill: #f3f6fa; stroke: #9aa5b1; stroke-width: 1.5; }
.box { fill: #ffffff; stroke: #627d98; stroke-width: 1.5; }
.inner { fill: #e6eef7; stroke: #829ab1; }
.disk { fill: #fdf6e3; stroke: #b08d3c; stroke-width: 1.5; }
.shelf { fill: #fffdf5; stroke: #c9ad68; }
.wall { fill: none; stroke: #c62828; stroke-width: 7; }
.way { fill: none; stroke: #3e4c59; stroke-width: 1.8; }
.mount { fill: none; stroke: #a07c28; stroke-width: 1.6; stroke-dasharray: 5 3; }
.open { fill: none; stroke: #1b7f3b; stroke-width: 2.6; }
.shut { fill: none; stroke: #c62828; stroke-width: 1.8; stroke-dasharray: 4 3; }
.cross { fill: none; stroke: #c62828; stroke-width: 3; }
.red { fill: #b71c1c; } .green { fill: #146c31; } .inside { fill: #8a5a00; }
.way-tip { fill: #3e4c59; } .open-tip { fill: #1b7f3b; } .mount-tip { fill: #a07c28; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } .small { fill: #b0bac5; }
  .page { fill: #14191f; } .cluster { fill: #1b232c; stroke: #52606d; }
  .box { fill: #232d38; stroke: #829ab1; } .inner { fill: #2c3a49; stroke: #627d98; }
  .disk { fill: #2b2618; stroke: #a98a45; } .shelf { fill: #352f1e; stroke: #86703b; }
  .wall, .shut, .cross { stroke: #ef5350; } .red { fill: #ff8a80; } .green { fill: #81d99a; }
  .inside { fill: #e6c077; }
  .way { stroke: #cbd2d9; } .way-tip { fill: #cbd2d9; }
  .open { stroke: #4cc76f; } .open-tip { fill: #4cc76f; }
  .mount { stroke: #d3b064; } .mount-tip { fill: #d3b064; }
}
"""

DESCRIPTION = (
    "The node's pod takes runs from a server and asks Kubernetes for one Job a run. The Job's pod "
    "sees single files and folders of the disk, and reaches the proxy and the databases it asked "
    "for: the internet, other pods, the Kubernetes API and DNS are walled off. The proxy reaches "
    "the server's API."
)


def text(x: float, y: float, line: str, kind: str = "", anchor: str = "start") -> str:
    """One line of text; `kind` is a class."""
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(line)}</text>'


def box(x: float, y: float, w: float, h: float, kind: str, *lines: tuple[str, str]) -> str:
    """A box with its lines of (text, class), from its top left corner."""
    parts = [f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="7" class="{kind}"/>']
    for number, (line, style) in enumerate(lines):
        parts.append(text(x + 12, y + 22 + 18 * number, line, style))
    return "".join(parts)


def arrow(kind: str, *points: tuple[float, float], both: bool = False) -> str:
    """A line through points with a tip at its end, and at its start if `both`."""
    path = " ".join(f"{x},{y}" for x, y in points)
    tips = f'marker-end="url(#{kind}-tip)"'
    tips += f' marker-start="url(#{kind}-tip)"' if both else ""
    return f'<polyline points="{path}" class="{kind}" {tips}/>'


def stopped(x1: float, y1: float, x2: float, y2: float) -> str:
    """A dashed line that ends at a cross: a way that is walled off."""
    cross = f"M{x2 - 6},{y2 - 6} l12,12 M{x2 - 6},{y2 + 6} l12,-12"
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="shut"/>'
    return f'{line}<path d="{cross}" class="cross"/>'


def tip(name: str) -> str:
    """The arrow tip of one class of lines."""
    return (
        f'<marker id="{name}-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
        f'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        f'<path d="M0,0 L10,5 L0,10 z" class="{name}-tip"/></marker>'
    )


def outside() -> list[str]:
    """Who is not in the cluster: the researcher, the server, databases that are services."""
    researcher = (
        ("Researcher", "title"),
        ("vantage6's client,", "small"),
        ("or command_emitter.py", "small"),
    )
    server = (("Server", "title"), ("vantage6 4.x,", "small"), ("or the dummy server", "small"))
    return [
        box(20, 92, 200, 80, "box", *researcher),
        box(20, 286, 200, 80, "box", *server),
        arrow("way", (120, 172), (120, 286), both=True),
        text(112, 214, "task,", "code", "end"),
        text(112, 232, "question,", "code", "end"),
        text(112, 250, "kill", "code", "end"),
        text(128, 214, "status,", "code"),
        text(128, 232, "log,", "code"),
        text(128, 250, "result", "code"),
        text(120, 388, "the node connects to it", "small", "middle"),
        box(1176, 268, 116, 62, "box", ("Server", "title"), ("its API only", "small")),
        box(1176, 346, 116, 62, "box", ("Database", "title"), ("a service", "small")),
    ]


def node() -> list[str]:
    """The node's pod, with its parts from the server's side to the cluster's."""
    parts = (
        (190, "Server's adapter", "vantage6 or dummy"),
        (280, "Engine", "one thread owns every run"),
        (370, "RunWork", "run to Job, end to result"),
    )
    return [
        box(290, 136, 236, 316, "box", ("Node pod", "title"), ("a Deployment of one", "small")),
        *(
            box(306, y, 204, 60, "inner", (name, "title"), (does, "small"))
            for y, name, does in parts
        ),
        arrow("way", (408, 250), (408, 280), both=True),
        arrow("way", (408, 340), (408, 370), both=True),
        arrow("way", (220, 316), (262, 316), (262, 220), (306, 220), both=True),
    ]


def cluster() -> list[str]:
    """The Kubernetes API, and what the node and it say to each other."""
    api = (("Kubernetes API", "title"), ("one Role, this namespace only", "small"))
    return [
        box(664, 82, 250, 62, "box", *api),
        arrow("way", (664, 102), (552, 102), (552, 310), (510, 310)),
        arrow("way", (510, 400), (584, 400), (584, 124), (664, 124)),
        text(592, 96, "watch", "small"),
        text(592, 150, "make Jobs,", "small"),
        text(592, 166, "follow logs,", "small"),
        text(592, 182, "ask for Events,", "small"),
        text(592, 198, "keep the Lease", "small"),
    ]


def job_pods() -> list[str]:
    """The algorithm's pods behind their wall, with its gaps towards proxy and databases."""
    top, left, right, bottom = 222, 692, 922, 446
    wall = f"M{right},284 V{top} H{left} V{bottom} H{right} V394 M{right},362 V316"
    about = ("the algorithm's image", "limits, not root,", "no capability,")
    about += ("no service account,", "read-only file system")
    lines = (("Job pod, one a run", "title"), *((line, "small") for line in about))
    return [
        *(box(710 + n, 244 + n, 186, 160, "box") for n in (12, 6)),
        box(710, 244, 186, 160, "box", *lines),
        f'<path d="{wall}" class="wall"/>',
        arrow("way", (770, 144), (770, 244)),
        text(778, 182, "starts the pod", "small"),
        stopped(870, 244, 870, top),
        text(886, 206, "Kubernetes API", "red"),
        stopped(710, 350, left, 350),
        text(680, 342, "other pods,", "red", "end"),
        text(680, 358, "both ways", "red", "end"),
        stopped(896, 258, right, 258),
        text(938, 262, "the internet", "red"),
        stopped(908, 339, right, 339),
        text(938, 343, "DNS", "red"),
        text(938, 428, "the wall: NetworkPolicies", "red"),
        text(938, 446, "there before any pod is", "small"),
    ]


def proxy() -> list[str]:
    """The ways out: the proxy, and databases that a run asked for."""
    return [
        box(1016, 268, 116, 62, "box", ("Proxy pod", "title"), ("encrypts", "small")),
        arrow("open", (896, 300), (1016, 300)),
        text(938, 293, "TCP 8080", "green"),
        arrow("way", (1132, 300), (1176, 300)),
        arrow("open", (896, 378), (1176, 378)),
        text(938, 371, "one host and port, if asked for", "green"),
    ]


SHELVES = (
    (
        290,
        172,
        "records and logs",
        ("<run_id>/run.json", "<run_id>/result.json", "<run_id>/log*", ".node/"),
    ),
    (474, 158, "output", ("<run_id>/output", "", "/mnt/data/…/output")),
    (
        644,
        158,
        "input and token",
        ("<run_id>/input", "<run_id>/token", "/mnt/data/…/input", "/mnt/data/…/token"),
    ),
    (814, 112, "shared tmp", ("tmp/<name>", "", "/mnt/tmp")),
    (938, 182, "files and folders", ("databases, read-only,", "if asked for", "/mnt/<label>")),
)


def disk() -> list[str]:
    """The folders under task_dir and the databases, and which of them a Job's pod sees."""
    y = 560
    parts = [box(276, y - 22, 856, 160, "disk")]
    for x, width, name, lines in SHELVES:
        styled = [(line, "inside code" if line.startswith("/mnt") else "code") for line in lines]
        parts.append(box(x, y, width, 112, "shelf", (name, "title"), *styled))
    about = (
        "Disk: task_dir and the databases, from hostPath or a claim. "
        "Brown: where a vantage6 algorithm sees it."
    )
    parts.append(text(290, y + 130, about, "title"))
    parts.append(arrow("way", (330, 452), (330, y)))
    parts.append(text(340, 492, "written before a run is accepted", "small"))
    parts.append(text(340, 508, "and before a result is sent", "small"))
    for inside, below, both in (
        (730, 553, True),
        (780, 723, False),
        (830, 870, True),
        (880, 1029, False),
    ):
        way = ((below, y), (below, 512), (inside, 466), (inside, 416))
        parts.append(arrow("mount", *way, both=both))
    return parts


def main() -> None:
    """Write the picture to standard output."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="t d">'
        f'<title id="t">Architecture of the node</title><desc id="d">{escape(DESCRIPTION)}</desc>'
        f"<style>{STYLE}</style><defs>{tip('way')}{tip('open')}{tip('mount')}</defs>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" class="page"/>'
        f'<rect x="250" y="14" width="896" height="{HEIGHT - 28}" rx="12" class="cluster"/>'
        + text(268, 44, "Kubernetes cluster, the node's namespace", "title")
    )
    parts = [*outside(), *node(), *cluster(), *job_pods(), *proxy(), *disk()]
    sys.stdout.write(head + "\n" + "\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    main()
