"""The explorer as a page of its own, served by Voila on this machine."""

import os
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from mint_utils.explorer.material import open_report
from mint_utils.locations import NOTEBOOKS

TEMPLATES = Path(__file__).parents[1] / "pages" / "jupyter"  # a page that asks the network nothing
OPENED = "from mint_utils.explorer import explore, open_report\n\nexplore(open_report({report!r}))"


def serve(report: str, port: int, browser: bool = True) -> None:
    """Serve a report's explorer until Ctrl-C.

    Raises ModuleNotFoundError with what to install if Voila is not here, and all that
    :func:`open_report` raises.
    """
    if find_spec("voila") is None:
        raise ModuleNotFoundError(
            "Voila, which serves the page, is not installed: `pip install -e .[app]`; "
            "or open notebooks/06_explorer.ipynb in JupyterLab (`make lab`)"
        )
    report = str(Path(report).resolve())  # the page runs in another folder
    open_report(report)  # says here what is missing, not on the page
    from voila.app import Voila

    known = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(TEMPLATES), known]))
    with TemporaryDirectory() as folder:
        page = Path(folder) / "explorer.ipynb"
        nbformat.write(app_notebook(report), page)
        Voila.launch_instance([
            str(page), f"--port={port}", "--Voila.ip=127.0.0.1", "--template=mint",
            "--show_tracebacks=True", *([] if browser else ["--no-browser"]),
        ])  # fmt: skip


def app_notebook(report: str) -> nbformat.NotebookNode:
    """Notebook 06 as an app: its title and what it says first, and the explorer of a report."""
    whole = nbformat.read(NOTEBOOKS / "06_explorer.ipynb", as_version=4)
    title, first, *_ = whole.cells[0].source.split("\n\n")
    cells = [
        nbformat.v4.new_markdown_cell(f"{title}\n\n{first}"),
        nbformat.v4.new_code_cell(OPENED.format(report=report)),
    ]
    return nbformat.v4.new_notebook(cells=cells, metadata=whole.metadata)
