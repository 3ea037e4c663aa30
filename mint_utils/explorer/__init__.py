"""The explorer: look around in what one run recorded, without the model.

In a notebook, or anywhere with widgets, one line opens a finished report::

    explore(open_report("synthetic"))

material.py        faces and activations of a report, looked up once
channels.py        which channels tell the sides apart, corrected for looking at all of them
selection.py       what a choice shows, as numbers: pure
pictures.py        its figures, as the page shows them
embedding_map.py   the map of embeddings, as a piece of HTML
shell.py           the widgets
serving.py         the same as a page of its own (``mint-study explore``)
"""

from mint_utils.explorer.embedding_map import embedding_map, project
from mint_utils.explorer.material import Material, material_of, open_report
from mint_utils.explorer.selection import Choice, Shown, default_choice, in_words, look, weigh
from mint_utils.explorer.shell import Explorer, explore

__all__ = [
    "Choice", "Explorer", "Material", "Shown", "default_choice", "embedding_map", "explore",
    "in_words", "look", "material_of", "open_report", "project", "weigh",
]  # fmt: skip
