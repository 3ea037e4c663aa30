"""FRGC as NIST gives it out: signature sets of BEE, with the schema's address or without."""

import pytest
from conftest import drawn_faces
from PIL import Image

from mint_utils.scenario import FrgcFaces
from mint_utils.sources import UnreadableImage
from mint_utils.sources.frgc import FrgcSource

SETS = "BEE_DIST/FRGC2.0/signature_sets/experiments"
TARGET = "FRGC_Exp_2.0.1_Target.xml"
SCHEMA = ' xmlns="http://www.bee-biometrics.org/schemas/sigset/0.1"'
FILES = ["nd1/Fall2002/04201d302.jpg", "nd1/Fall2002/04201d303.jpg", "nd1/Spring2003/04202d10.jpg"]


def presentation(path: str, **more: str) -> str:
    kept = " ".join(f'{key.replace("_", "-")}="{value}"' for key, value in more.items())
    name = path.rpartition("/")[2].partition(".")[0]
    return f'<presentation name="{name}" modality="face" file-name="{path}" {kept}/>'


def simple(*rows: tuple[str, str], schema: str = "") -> str:
    signatures = "".join(
        f'<biometric-signature name="{subject}">{presentation(path, file_format="jpeg")}'
        "</biometric-signature>"
        for path, subject in rows
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<biometric-signature-set{schema}>'
        f"{signatures}</biometric-signature-set>"
    )


ROWS = list(zip(FILES, ["04201", "04201", "04202"], strict=True))
COMPLEX = f"""<biometric-signature-set{SCHEMA}>
 <complex-biometric-signature name="04201">
  <complex-presentation name="04201d302">
   <presentation-component name="texture"><data file-name="{FILES[0]}"/></presentation-component>
   <presentation-component name="shape"><data file-name="nd1/3D/04201d302.abs.gz"/>
   </presentation-component>
  </complex-presentation>
 </complex-biometric-signature>
 <complex-biometric-signature name="04202">{presentation(FILES[2])}{presentation(FILES[2])}
 </complex-biometric-signature>
</biometric-signature-set>"""


@pytest.fixture
def frgc(data_folder):
    """Three photographs of two subjects; one file ends in .JPG, as some of FRGC's do."""
    folder = data_folder / "frgc"
    for path, face in zip(FILES, drawn_faces(3), strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face).save(folder / path)
    (folder / FILES[2]).rename((folder / FILES[2]).with_suffix(".JPG"))
    (folder / SETS).mkdir(parents=True)
    (folder / SETS / TARGET).write_text(simple(*ROWS))
    return folder


def source(**more) -> FrgcSource:
    return FrgcSource(FrgcFaces(kind="frgc", **more), 0)


@pytest.mark.parametrize("schema", ["", SCHEMA], ids=["plain", "with schema"])
def test_photographs_are_listed_under_their_subjects_and_read(frgc, schema):
    (frgc / SETS / TARGET).write_text(simple(*ROWS, schema=schema))
    listed = source().images()
    assert listed["image_id"].tolist() == [f"frgc/{path}" for path in FILES]
    assert listed["identity"].tolist() == ["04201", "04201", "04202"]
    assert all(source().read(image_id).shape == (32, 32, 3) for image_id in listed["image_id"])
    assert source().is_here()


def test_complex_signatures_give_their_photographs_and_no_range_scans(frgc):
    (frgc / SETS / TARGET).write_text(COMPLEX)
    assert source().images().to_numpy().tolist() == [
        [f"frgc/{FILES[0]}", "04201"], [f"frgc/{FILES[2]}", "04202"],
    ]  # fmt: skip


def test_several_sets_are_one_list_without_repetition(frgc):
    (frgc / SETS / "Query.xml").write_text(simple(ROWS[0], ("nd1/new.jpg", "04299")))
    listed = source(signatures=[TARGET, f"{SETS}/Query.xml"]).images()
    assert listed["identity"].tolist() == ["04201", "04201", "04202", "04299"]
    with pytest.raises(UnreadableImage, match="nd1/new.jpg"):
        source(signatures=[TARGET, "Query.xml"]).read("frgc/nd1/new.jpg")


def test_two_subjects_of_one_photograph_are_refused(frgc):
    (frgc / SETS / "Query.xml").write_text(simple((FILES[0], "04299")))
    with pytest.raises(ValueError, match="04201d302.jpg is listed as 04201 and as 04299.*contradi"):
        source(signatures=[TARGET, "Query.xml"]).images()


def test_a_missing_set_is_named_with_its_usual_place(frgc):
    with pytest.raises(FileNotFoundError, match="holds no signature set Exp_9.xml.*BEE_DIST"):
        source(signatures=["Exp_9.xml", TARGET]).images()
    with pytest.raises(FileNotFoundError, match="holds no signature set /nowhere/Exp_9.xml"):
        source(signatures=["/nowhere/Exp_9.xml"]).images()
    with pytest.raises(FileNotFoundError, match="the FRGC folder 'nowhere' not found"):
        source(path="nowhere").images()
    assert not source(signatures=["Exp_9.xml"]).is_here()
    assert not source(path="nowhere").is_here()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is no XML"),
        ("<biometric-signature-set><biometric-sig", "is no XML"),
        ("<html><body>404</body></html>", "lists no photograph .*this is 'html'"),
        (simple(("nd1/3D/a.abs.gz", "1")), "lists no photograph"),
        (simple((FILES[0], "")), "a biometric-signature has no name"),
        (simple(("../secret.jpg", "1")), r"names '\.\./secret.jpg', outside of its folder"),
        (simple(("..\\secret.jpg", "1")), r"names '\.\./secret.jpg', outside of its folder"),
        (simple(("/home/secret.jpg", "1")), "names '/home/secret.jpg', outside of its folder"),
    ],
)
def test_a_foreign_set_is_refused(frgc, content, words):
    (frgc / SETS / TARGET).write_text(content)
    with pytest.raises(ValueError, match=f"{TARGET}:? {words}"):
        source().images()


def test_stamp_follows_the_sets_and_the_photographs(frgc):
    stamps = [source().stamp(), source().stamp()]
    assert stamps[0] == stamps[1]
    (frgc / SETS / TARGET).write_text(simple(*ROWS[:2]))
    stamps.append(source().stamp())
    (frgc / FILES[0]).unlink()
    stamps.append(source().stamp())
    assert len(set(stamps)) == 3


@pytest.mark.parametrize("name", ["../{name}", "{folder}/{name}"])
def test_a_signature_set_elsewhere_is_not_read(frgc, name):
    (frgc.parent / TARGET).write_text(simple(*ROWS))
    outside = name.format(name=TARGET, folder=frgc.parent)
    with pytest.raises(FileNotFoundError, match="holds no signature set"):
        FrgcSource(FrgcFaces(kind="frgc", path="frgc", signatures=(outside,)), 0).images()
