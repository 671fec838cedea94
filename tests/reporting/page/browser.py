"""Headless Chromium for the tests of pages: what the accessibility checker finds, and how wide a page is."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import axe_core_python
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

_AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
_SCHEMES = {"dark": 0, "light": 1}
# Folded details are opened, so that their content is checked, too.
_CHECK = """
for (const details of document.querySelectorAll("details")) details.open = true;
const page = document.documentElement;
const wide = [...document.querySelectorAll("body *")].filter(element =>
  !element.closest(".scroll, .hidden, svg, .skip") && element.getBoundingClientRect().right > innerWidth + 1);
axe.run(document, {resultTypes: ["violations"]}).then(result => {
  parent.postMessage(JSON.stringify({
    violations: result.violations.map(part => [part.impact, part.id, part.nodes.map(node => node.html).slice(0, 3)]),
    background: getComputedStyle(document.body).backgroundColor,
    width: innerWidth,
    overflow: page.scrollWidth - page.clientWidth,
    wide: wide.map(element => element.outerHTML.slice(0, 200)).slice(0, 3),
  }), "*");
});
"""
# Headless windows are at least 500 pixels wide; frames are as wide as one likes.
_FRAME = """<!DOCTYPE html><html lang="en"><meta name="color-scheme" content="light dark"><title>frame</title>
<script>onmessage = event => {{
  const output = document.createElement("pre");
  output.id = "output";
  output.textContent = event.data;
  document.body.append(output);
}};</script>
<body><iframe src="{source}" title="page" style="width: {width}px; height: 900px; border: 0"></iframe></body></html>
"""


def inspect_page(page: str, folder: Path, *, scheme: str, width: int) -> dict[str, Any]:
    """Return what axe-core finds in a page, and whether the page is wider than the window."""
    policy = re.compile(r"<meta http-equiv=.Content-Security-Policy.[^>]*>")
    scripts = f"<script>{_AXE.read_text(encoding='utf-8')}</script><script>{_CHECK}</script>"
    copy = folder / f"{scheme}-{width}.html"
    copy.write_text(policy.sub("", page).replace("</body>", f"{scripts}</body>"), encoding="utf-8")
    frame = copy.with_suffix(".frame.html")
    frame.write_text(_FRAME.format(source=copy.name, width=width), encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        frame.as_uri(),
    ]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    match = re.search(r'<pre id="output">(.*?)</pre>', dom, re.DOTALL)
    assert match is not None, dom[-2000:]
    return json.loads(html.unescape(match[1]))
