"""Where faces come from, one file a format. A new format is one file and one line here."""

from mint_utils.scenario import Scenario
from mint_utils.sources.adience import AdienceSource
from mint_utils.sources.folders import FolderSource
from mint_utils.sources.frgc import FrgcSource
from mint_utils.sources.ijbc import IjbcSource
from mint_utils.sources.lfw import LfwSource
from mint_utils.sources.manifest import ManifestSource
from mint_utils.sources.recordio import RecordioSource
from mint_utils.sources.source import Source, UnreadableImage
from mint_utils.sources.synthetic import SyntheticSource

__all__ = ["SOURCES", "Source", "UnreadableImage", "open_sources"]

SOURCES = {
    "synthetic": SyntheticSource,
    "folders": FolderSource,
    "lfw": LfwSource,
    "recordio": RecordioSource,
    "adience": AdienceSource,
    "ijbc": IjbcSource,
    "frgc": FrgcSource,
    "manifest": ManifestSource,
}


def open_sources(scenario: Scenario) -> dict[str, Source]:
    """The scenario's sources by group name (the ``source`` column of faces.csv).

    Two sources of one kind need different ``group`` names; raises ValueError if they collide.

    Taught in notebook 01.
    """
    opened: dict[str, Source] = {}
    for spec in scenario.faces:
        group = spec.group or spec.kind
        if group in opened:
            raise ValueError(f"two sources are called {group!r}: give each a `group` of its own")
        opened[group] = SOURCES[spec.kind](spec, scenario.seed)
    return opened
