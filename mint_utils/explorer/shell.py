"""The page: menus and sliders beside the pictures they change. Nothing is computed here.

Pictures are PNGs inside ``ipywidgets.HTML``, where they can have an alternative text. There is no
``Output``: notebooks that draw into one hang now and then when they are executed for a report.
"""

from contextlib import contextmanager
from html import escape

import ipywidgets as widgets

from mint_utils.comparing.compare import finished_reports
from mint_utils.explorer.embedding_map import embedding_map, marked
from mint_utils.explorer.material import Material, open_report
from mint_utils.explorer.pictures import picture_of_maps, picture_of_values
from mint_utils.explorer.selection import (
    PRIORS,
    Choice,
    Shown,
    channel_in_words,
    default_choice,
    default_threshold,
    in_words,
    look,
    weigh,
)

WHOLE = "all photographs, mean"
STYLE = """<style>
.mint-explorer .mint-picture { display: block; width: 100%; height: auto; border-radius: 8px;
  background: #fff; }
.mint-explorer .widget-html-content { line-height: 1.45; }
.mint-explorer h4 { margin: 10px 0 2px; }
.mint-explorer .mint-warning { border-left: 4px solid #d55e00; padding-left: 8px; }
</style>"""


def explore(material: Material) -> widgets.Widget:
    """The explorer as a widget. Its first menu changes to any other finished report.

    Taught in notebook 06.
    """
    return Explorer(material).box


class Explorer:
    """Widgets by name in ``controls``; ``redraw`` is all that they call."""

    def __init__(self, material: Material):
        self._quiet = False
        self.controls = _controls()
        self.maps, self.values, self.map = (widgets.HTML() for _ in range(3))
        self.about, self.map_told = widgets.HTML(), widgets.HTML()
        self.channel_told, self.threshold_told = widgets.HTML(), widgets.HTML()
        self._open(material)
        for name, changed in {
            "scenario": self._other_report, "tap": self._other_tap, "order": self._other_order,
            "channel": self._other_channel, "member": lambda: self._other_person(0),
            "external": lambda: self._other_person(1), "twin": lambda: self.redraw("maps"),
            "member photo": lambda: self.redraw("maps", "values", "map"),
            "external photo": lambda: self.redraw("maps", "values", "map"),
            "threshold": lambda: self.redraw("values"), "prior": lambda: self.redraw(),
        }.items():  # fmt: skip
            self.controls[name].observe(
                lambda _, changed=changed: self._on_change(changed), "value"
            )
        self.box = self._laid_out()

    def choice(self) -> Choice:
        """What the widgets say."""
        shown = [
            Shown(self.controls[side].value, self.controls[f"{side} photo"].value or None)
            for side in ("member", "external")
        ]
        now = {name: self.controls[name].value for name in ("tap", "channel", "threshold")}
        now |= {name: self.controls[name].value for name in ("prior", "twin")}
        return Choice(member=shown[0], external=shown[1], **now)

    def redraw(self, *parts: str) -> None:
        """Draw those parts anew: ``maps``, ``values``, ``map``. What a threshold does is told."""
        choice = self.choice()
        values = weigh(self.material, choice)
        self.threshold_told.value = escape(in_words(values))
        if "maps" in parts:
            self.maps.value = picture_of_maps(look(self.material, choice))
        if "values" in parts:
            self.values.value = picture_of_values(values)
        if "map" in parts:
            self.map.value = marked(self.drawn_map, self.material, choice)

    def _open(self, material: Material) -> None:
        """Show another material from its own default view."""
        self.material, first = material, default_choice(material)
        self.drawn_map = embedding_map(material)
        with self._silent():
            _offer(self.controls["scenario"], _reports(material.name), material.name)
            _offer(self.controls["tap"], material.taps, first.tap)
            self._offer_channels(first.channel)
            for side, shown in enumerate(first.shown):
                name = ("member", "external")[side]
                _offer(self.controls[name], material.persons(side), shown.identity)
                self.controls[name].description = material.sides[side].replace("_", " ")
                self._offer_photographs(side, shown.image)
            twins = [(twin.replace("_", " "), twin) for twin in material.twins()]
            _offer(self.controls["twin"], [*twins, ("none", None)], first.twin)
            self._offer_thresholds()
        warnings = "".join(_warning(words) for words in material.warnings())
        self.about.value = f"{STYLE}{escape(material.about)}{warnings}"
        self.map_told.value = (
            f"Embeddings of all images; the two axes hold {self.drawn_map.explained:.0%} of their "
            "variance. Hover over a large point to see its face; rings are the images shown."
        )
        self.redraw("maps", "values", "map")

    def _on_change(self, changed) -> None:
        if not self._quiet:
            changed()

    @contextmanager
    def _silent(self):
        """Widgets may be set without each drawing everything."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _other_report(self) -> None:
        name = self.controls["scenario"].value
        self.about.value = f"opening {escape(name)} ..."
        try:
            self._open(open_report(name))
        except (OSError, ValueError) as error:
            self.about.value = f"{STYLE}{_warning(str(error))}"
            with self._silent():
                self.controls["scenario"].value = self.material.name

    def _other_tap(self) -> None:
        with self._silent():
            best = self.material.channels
            best = best.loc[best["tap"] == self.controls["tap"].value, "channel"]
            self._offer_channels(int(best.iloc[0]))
        self._other_channel()

    def _other_order(self) -> None:
        with self._silent():
            self._offer_channels(self.controls["channel"].value)

    def _other_channel(self) -> None:
        with self._silent():
            self._offer_thresholds()
        self.redraw("maps", "values")

    def _other_person(self, side: int) -> None:
        with self._silent():
            self._offer_photographs(side, None)
        self.redraw("maps", "values", "map")

    def _offer_channels(self, chosen: int) -> None:
        tap, table = self.controls["tap"].value, self.material.channels
        own = table[table["tap"] == tap]
        if self.controls["order"].value == "number":
            own = own.sort_values("channel")
        rows = own[["channel", "discovery"]].itertuples(index=False)
        options = [(f"#{channel}{' *' * found}", channel) for channel, found in rows]
        _offer(self.controls["channel"], options, chosen)

    def _offer_photographs(self, side: int, chosen: str | None) -> None:
        name = ("member", "external")[side]
        images = self.material.photographs(side, self.controls[name].value)
        options = [(WHOLE, ""), *((image.rpartition("/")[2], image) for image in images)]
        _offer(self.controls[f"{name} photo"], options, chosen or "")

    def _offer_thresholds(self) -> None:
        """Another tap or channel has another range."""
        tap, channel = self.controls["tap"].value, self.controls["channel"].value
        values, slider = self.material.vector(tap)[:, channel], self.controls["threshold"]
        low, high = float(values.min()), float(values.max())
        high = high if high > low else low + 1  # a channel that is the same for everybody
        with slider.hold_sync():  # widen, move, narrow: no step on the way is refused or shown
            slider.min, slider.max = min(slider.min, low), max(slider.max, high)
            slider.value = default_threshold(self.material, tap, channel)
            slider.min, slider.max, slider.step = low, high, (high - low) / 200
        self.channel_told.value = escape(channel_in_words(self.material, tap, channel))

    def _laid_out(self) -> widgets.Widget:
        some, heading = self.controls, lambda words: widgets.HTML(f"<h4>{words}</h4>")
        left = widgets.VBox([
            some["scenario"], heading("What the model sees"), some["tap"], some["order"],
            some["channel"], self.channel_told, heading("In whom"), some["member"],
            some["member photo"], some["external"], some["external photo"], some["twin"],
            heading("Called a member from where on"), some["threshold"], some["prior"],
            self.threshold_told,
        ], layout=widgets.Layout(flex="1 1 300px", max_width="420px", min_width="0"))  # fmt: skip
        for picture in (self.maps, self.values):
            picture.layout = widgets.Layout(flex="1 1 300px", max_width="500px", min_width="0")
        pictures = widgets.Box(
            [self.maps, self.values],
            layout=widgets.Layout(flex="3 1 620px", flex_flow="row wrap", min_width="0"),
        )
        top = widgets.Box([left, pictures], layout=widgets.Layout(flex_flow="row wrap"))
        box = widgets.VBox([self.about, top, self.map_told, self.map])
        box.add_class("mint-explorer")
        return box


def _controls() -> dict[str, widgets.Widget]:
    """Every control, empty; the page's tab order is theirs."""
    menus = ("scenario", "tap", "member", "member photo", "external", "external photo", "twin")
    found = {name: widgets.Dropdown(description=name) for name in menus}
    for side in ("member", "external"):
        found[f"{side} photo"].description = "photograph"
    found["twin"].description = "beneath"
    orders = [("by effect size", "effect"), ("by number", "number")]
    found["order"] = widgets.Dropdown(options=orders, description="order")
    found["channel"] = widgets.SelectionSlider(options=[("#0", 0)], description="channel")
    found["threshold"] = widgets.FloatSlider(description="threshold", readout_format=".3g")
    priors = [(f"{100 * prior:g} % are members", prior) for prior in PRIORS]
    found["prior"] = widgets.Dropdown(options=priors, value=0.01, description="prior")
    for control in found.values():
        control.style.description_width = "82px"
        control.layout = widgets.Layout(width="98%")
    return found


def _offer(menu: widgets.Widget, options: list, chosen) -> None:
    """Other options and another choice in one message: none in between is sent."""
    with menu.hold_sync():
        menu.options = options
        menu.value = chosen


def _warning(words: str) -> str:
    return f'<div class="mint-warning">{escape(words)}</div>'


def _reports(current: str) -> list[str]:
    try:
        return sorted({*finished_reports(), current})
    except FileNotFoundError:  # the first run is under way
        return [current]
