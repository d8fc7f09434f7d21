"""Diagrams, drawn from the Mermaid sources beside them.

Each SVG holds the hash of its source, so that a test notices a source that was changed and not drawn again.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.errors import OperatorError

_RENDERER = "mermaidx==0.10.1"
"""Draws Mermaid without a browser. It runs in an environment of its own: only a changed diagram needs it."""
_MERMAID = {
    "theme": "neutral",
    "fontFamily": "sans-serif",
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False, "rankSpacing": 32},
}


def source_hash(source: str) -> str:
    """What a diagram's SVG says about the source that it was drawn from."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def diagram_svg(source: Path) -> str:
    """A diagram drawn from its Mermaid source. Raises OperatorError where the renderer fails."""
    uv = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory() as folder:
        config, drawn = Path(folder, "config.json"), Path(folder, "drawn.svg")
        config.write_text(json.dumps(_MERMAID))
        command = [uv, "tool", "run", "--from", _RENDERER, "mermaidx", "-q", "-i", source, "-c", config, "-o", drawn]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            raise OperatorError(f"{source.name} can't be drawn ({lines[-1] if lines else 'no reason given'}): check it")
        svg = drawn.read_text()
    # Readable on a dark page too, and a tenth of a pixel is enough.
    svg = svg.replace("background-color: transparent", "background-color: white", 1)
    svg = re.sub(r"(\d+\.\d)\d+", r"\1", svg)
    # Its own size: as wide as the page, a small diagram would be huge.
    size = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg)
    if size is not None:
        svg = svg.replace('width="100%"', f'width="{size[1]}" height="{size[2]}"', 1)
    return f"<!-- source: {source_hash(source.read_text())} -->\n{svg.strip()}\n"


def draw(images: Path) -> None:
    """Draw each diagram of the folder again. Raises OperatorError where the renderer fails."""
    for source in sorted(images.glob("*.mmd")):
        source.with_suffix(".svg").write_text(diagram_svg(source))
