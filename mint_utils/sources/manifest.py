"""A table that names images and persons: CSV or Parquet, with the columns of COLUMNS.

``path`` (of a file under the table's own folder, or absolute, under that or a folder of MINT_DATA)
and ``identity`` are needed.
``image_id`` is how reports call an image (default: its path), ``source`` tells databases of one
table apart, ``role`` is each row's own where the scenario says ``role: column``, and ``group``
(of age, of skin, of anything) is what a report counts false alarms by.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mint_utils import locations
from mint_utils.choices import not_a_choice
from mint_utils.scenario import Role
from mint_utils.sources.files import FileSource, refuse_outside

COLUMNS = ["path", "identity", "image_id", "source", "role", "group"]


class ManifestSource(FileSource):
    """Images of a table; what is in it and not on disk is unreadable, and counted as such."""

    @cached_property
    def table(self) -> Path:
        what = f"the table {self.spec.path!r} (CSV or Parquet with path, identity)"
        return locations.find(self.spec.path, what)

    @property
    def root(self) -> Path:
        return self.table.parent

    def is_here(self) -> bool:
        try:
            return self.table.is_file()
        except FileNotFoundError:
            return False

    def lists(self) -> list[Path]:
        return [self.table]

    def listed(self) -> pd.DataFrame:
        more = {"role": self.spec.role == "column", "group": "group" in self._rows}
        columns = ["identity", *(column for column, is_told in more.items() if is_told)]
        return self._rows[columns].rename_axis("image_id").reset_index()

    def file_of(self, image_id: str) -> Path:
        return self.root / self._rows.at[image_id, "path"]

    @cached_property
    def _rows(self) -> pd.DataFrame:
        """The rows that this source is to show, by image_id. Raises ValueError in words."""
        file = self.table
        rows = _read(file)
        self._need(file, rows, ["path", "identity", *({"image_id"} & {*rows.columns})])
        climbing = rows["path"][rows["path"].str.contains("..", regex=False)]
        climbing = climbing[~climbing.map(os.path.isabs).astype(bool)]
        refuse_outside(file, climbing, "write an absolute path where that is meant")
        if self.spec.source is not None:
            self._need(file, rows, ["source"])
            known = rows["source"].unique()
            if self.spec.source not in known:
                raise ValueError(f"{file}: {not_a_choice('source', self.spec.source, known)}")
            rows = rows[rows["source"] == self.spec.source]
        if self.spec.role == "column":
            self._need(file, rows, ["role"])
            for role in set(rows["role"]) - set(get_args(Role)):
                raise ValueError(f"{file}: {not_a_choice('role', role, get_args(Role))}")
        if rows.empty:
            raise ValueError(f"{file} has no rows: one for each image is needed")
        name = rows["image_id"] if "image_id" in rows else rows["path"]
        if name.duplicated().any():
            twice = f"{name[name.duplicated()].iloc[0]!r} is there twice"
            raise ValueError(f"{file}: the {name.name} {twice}; each row needs one of its own")
        return rows.set_index(f"{self.group}/" + name)

    def _need(self, file: Path, rows: pd.DataFrame, columns: list[str]) -> None:
        """Raise ValueError if a column is not there, or blank in some row."""
        for column in columns:
            if column not in rows:
                raise ValueError(
                    f"{file} has no column {column!r}: it has {', '.join(rows.attrs['columns'])}; "
                    f"{' and '.join(columns)} must be there"
                )
            blank = rows[column].isna() | (rows[column] == "")
            if blank.any():
                row = int(blank.to_numpy().argmax()) + 1
                raise ValueError(f"{file}: row {row} of {len(rows)} has no {column}")


def _read(file: Path) -> pd.DataFrame:
    """The table's COLUMNS as text, so that a person called 0012 or NA stays one.

    Of other columns only the names, for messages, as there may be millions of rows.
    """
    try:
        if file.suffix.lower() in (".parquet", ".pq"):
            with pq.ParquetFile(file) as parquet:
                known = parquet.schema_arrow.names
                table = parquet.read([name for name in COLUMNS if name in known])
            text = pa.schema([(name, pa.large_string()) for name in table.column_names])
            rows = table.cast(text).to_pandas()
        else:
            known = pd.read_csv(file, nrows=0).columns
            rows = pd.read_csv(file, dtype=str, keep_default_na=False, usecols=COLUMNS.__contains__)
            if not isinstance(rows.index, pd.RangeIndex):  # pandas takes the first for names
                raise ValueError("its rows have more values than its first line has columns")
    except (ValueError, OSError, pa.ArrowException) as error:
        raise ValueError(f"{file} is neither CSV nor Parquet: {error}") from error
    rows.attrs["columns"] = list(map(str, known))
    return rows
