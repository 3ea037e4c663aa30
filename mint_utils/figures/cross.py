"""Figures of notebook 07: from source to source, by the number of sources, from model to model."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mint_utils.figures.heat import CELL, heat_map
from mint_utils.figures.style import METHOD_NAMES, TARGET_COLOURS, TARGET_NAMES, axes

RUNGS = {  # (method, access) -> what a panel is called
    ("vanilla", "outcome"): "Vanilla MINT\non embeddings",
    ("vanilla", "activations"): "Vanilla MINT\non activations",
    ("cnn", "activations"): "CNN MINT\non activations",
    ("calibrated", "activations"): "calibrated MINT\non steadiness",
    ("vanilla", "head_blind"): "Vanilla MINT\non class centres",
}
TRAINED = {
    "audited": "the audited model",
    "swapped_halves": "trained on the other half",
    "reference_twin": "reference",
}
WAYS = {  # title -> channels, of the models themselves or of the controls in their place
    "fitted and tested on the same model": ["own"],
    "fitted on another model, channels as they come": ["unmatched"],
    "fitted on another model, channels matched (the last two need none)": ["matched", "none"],
}
CONTROLS = "controls: the roles of both models, on networks that know of neither training"


def source_to_source(table: pd.DataFrame) -> Axes:
    """AUC by the source that was fitted on (rows) and tested on (columns), from cross_source.csv.

    A line of panels a rung, the audited model beside its controls; frames: the same source.
    """
    sources = list(dict.fromkeys(table["fitted_on"]))
    rungs = _rungs_of(table)
    targets = [t for t in dict.fromkeys(table["target"]) if t != "pixels"]
    blind = table[table["target"] == "pixels"]
    wide, high = CELL[0] * len(sources) + 0.35, CELL[1] * len(sources) + 0.75
    panels = _panels(len(rungs) + bool(len(blind)), len(targets), wide, high)
    for line, rung in zip(panels, rungs, strict=False):
        for ax, target in zip(line, targets, strict=True):
            _matrix(table[table["target"] == target], rung, sources, ax)
            ax.set_title(f"{RUNGS[rung]}\n{TARGET_NAMES[target]}", fontsize=9)
    if len(blind):
        for ax in panels[-1, :-1]:
            ax.set_axis_off()
        method = blind["method"].iloc[-1]
        _matrix(blind, (method, "none"), sources, panels[-1, -1])
        panels[-1, -1].set_title(f"{METHOD_NAMES[method]}\n{TARGET_NAMES['pixels']}", fontsize=9)
    for ax in panels.flat:
        ax.set_ylabel("fitted on", fontsize=8)
        ax.set_xlabel("tested on", fontsize=8)
    return panels[0, 0]


def _rungs_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    audited = table[table["target"] == "audited"]
    there = set(zip(audited["method"], audited["access"], strict=True))
    return [rung for rung in RUNGS if rung in there]


def _matrix(table: pd.DataFrame, rung: tuple[str, str], sources: list[str], ax: Axes) -> None:
    some = table[(table["method"] == rung[0]) & (table["access"] == rung[1])]
    cells = some.rename(columns={"fitted_on": "row", "tested_on": "column"})
    heat_map(cells, sources, sources, ax)
    for place in range(len(sources)):
        frame = Rectangle((place - 0.49, place - 0.48), 0.98, 0.96, fill=False, edgecolor="#1c2126")
        ax.add_patch(frame)


def by_number_of_sources(table: pd.DataFrame) -> Axes:
    """Mean AUC by how many sources were fitted on, from number_of_sources.csv; a panel a rung.

    Full points: sources that were not fitted on. Hollow ones: those that were.
    """
    rungs = _rungs_of(table)
    panels = _panels(1, len(rungs), 2.5, 3.9, share=True)[0]
    for ax, rung in zip(panels, rungs, strict=True):
        for place, target in enumerate(t for t in TARGET_COLOURS if t in set(table["target"])):
            rows = table[table["target"] == target]
            method, access = (rows["method"].iloc[-1], "none") if target == "pixels" else rung
            rows = rows[(rows["method"] == method) & (rows["access"] == access)]
            _seen_and_unseen(rows, target, 0.09 * (place - 1), ax)
        ax.axhline(0.5, color="black", linestyle=":", linewidth=1)
        ax.set_title(RUNGS[rung], fontsize=9)
        ax.set_xticks(sorted(table["sources"].unique()))
        ax.set_xlabel("sources fitted on", fontsize=8)
    panels[0].set_ylabel("mean AUC, 95 % interval over persons")
    panels[0].set_ylim(min(0.3, table["low"].min() - 0.02), 1.02)
    handles, labels = panels[0].get_legend_handles_labels()
    panels[0].get_figure().legend(
        handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8
    )
    return panels[0]


def _seen_and_unseen(rows: pd.DataFrame, target: str, aside: float, ax: Axes) -> None:
    for tested, line, face in (("unseen", "-", None), ("seen", ":", "white")):
        some = rows[rows["tested"] == tested].sort_values("sources")
        errors = [(some["auc"] - some["low"]).clip(0), (some["high"] - some["auc"]).clip(0)]
        words = "sources it was not fitted on" if tested == "unseen" else "its own sources"
        ax.errorbar(
            some["sources"] + aside, some["auc"], yerr=errors, fmt="o", linestyle=line,
            color=TARGET_COLOURS[target], markersize=5, linewidth=1.2,
            markerfacecolor=face or TARGET_COLOURS[target],
            label=f"{TARGET_NAMES[target]}: {words}",
        )  # fmt: skip


def model_to_model(table: pd.DataFrame) -> Axes:
    """AUC by pair of models (rows) and kind of data (columns), from cross_model.csv.

    Panels: by itself, channels as they come, channels matched, and the controls of each pair.
    """
    pairs = zip(table["fitted_on"], table["tested_on"], strict=True)
    kinds = zip(table["method"], table["aad"], strict=True)
    named = table.assign(row=[_pair(*p) for p in pairs], column=[_kind(*k) for k in kinds])
    itself = named["network"] == named["tested_on"]
    parts = {title: named[itself & named["channels"].isin(ways)] for title, ways in WAYS.items()}
    across = named["fitted_on"] != named["tested_on"]
    parts = parts | {CONTROLS: named[~itself & across]}
    rows = {title: list(dict.fromkeys(part["row"])) for title, part in parts.items() if len(part)}
    at_the_end = [_kind(*kind) for kind in (("vanilla", "head"), ("calibrated", "consistency"))]
    at_the_end = [column for column in [*at_the_end, "pixels"] if column in set(named["column"])]
    columns = [c for c in dict.fromkeys(named["column"]) if c not in at_the_end] + at_the_end
    count = sum(map(len, rows.values()))
    size = (CELL[0] * len(columns) + 1.8, CELL[1] * count + 0.9 * len(rows))
    panels = _panels(len(rows), 1, *size, heights=[len(names) for names in rows.values()])
    for (title, names), ax in zip(rows.items(), panels[:, 0], strict=True):
        heat_map(parts[title], names, columns, ax)
        ax.set_title(title, fontsize=9.5)
    return panels[0, 0]


def _pair(first: str, second: str) -> str:
    names = []
    for name in (first, second):
        kind, _, number = name.partition(".")
        names.append(TRAINED[kind] + (f" {int(number) + 1}" if number else ""))
    return names[0] if first == second else f"{names[0]} →\n{names[1]}"


def _kind(method: str, aad: str) -> str:
    words = {"outcome": "embedding", "head": "class centres", "consistency": "steadiness"}
    prefix = "calibrated:\n" if method == "calibrated" else ""
    return prefix + words.get(aad, aad).replace(" ", "\n" if not prefix else " ")


def _panels(rows: int, columns: int, width: float, height: float, share=False, heights=None):
    """Axes (rows, columns) of ``width`` x ``height`` inches each, or in all with ``heights``."""
    axes(None, 1, 1)  # sets the style
    plt.close()
    size = (width, height) if heights else (width * columns + 0.5, height * rows)
    panels = plt.subplots(
        rows, columns, figsize=size, squeeze=False, sharey=share, layout="constrained",
        height_ratios=heights,
    )[1]  # fmt: skip
    for ax in panels.flat:
        axes(ax)
    return panels
