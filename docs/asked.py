"""The table of results.md on `mint-study ask`: somebody who was used, and somebody who was not.

Two test persons of a finished run, each asked about as a folder of photographs. They are the first
of their side, in the order of their names, who have enough photographs: nobody looked at scores.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from mint_utils.asking.ask import ask
from mint_utils.asking.questions import ACCESS
from mint_utils.reporting.finished import report_of, scenario_of
from mint_utils.sources import open_sources

RUN = "lfw"
PHOTOS = 8  # that the album of a person takes
SIDES = {"member": "was trained on", "external": "was never seen"}


def asked() -> pd.DataFrame:
    """A row a question and what it looks at, a column a person: p-values among ``persons``."""
    report = report_of(RUN)
    faces = pd.read_csv(report / "tables" / "faces.csv", keep_default_na=False)
    columns = {}
    for role, words in SIDES.items():
        with TemporaryDirectory() as folder:
            answer = ask(report, copied(faces, role, Path(folder)), one_person=True, photos=False)
        columns[words] = answer.person.set_index(["contrast", "photos", "access"])
    table = pd.concat({words: rows["p_value"] for words, rows in columns.items()}, axis=1)
    table["persons"] = next(iter(columns.values()))["persons"]
    table["verdict of the rung"] = next(iter(columns.values()))["verdict"]
    table = table.reset_index().round(3)
    return table.assign(access=table["access"].map(ACCESS)).rename(columns={"access": "by"})


def copied(faces: pd.DataFrame, role: str, folder: Path) -> Path:
    """``folder`` with PHOTOS photographs of the first test person of ``role`` with as many."""
    some = faces[(faces["role"] == role) & (faces["split"] == "test")]
    counts = some.groupby("identity")["image_id"].size()
    person = counts[counts >= PHOTOS].index[0]
    rows = some[some["identity"] == person].head(PHOTOS)
    sources = open_sources(scenario_of(report_of(RUN)))
    for number, row in enumerate(rows.itertuples()):
        file = sources[row.source].file_of(row.image_id)
        shutil.copyfile(file, folder / f"{number}{file.suffix}")
    return folder
