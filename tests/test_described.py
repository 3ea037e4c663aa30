"""Every figure that a notebook keeps is described for whoever cannot see it."""

import re
from pathlib import Path

import nbformat
import pytest

from mint_utils.comparing import compare
from mint_utils.figures.described import COMPARED, DESCRIPTIONS, SHOW_FACES, description
from mint_utils.locations import NOTEBOOKS

CELLS = [
    cell.source
    for file in sorted(NOTEBOOKS.glob("*.ipynb"))
    for cell in nbformat.read(file, as_version=4).cells
    if cell.cell_type == "code"
]


def test_every_figure_of_the_notebooks_has_a_description_and_no_other():
    kept = {name for cell in CELLS for name in re.findall(r'save_figure\("(\w+)"', cell)}
    assert kept == set(DESCRIPTIONS)


def test_every_figure_of_several_audits_is_described_and_no_other():
    written = [*CELLS, Path(compare.__file__).read_text()]
    calls = [re.findall(r"(?<!def )keep_figure\([^,]+, (\w+)", text) for text in written]
    drawn = {name for found in calls for name in found}
    drawn = drawn - {"CROSSED"}  # CROSSED[name]
    assert drawn | {draw.__name__ for draw in compare.CROSSED.values()} == set(COMPARED)


def test_figures_that_draw_faces_are_known_as_such():
    """What reads pixels of faces: the mosaic, the maps beside their faces, the explorer."""
    drawing = ("faces_by_role(", "activation_maps(", "faces_and_maps(")
    showing = {
        name
        for cell in CELLS
        if any(call in cell for call in drawing)
        for name in re.findall(r'save_figure\("(\w+)"', cell)
    }
    assert showing == SHOW_FACES


def test_a_figure_without_one_is_refused_with_near_names():
    with pytest.raises(ValueError, match="'rocs'.*did you mean 'roc'.*figures/described.py"):
        description("rocs")
