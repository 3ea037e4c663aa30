"""Every public function that a notebook calls says in its docstring which notebook teaches it."""

import ast
import importlib
import inspect
import re

import nbformat
import pytest

from mint_utils import locations

TAUGHT = re.compile(r"^ *Taught in notebook (\d\d)\.$", re.M)
NUMBERS = [file.stem[:2] for file in sorted(locations.NOTEBOOKS.glob("*.ipynb"))]


def used_names(number: str) -> set[tuple[str, str]]:
    """(module, name) of everything of mint_utils that a notebook uses in its own cells."""
    (file,) = locations.NOTEBOOKS.glob(f"{number}_*.ipynb")
    cells = nbformat.read(file, as_version=4).cells
    tree = ast.parse("\n".join(cell.source for cell in cells if cell.cell_type == "code"))
    imported = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "mint_utils"
        for alias in node.names
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in imported:
            found.add(imported[node.id])
        of_module = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if of_module and node.value.id in imported:
            found.add((".".join(imported[node.value.id]), node.attr))
    return found


def functions(number: str) -> dict[str, object]:
    """The public functions and classes among them, by their full name."""
    found = {}
    for module, name in used_names(number):
        try:
            thing = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):  # an attribute of a function or of a value
            continue
        if inspect.isfunction(inspect.unwrap(thing)) or inspect.isclass(thing):
            found[f"{thing.__module__}.{name}"] = thing
    return found


USED = {number: functions(number) for number in NUMBERS}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_function_names_a_notebook_that_uses_it(number):
    assert USED[number]
    for full_name, thing in USED[number].items():
        taught = TAUGHT.findall(thing.__doc__ or "")
        assert len(taught) == 1, (
            f"{full_name}: end its docstring with `Taught in notebook {number}.`"
        )
        assert full_name in USED.get(taught[0], {}), (
            f"notebook {taught[0]} does not use {full_name}"
        )


def test_no_line_is_left_behind_when_a_notebook_no_longer_uses_a_function():
    used = {name for names in USED.values() for name in names}
    for file in sorted((locations.REPOSITORY / "mint_utils").rglob("*.py")):
        path = file.relative_to(locations.REPOSITORY).with_suffix("")
        module = ".".join(path.parts).removesuffix(".__init__")
        defined = [n for n in ast.parse(file.read_text()).body if hasattr(n, "name")]
        told = [node.name for node in defined if TAUGHT.search(ast.get_docstring(node) or "")]
        assert {f"{module}.{name}" for name in told} <= used
