"""An executed notebook as it goes into a report: what it says, without times and machine paths.

papermill notes when and where each cell ran, bars of progress say how fast it went, widgets have
random names. Without these, two runs of one scenario and seed leave the same notebook.
"""

import re
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output

RATE = re.compile(r"(\|\s*\S+/\S+) \[[^\]]*\]")  # "| 240/240 [00:03<00:00, 80.1image/s]"
WIDGET = "application/vnd.jupyter.widget-view+json"
NO_WIDGET = "An interactive view, alive only in the notebook itself."
TIMED = ("papermill", "execution")  # metadata of cells


def tidied(notebook: NotebookNode, left_out: tuple[str, ...] = ()) -> NotebookNode:
    """``notebook``, changed in place. Links to the notebooks ``left_out`` become plain words."""
    for key in ("papermill", "widgets"):
        notebook.metadata.pop(key, None)
    for cell in notebook.cells:
        for key in TIMED:
            cell.metadata.pop(key, None)
        if cell.cell_type == "markdown":
            for step in left_out:
                link = rf"\[([^\]]*)\]\({re.escape(step)}\.ipynb\)"
                cell.source = re.sub(link, r"\1 (left out of this report)", cell.source)
        else:
            cell.outputs = _tidied_outputs(cell.outputs)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "parameters-as-run"
    return notebook


def tell_parameters(notebook: NotebookNode, scenario: str, overrides: dict | None) -> None:
    """Write the parameters as a report may tell them; ``overrides`` None: not told."""
    said = "{}  # not told: this report hides faces" if overrides is None else repr(overrides)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = f"# Parameters\nscenario = {Path(scenario).name!r}\noverrides = {said}"


def _tidied_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Progress first, as one text: when it is flushed between other outputs is a matter of time."""
    progress = "".join(o.text for o in outputs if o.get("name") == "stderr")
    kept = [_progress(progress)] if progress.strip() else []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        if output.get("name") == "stdout" and kept and kept[-1].get("name") == "stdout":
            kept[-1].text += output.text
        else:
            kept.append(output)
        if WIDGET in output.get("data", {}):
            output.data = NotebookNode({WIDGET: {"model_id": ""}, "text/plain": NO_WIDGET})
    return kept


def _progress(text: str) -> NotebookNode:
    """The last state of every bar."""
    lines = [RATE.sub(r"\1", line.split("\r")[-1]).rstrip() for line in text.split("\n")]
    return new_output("stream", name="stderr", text="\n".join(filter(None, lines)) + "\n")
