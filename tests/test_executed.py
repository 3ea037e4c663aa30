"""Executed notebooks lose what tells the time or the machine, and nothing else."""

import nbformat
from nbformat import v4

from mint_utils.reporting.executed import WIDGET, tell_parameters, tidied

BARS = (
    "\rreading: 10%|#   | 1/10 [00:01<00:09, 1.0it/s]",
    "\rreading: 100%|####| 10/10 [00:07<",
    ("00:00, 1.4it/s, loss=0.3]\nSome warning [not a rate]\n"),
)


def executed(speed: str = "1") -> nbformat.NotebookNode:
    parameters = v4.new_code_cell('scenario = "/home/ann/ours.yml"\noverrides = {"seed": 1}')
    parameters.metadata = {"tags": ["injected-parameters"], "papermill": {"duration": speed}}
    outputs = [v4.new_output("stream", name="stderr", text=text) for text in BARS]
    outputs.insert(1, v4.new_output("stream", name="stdout", text="one "))
    outputs.append(v4.new_output("stream", name="stdout", text="line\n"))
    widget = {WIDGET: {"model_id": f"random {speed}"}, "text/plain": f"Box({speed})"}
    outputs.append(v4.new_output("display_data", data=widget))
    outputs.append(v4.new_output("execute_result", data={"text/plain": "42"}))
    cell = v4.new_code_cell("count()", outputs=outputs, id="c")
    cell.metadata = {"execution": {"iopub.execute_input": speed}, "tags": []}
    text = v4.new_markdown_cell("Next: [6 · Explore](06_explorer.ipynb), [5](05_evidence.ipynb)")
    text.id = "t"
    metadata = {"papermill": {"output_path": "/tmp/x"}, "widgets": {"state": speed}, "kept": 1}
    return v4.new_notebook(cells=[text, parameters, cell], metadata=metadata)


def test_two_runs_of_other_speed_are_one():
    assert tidied(executed("1")) == tidied(executed("2"))


def test_what_was_said_stays():
    text, _, cell = tidied(executed()).cells
    progress, printed, widget, result = cell.outputs
    assert progress.text == "reading: 100%|####| 10/10\nSome warning [not a rate]\n"
    assert printed.text == "one line\n"
    assert WIDGET in widget.data and "random" not in str(widget)
    assert result.data["text/plain"] == "42"
    assert "[6 · Explore](06_explorer.ipynb)" in text.source
    assert tidied(executed()).metadata == {"kept": 1}


def test_links_to_pages_that_are_left_out_become_words():
    text = tidied(executed(), ("06_explorer",)).cells[0]
    assert text.source == "Next: 6 · Explore (left out of this report), [5](05_evidence.ipynb)"


def test_parameters_name_the_file_and_no_folder():
    notebook = executed()
    tell_parameters(notebook, "/home/ann/ours.yml", {"seed": 1})
    assert "ours.yml" in notebook.cells[1].source and "'seed': 1" in notebook.cells[1].source
    assert "/home/ann" not in notebook.cells[1].source
    tell_parameters(notebook, "/home/ann/ours.yml", None)
    assert "seed" not in notebook.cells[1].source


def test_it_is_still_a_notebook():
    nbformat.validate(tidied(executed()))
