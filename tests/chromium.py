"""Opens a page in headless Chromium, measures it, and reads what it asked the network for."""

import html
import json
import re
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=NetworkTimeServiceQuerying,OptimizationHints,MediaRouter,Translate",
    "--disable-extensions",
    "--disable-default-apps",
    "--metrics-recording-only",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--hide-scrollbars",
)
DARK, LIGHT = 0, 1
# Chromium makes no window narrower than 500 pixels, so the page is measured in a frame of the width asked for.
FRAME = """<!DOCTYPE html><html><body style="margin:0"><iframe id="f" src="{page}"
 style="border:0;width:{width}px;height:900px"></iframe><pre id="measured"></pre><script>
const frame = document.getElementById("f");
const write = text => {{ document.getElementById("measured").textContent = text; }};
frame.onload = () => write(JSON.stringify(frame.contentWindow.measure()));
</script></body></html>"""
MEASURE = """<script>
function measure() {
  const root = document.documentElement, wide = [];
  document.querySelectorAll("details").forEach(each => { each.open = true; });
  for (const each of document.querySelectorAll("body *")) {
    if (each.closest(".scroll table, .wide svg") || each.closest("svg *") || !each.getClientRects().length) continue;
    if (each.getBoundingClientRect().right > window.innerWidth + 0.5) wide.push(each.tagName + "." + each.className);
  }
  const style = getComputedStyle(document.body);
  return {
    scrollWidth: root.scrollWidth, innerWidth: window.innerWidth, wide: wide,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    ground: style.backgroundColor, ink: style.color,
    svg: [...document.querySelectorAll("svg")].map(each => each.getBoundingClientRect().width),
    stroke: getComputedStyle(document.querySelector("svg text")).fill,
  };
}
</script>"""


def find():
    """The program's path, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def measure(page, folder, *, width, scheme):
    """What the page says of itself at a width, and the URLs that were asked for.

    The policy that forbids scripts and fetching is taken out of the copy that is opened: nothing but the page
    itself keeps it from fetching.
    """
    text = page.read_text(encoding="utf-8")
    text, count = re.subn(r"<meta http-equiv=[^>]*>", MEASURE, text, count=1)
    assert count == 1
    (folder / "page.html").write_text(text, encoding="utf-8")
    (folder / "frame.html").write_text(FRAME.format(page="page.html", width=width))
    log = folder / "net.json"
    command = [
        find(),
        *QUIET,
        "--allow-file-access-from-files",
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--window-size={max(width, 600)},900",
        f"--log-net-log={log}",
        "--virtual-time-budget=10000",
        "--dump-dom",
        (folder / "frame.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    assert found[1], "the page gave no answer"
    return json.loads(html.unescape(found[1])), requested(log)


def requested(log):
    """The URLs that a page asked for, other than files and data; the browser's own errands have no origin."""
    urls = set()
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        url = re.search(r'"url":\s*"([^"]+)"', line)
        initiator = re.search(r'"initiator":\s*"([^"]+)"', line)
        if url and initiator and initiator[1] != "not an origin":
            urls.add(url[1])
    return sorted(url for url in urls if not url.startswith(("file:", "data:", "about:")))
