"""The answer on one page, to be read, printed or mailed: no script, nothing from the network.

Its look and wording lie in ``pages/``. It shows no photograph unless that is asked for.
"""

import base64
from io import BytesIO
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from PIL import Image

from mint_utils.asking import answers
from mint_utils.asking.answers import Answer
from mint_utils.asking.questions import ACCESS, photographs, question
from mint_utils.evidence.verdict import EXPLAINED, SHOWN

PAGES = Path(__file__).parents[1] / "pages"
FACE = 112  # pixels of a face on the page, if any


def write_page(answer: Answer, file: Path, with_faces: bool = False) -> Path:
    """Write ``answer`` as a self-contained page; returns its path. ``with_faces`` shows the faces.

    Raises OSError if ``file`` cannot be written.

    Taught in notebook 09.
    """
    pages = Environment(loader=FileSystemLoader(PAGES), autoescape=True)
    page = pages.get_template("answer.html.j2").render(
        css=Markup((PAGES / "style.css").read_text("utf-8")),
        answer=answer,
        asked=photographs(answer.images["unit"].nunique()),
        in_short=answers.in_short(answer),
        read_how=answers.read_how(answer),
        access=[ACCESS[word] for word in answer.images["access"].unique()],
        together=[_shaped(answer, rows) for rows in answers.together(answer)],
        image_question=question(answer.images),
        of_images=answers.of_hundred(answer, answer.images),
        each=_each(answer, with_faces),
        with_faces=with_faces,
    )
    file.write_text(page, "utf-8", errors="backslashreplace")
    return file


def _shaped(answer: Answer, rows) -> dict:
    """A table of the page: what is asked, and a row for each kind of access."""
    return {
        "title": "The folder" if rows["unit_kind"].iloc[0] == "folder" else "The person",
        "question": question(rows),
        "of_hundred": answers.of_hundred(answer, rows),
        "rows": [
            row | {"looks_at": ACCESS[row["access"]], "said": answers.so_many(row)}
            | {"shown": row["verdict"] == SHOWN, "explained": row["verdict"] == EXPLAINED}
            for row in answers.records(rows)
        ],
    }  # fmt: skip


def _each(answer: Answer, with_faces: bool) -> list[dict]:
    """A row an image: its face, what is said of it, and its numbers in the order of access."""
    numbers = dict(list(answer.images.groupby("unit", sort=False)))
    rows = []
    for place, row in enumerate(answers.records(answer.quality)):
        own = answers.records(numbers[row["image_id"]])
        face = _picture(answer.faces.read(place)) if with_faces else None
        said = [(answers.so_many(one), one["p_value"]) for one in own]
        rows.append(row | {"numbers": said, "face": face, "about": answers.face_in_words(row)})
    return rows


def _picture(face) -> str:
    """A face as a data URI."""
    file = BytesIO()
    Image.fromarray(face).resize((FACE, FACE), Image.Resampling.BILINEAR).save(file, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
