"""What ``mint-study init`` reads off files, and that what it writes can be checked."""

import shutil

import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from mint_utils import locations
from mint_utils.audited.insightface import InsightIResNet
from mint_utils.cli import app
from mint_utils.new_scenario import described_faces, described_model, write_scenario
from mint_utils.scenario_file import ScenarioError, load_scenario


@pytest.fixture
def scenarios(data_folder, monkeypatch):
    """A folder for new scenarios, and two folders of faces beside it."""
    monkeypatch.setattr(locations, "SCENARIOS", data_folder / "scenarios")
    (data_folder / "scenarios").mkdir()
    for side in ("ours", "others"):
        for person in range(12):
            folder = data_folder / side / f"{side}_{person}"
            folder.mkdir(parents=True)
            for number in range(3):
                picture = Image.effect_noise((112, 112), 10 + person + number).convert("RGB")
                picture.save(folder / f"{number}.png")
    return data_folder


def test_formats_are_read_off_the_files(scenarios):
    assert described_faces(scenarios / "ours") == {"kind": "folders", "path": "ours"}
    deep = scenarios / "deep" / "Asian" / "m.1"
    deep.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(deep / "1.jpg")
    assert described_faces(scenarios / "deep")["depth"] == 2
    (scenarios / "rec").mkdir()
    for name in ("train.rec", "train.idx"):
        (scenarios / "rec" / name).write_bytes(b"")
    assert described_faces(scenarios / "rec")["kind"] == "recordio"
    (scenarios / "fold_0_data.txt").write_text("")
    assert described_faces(scenarios)["kind"] == "adience"
    (scenarios / "list.csv").write_text("")
    assert described_faces(scenarios / "list.csv")["kind"] == "manifest"
    with pytest.raises(ScenarioError, match="nothing at .*nowhere: name a folder"):
        described_faces(scenarios / "nowhere")
    (scenarios / "empty").mkdir()
    with pytest.raises(ScenarioError, match="no set of faces .*one folder a person"):
        described_faces(scenarios / "empty")


@pytest.mark.parametrize("depth", [18, 34, 50, 100])
def test_architecture_and_depth_are_read_off_the_weights(scenarios, depth):
    with torch.device("meta"):
        names = InsightIResNet(depth).state_dict()
    torch.save({k: torch.zeros(1) for k in names}, scenarios / "backbone.pth")
    assert described_model(str(scenarios / "backbone.pth")) == {
        "family": "insightface", "depth": depth, "weights": "backbone.pth",
    }  # fmt: skip


def test_weights_of_the_study_are_known(real_data):
    for file, family in (("facenet_casia", "facenet"), ("mobilefacenet_casia", "mobilefacenet")):
        weights = real_data / "weights" / f"{file}.safetensors"
        assert described_model(str(weights))["family"] == family


def test_other_models_are_named_or_refused(scenarios):
    (scenarios / "mine.py").write_text("")
    assert described_model(f"{scenarios}/mine.py:build")["module"] == "mine.py:build"
    assert described_model("package.module:build")["module"] == "package.module:build"
    torch.save({"a.weight": torch.zeros(1)}, scenarios / "unknown.pth")
    with pytest.raises(ScenarioError, match="none of the architectures .* a.weight"):
        described_model(str(scenarios / "unknown.pth"))
    with pytest.raises(ScenarioError, match="no model at"):
        described_model(str(scenarios / "missing.pth"))


def test_what_the_command_writes_can_be_checked(real_data, scenarios):
    persons = [
        f for f in sorted((real_data / "lfw" / "images").iterdir()) if len(list(f.iterdir())) > 2
    ]
    for number, person in enumerate(persons[:24]):
        side = scenarios / ("ours", "others")[number % 2]
        shutil.copytree(person, side / person.name)
    for noise in scenarios.glob("o*/o*_*"):
        shutil.rmtree(noise)
    torch.manual_seed(0)
    torch.save(InsightIResNet(18).state_dict(), scenarios / "backbone.pth")
    answers = "\n".join(
        [str(scenarios / "backbone.pth"), str(scenarios / "ours"), str(scenarios / "others"),
         'the vendor, "Faces: #1"', "n"]
    )  # fmt: skip
    done = CliRunner().invoke(app, ["init", "ours"], input=answers + "\n")
    assert done.exit_code == 0, done.output
    assert "Next: mint-study check ours" in done.output
    scenario = load_scenario("ours")
    assert scenario.attested_by == 'the vendor, "Faces: #1"'
    assert [source.role for source in scenario.faces] == ["member", "external"]
    assert "# a person" in (scenarios / "scenarios" / "ours.yml").read_text()
    checked = CliRunner().invoke(app, ["check", "ours", "--tiny"])
    assert checked.exit_code == 0, checked.output
    assert "audited model: " in checked.output


def test_nothing_is_overwritten_and_no_name_leaves_the_folder(scenarios):
    torch.save(InsightIResNet(18).state_dict(), scenarios / "backbone.pth")
    given = (scenarios / "ours", scenarios / "others", str(scenarios / "backbone.pth"), "us", True)
    file = write_scenario("ours", *given)
    assert yaml.safe_load(file.read_text())["faces"][0]["align"] is True
    with pytest.raises(ScenarioError, match="there already: choose another name"):
        write_scenario("ours", *given)
    for name in ("../ours", "a/b", "", ".hidden"):
        with pytest.raises(ScenarioError, match="cannot be a scenario's name"):
            write_scenario(name, *given)
    assert [f.name for f in (scenarios / "scenarios").iterdir()] == ["ours.yml"]


def test_a_wrong_answer_is_explained_and_asked_again(scenarios, tmp_path):
    torch.save(InsightIResNet(18).state_dict(), scenarios / "backbone.pth")
    (scenarios / "empty").mkdir()
    answers = [
        scenarios / "backbon.pth", scenarios / "backbone.pth", scenarios / "empty",
        scenarios / "ours", scenarios / "nowhere", scenarios / "others", "us", "n",
    ]  # fmt: skip
    mine = tmp_path / "mine.yml"
    done = CliRunner().invoke(app, ["init", str(mine)], input="\n".join(map(str, answers)) + "\n")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    for words in ("no model at", "is no set of faces", "there is nothing at"):
        assert f"Error: {words}" in said or words in said
    assert load_scenario(str(mine)).faces[0].path == "ours", "a file may lie anywhere"
    assert not list((scenarios / "scenarios").iterdir())


def test_a_wrong_option_stops_and_nothing_is_asked(scenarios):
    done = CliRunner().invoke(app, ["init", "ours", "--model", str(scenarios / "missing.pth")])
    assert done.exit_code == 2 and "no model at" in done.output
    assert "Faces" not in done.output
    with pytest.raises(ScenarioError, match="no folder .* to write mine.yml into"):
        write_scenario(str(scenarios / "no" / "mine.yml"), scenarios, scenarios, "", "", False)


def test_check_says_what_is_left_to_fill_in(scenarios):
    (scenarios / "model.onnx").write_bytes(b"")
    sides = (scenarios / "ours", scenarios / "others")
    write_scenario("ours", *sides, str(scenarios / "model.onnx"), "us", False)
    checked = CliRunner().invoke(app, ["check", "ours"])
    assert checked.exit_code == 1
    assert "audited_model.taps: must name at least 1" in checked.output
