"""Serving and looking at the explorer in a browser; what tests/test_explorer_page.py asserts on."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--no-proxy-server",
]  # fmt: skip
# urlopen keeps the proxies of its first call, which another test has set.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
TOKEN = "explorer"
QUIET = {  # JupyterLab asks the network for news unless told not to
    "notification": '{"fetchNews": "false", "checkForUpdates": false}',
}
# Relative luminance contrast (WCAG 2) of every text in the explorer with what lies behind it.
CONTRASTS = """() => {
  const channels = colour => (colour.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = channels(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.9) return colour;
    }
    return [255, 255, 255];
  };
  const seen = [];
  const root = document.querySelector('.mint-explorer');
  const texts = 'label, select, h4, .widget-html-content, .widget-readout';
  for (const e of root.querySelectorAll(texts)) {
    const text = (e.innerText || '').trim();
    if (!text || !e.offsetParent || e.querySelector('.mint-map')) continue;
    const [a, b] = [light(channels(getComputedStyle(e).color)), light(behind(e))];
    seen.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text.slice(0, 40)]);
  }
  return seen;
}"""


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


@contextmanager
def served(command: list[str], url: str, env: dict, log: Path):
    """Run a server until the block ends; it is up once ``url`` answers."""
    with log.open("w") as out:
        server = subprocess.Popen(command, env=env, stdout=out, stderr=out)
        try:
            deadline = time.monotonic() + 60
            while not _answers(url):
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield
        finally:
            server.terminate()
            server.wait(20)


def _answers(url: str) -> bool:
    try:
        return DIRECT.open(url, timeout=2).status == 200
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def lab_environment(home: Path) -> dict:
    """JupyterLab with all its folders in ``home``: no settings but ours."""
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    for name, content in QUIET.items():
        (settings / f"{name}.jupyterlab-settings").write_text(content)
    folders = {
        "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "IPYTHONDIR": "ipython",
        "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }  # fmt: skip
    return os.environ | {variable: str(home / name) for variable, name in folders.items()}


def lab_command(folder: Path, port: int) -> list[str]:
    return [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip


def watched(page) -> list[str]:
    """What goes wrong on a page from now on: console errors, exceptions, requests elsewhere."""
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda r: (
            None
            if r.url.startswith(("http://127.0.0.1", "http://localhost", "data:", "blob:", "ws:"))
            else wrong.append(f"asked the network: {r.url[:100]}")
        ),
    )
    return wrong


def run_in_lab(page, port: int, notebook: str) -> None:
    """Open a notebook and run all its cells; AssertionError if one raised."""
    page.goto(f"http://127.0.0.1:{port}/lab/tree/{notebook}?reset&token={TOKEN}")
    page.wait_for_function(
        """() => {
          const app = window.jupyterapp;
          const context = app?.shell?.currentWidget?.sessionContext;
          if (!context?.isReady || !app.commands.hasCommand('notebook:run-all-cells')) return false;
          const kernel = context.session?.kernel;
          return kernel?.connectionStatus === 'connected' && kernel?.status === 'idle';
        }""",
        timeout=60_000,
    )
    done = page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    assert done, "a cell raised"


def control(page, name: str):
    """The element that takes the keyboard of the control with that description."""
    row = page.locator(".mint-explorer .widget-inline-hbox").filter(
        has=page.get_by_text(name, exact=True)
    )
    return row.locator("select, .noUi-handle").first


def picture_source(page, number: int) -> str:
    return page.locator(".mint-explorer img.mint-picture").nth(number).get_attribute("src")


def wait_for_another(page, number: int, before: str) -> None:
    """Until picture ``number`` has another source than ``before``."""
    page.wait_for_function(
        "([n, src]) => document.querySelectorAll('.mint-explorer img.mint-picture')[n].src !== src",
        arg=[number, before],
        timeout=20_000,
    )


def reached_by_tab(page, start: str, most: int = 40) -> list[str]:
    """Descriptions of the controls that Tab visits, from the one called ``start`` on."""
    control(page, start).focus()
    visited = []
    for _ in range(most):
        visited.append(
            page.evaluate(
                """() => document.activeElement.closest('.mint-explorer .widget-inline-hbox')
                  ?.querySelector('label')?.innerText || ''"""
            )
        )
        page.keyboard.press("Tab")
    return visited
