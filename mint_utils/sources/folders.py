"""Identity folders: one folder a person, images inside (VGGFace2, CASIA-WebFace, BUPT, LFW)."""

from pathlib import Path

import pandas as pd

from mint_utils.sources.files import IMAGE_ENDINGS, FileSource

HIDDEN = (".", "__MACOSX")  # left by notebooks, archives and file managers


class FolderSource(FileSource):
    """Images of ``root/PERSON/FILE``; the folder's name is the identity.

    With ``depth: 2`` of ``root/RACE/PERSON/FILE`` (BUPT); RACE is then the ``group`` by which a
    report counts false alarms. Persons of one name under two folders are two, told by the names
    of all.
    """

    @property
    def depth(self) -> int:
        return getattr(self.spec, "depth", 1)

    def listed(self) -> pd.DataFrame:
        root = self.root
        if not root.is_dir():
            raise NotADirectoryError(f"{root} is a file; a folder of person folders is needed")
        persons = _folders(root, self.depth)
        names = pd.Series([person.name for person in persons], dtype=str)
        twice = set(names[names.duplicated()])
        rows = [
            (f"{self.group}/{file.relative_to(root)}", _name(person, root, twice))
            for person in persons
            for file in sorted(person.iterdir())
            if _is_image(file)
        ]
        if not rows:
            raise ValueError(self._nothing_found(root))
        table = pd.DataFrame(rows, columns=["image_id", "identity"])
        if self.depth > 1:
            table["group"] = table["image_id"].str.split("/").str[-3]
        return table

    def _nothing_found(self, root: Path) -> str:
        """What to do where ``depth`` leads to no image."""
        for depth in (1, 2, 3):
            if any(_is_image(f) for person in _folders(root, depth) for f in person.iterdir()):
                return (
                    f"no images in folders {self.depth} deep in {root}, but there are {depth} "
                    f"deep: say `depth: {depth}` in the scenario"
                )
        return (
            f"no images in {root}: expected one folder a person with "
            f"{', '.join(sorted(IMAGE_ENDINGS))} files inside, as in {root}/Some_Person/1.jpg"
        )


def _folders(root: Path, depth: int) -> list[Path]:
    """Folders ``depth`` below ``root``, in order; hidden ones and what is in them left out."""
    here = [root]
    for _ in range(depth):
        here = [
            path
            for folder in here
            for path in sorted(folder.iterdir())
            if path.is_dir() and not path.name.startswith(HIDDEN)
        ]
    return here


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_ENDINGS and not file.name.startswith(HIDDEN)


def _name(person: Path, root: Path, twice: set[str]) -> str:
    return str(person.relative_to(root)) if person.name in twice else person.name
