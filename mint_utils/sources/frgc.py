"""FRGC 2.0 (Phillips et al. 2005): photographs listed by signature sets, the XML files of BEE.

A ``biometric-signature`` or ``complex-biometric-signature`` is named after the subject; somewhere
inside, a ``presentation`` (or ``data``) names a file, relative to the folder of the database.
"""

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from mint_utils.sources.files import IMAGE_ENDINGS, FileSource, refuse_outside

SIGNATURES = ("biometric-signature", "complex-biometric-signature")
ENDINGS = IMAGE_ENDINGS | {".ppm"}  # and no range scans (.abs.gz), which are listed as well


class FrgcSource(FileSource):
    """Subjects are called as in the signature sets, such as 02463."""

    what = "the FRGC folder"

    def is_here(self) -> bool:
        try:
            return bool(self.lists())
        except FileNotFoundError:
            return False

    def lists(self) -> list[Path]:
        """The signature sets. Raises FileNotFoundError that says where they usually lie."""
        root = self.root
        found = [self._signature_set(root, name) for name in self.spec.signatures]
        missing = [n for n, file in zip(self.spec.signatures, found, strict=True) if file is None]
        if missing:
            raise FileNotFoundError(
                f"{root} holds no signature set {' and no '.join(missing)}: it comes with FRGC, in "
                "BEE_DIST/FRGC2.0/signature_sets/experiments, and must lie somewhere under that "
                "folder. data/README.md says how to get FRGC."
            )
        return found

    def _signature_set(self, root: Path, name: str) -> Path | None:
        if Path(name).is_absolute() or ".." in Path(name).parts or not name:
            return None
        if (root / name).is_file():
            return root / name
        return next(iter(sorted(root.rglob(name))), None)

    def listed(self) -> pd.DataFrame:
        rows = [row for file in self.lists() for row in _presentations(file)]
        table = pd.DataFrame(rows, columns=["image_id", "identity"]).drop_duplicates()
        table["image_id"] = f"{self.group}/" + table["image_id"]
        twice = table[table["image_id"].duplicated(keep=False)]
        if len(twice):
            raise ValueError(
                f"{twice['image_id'].iloc[0]} is listed as {' and as '.join(twice['identity'][:2])}"
                f": {', '.join(self.spec.signatures)} contradict each other"
            )
        return table.reset_index(drop=True)

    def file_of(self, image_id: str) -> Path:
        """FRGC's own lists write .jpg for files that end in .JPG."""
        file = super().file_of(image_id)
        turned = file.with_suffix(file.suffix.swapcase())
        return turned if turned.is_file() and not file.is_file() else file


def _presentations(file: Path) -> list[tuple[str, str]]:
    """(path, subject) of every photograph in a signature set. Raises ValueError if it is none."""
    try:
        root = ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{file} is no XML: {error}") from error
    rows = []
    for signature in root.iter():
        if _name(signature) not in SIGNATURES:
            continue
        if not signature.get("name"):
            raise ValueError(f"{file}: a {_name(signature)} has no name, and so tells nobody")
        named = [element.get("file-name") for element in signature.iter()]
        photographs = [name for name in named if name and Path(name).suffix.lower() in ENDINGS]
        rows += [(path.replace("\\", "/"), signature.get("name")) for path in photographs]
    if not rows:
        raise ValueError(
            f"{file} lists no photograph ({', '.join(sorted(ENDINGS))}): expected a BEE signature "
            f"set, with {SIGNATURES[0]} elements; this is {_name(root)!r}"
        )
    refuse_outside(file, pd.Series([path for path, _ in rows]))
    return rows


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]  # with the schema's address in front or without
