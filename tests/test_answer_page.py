"""The answer as a page: nothing from the network, nothing unescaped, no face unless asked for."""

import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from finished_report import written

from mint_utils.asking.answer_page import write_page
from mint_utils.asking.answers import in_short, in_words
from mint_utils.asking.ask import ask

HOSTILE = "<img src=x onerror=alert(1)>&'\".png"


@pytest.fixture(scope="module")
def answer(finished, tmp_path_factory):
    """Of four images of one person, one with a hostile name, one broken."""
    folder = tmp_path_factory.mktemp("asked") / "<script>alert(2)<"
    written(finished.faces, finished.rows("test", "external")[:4], folder)
    first = sorted(folder.iterdir())[0]
    first.rename(folder / HOSTILE)
    shutil.copyfile(folder / HOSTILE, folder / "copy.png")
    (folder / "<b>broken.png").write_text("words")
    return ask(finished.report, folder, one_person=True)


@pytest.fixture
def page(answer, tmp_path) -> str:
    return write_page(answer, tmp_path / "answer.html").read_text()


def test_names_are_escaped(page):
    assert "&lt;img src=x onerror" in page and "&lt;b&gt;broken" in page
    assert "<img" not in page and "<script" not in page and "<b>broken" not in page


def test_nothing_is_asked_of_the_network_and_no_script_may_run(page):
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert not re.search(r"(src|href)=[\"']?https?:|url\(|<link|@import", page)


def test_the_page_says_what_the_words_say(answer, page):
    text = re.sub(r"<[^>]+>", " ", page).replace("&#39;", "'").replace("&#34;", '"')
    for line in [*answer.notes, *answer.shows, *answer.warnings, in_short(answer)]:
        assert line.replace("<", "&lt;").replace(">", "&gt;") in text.replace("&amp;", "&"), line
    for row in answer.person.to_dict("records"):
        assert f"{row['p_value']:.2f}" in page
    assert f"IN SHORT: {in_short(answer)}" in in_words(answer)


def test_faces_are_shown_only_where_that_is_asked(answer, page, tmp_path):
    assert "data:image" not in page
    shown = write_page(answer, tmp_path / "faces.html", with_faces=True).read_text()
    assert shown.count('src="data:image/jpeg') == len(answer.faces)


def test_ranks_are_not_called_p_values(answer, tmp_path):
    ranked = replace(answer, photos=True)
    text = write_page(ranked, tmp_path / "a.html").read_text()
    assert "p-value" not in text and ">Rank<" in text
    assert "only a rank among the run" in text


def short(answer, p: float, verdict: str = "membership shown", **changes) -> str:
    rows = answer.person.assign(p_value=p, smallest_p=0.01, verdict=verdict)
    return in_short(replace(answer, person=rows, **changes))


def test_in_short_is_careful(answer):
    assert "cannot say" in short(answer, 0.01, "cannot tell")
    assert "Nothing unusual" in short(answer, 0.4) and "does not show" in short(answer, 0.4)
    high = short(answer, 0.01)
    assert "by every method" in high and "by a rare chance" in high
    assert "taken in another way than the run's" in short(answer, 0.01, photos=True)
    nobody = replace(answer, person=pd.DataFrame(columns=answer.person.columns))
    images = nobody.images.assign(verdict="membership shown", smallest_p=0.01)
    assert "Among the highest twentieth" in in_short(replace(nobody, images=images))
    few = images.assign(smallest_p=1 / 6, p_value=1 / 6, persons=5)
    assert "Above the photographs of all 5 strangers" in in_short(replace(nobody, images=few))
