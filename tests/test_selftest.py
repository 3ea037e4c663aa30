"""The self-test of a model that the study did not train: what is wrong is said, and only that."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from mint_utils.audited import AuditedModel, Preprocess, open_model
from mint_utils.audited.selftest import EACH, PERSONS, _drawn, _others, selftest
from mint_utils.check import described
from mint_utils.faces import FaceSet
from mint_utils.scenario import FolderFaces, MobileFaceNet
from mint_utils.scenario_file import load_scenario
from mint_utils.sources.folders import FolderSource

SIZE = 16


class Portraits:
    """A source of persons whose pictures are a colour and a pattern of their own, and noise."""

    def __init__(self, persons: int = 12, images: int = 4):
        self.persons, self.count = persons, images

    def images(self) -> pd.DataFrame:
        names = [f"p{n:02d}/{i}" for n in range(self.persons) for i in range(self.count)]
        return pd.DataFrame({"image_id": names, "identity": [name[:3] for name in names]})

    def read(self, image_id: str) -> np.ndarray:
        person, number = int(image_id[1:3]), int(image_id[4:])
        base = np.random.default_rng(person).uniform(60, 195, (4, 4, 3)).repeat(4, 0).repeat(4, 1)
        noise = np.random.default_rng(1000 + 50 * person + number).normal(0, 20, base.shape)
        return np.clip(base + noise, 0, 255).astype(np.uint8)


def portraits(**size) -> FaceSet:
    source = Portraits(**size)
    return FaceSet(source.images().assign(source="drawn", role="external"), {"drawn": source})


class Template(nn.Module):
    """Recognises best what comes in as it was made for: colour by colour, and from -1 to 1."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(4)
        weight = torch.tensor([1.0, 0.5, 0.05])  # red says most
        self.register_buffer("weight", weight.view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(x)
        return (self.weight * torch.sin(2 * x)).flatten(1)


def model(module=None, **preprocess) -> AuditedModel:
    takes = Preprocess(SIZE, **({"scale": 127.5} | preprocess))
    return AuditedModel("template", module or Template(), takes, ("pool",))


def warned(lines) -> list[str]:
    return [line for line in lines if line.startswith("warning")]


class BlueIsNoise(Portraits):
    """The same, but blue says nothing: who reads blue for red recognises nobody."""

    def read(self, image_id: str) -> np.ndarray:
        image = super().read(image_id)
        rng = np.random.default_rng(int(image_id[1:3] + image_id[4:]))
        image[..., 2] = rng.integers(0, 256, (4, 4)).repeat(4, 0).repeat(4, 1)
        return image


def noisy_blue(**size) -> FaceSet:
    faces = portraits(**size)
    return FaceSet(faces.table, {"drawn": BlueIsNoise(**size)})


def test_a_model_that_is_opened_as_it_should_be_has_no_warning():
    lines = list(selftest(model(), noisy_blue()))
    assert not warned(lines), lines
    assert "48 numbers an embedding" in lines[0]
    assert "from 16 x 16 pixels in RGB" in lines[0]
    assert "once more 0e+00" in lines[1]
    assert "12 persons of these faces are told apart with AUC" in lines[-1]
    assert "red and blue swapped" in lines[-1] and "pixels from 0 to 1 " in lines[-1]


def test_swapped_colours_are_noticed():
    said = warned(selftest(model(colour="BGR"), noisy_blue()))
    assert "with red and blue swapped these faces are recognised better" in said[0]


def test_a_wrong_range_of_pixels_is_noticed():
    class Narrow(Template):
        def forward(self, x):
            return super().forward(x.clamp(-1, 1) + 1e-3 * x)

    lines = warned(selftest(model(Narrow(), mean=0.0, scale=1.0), portraits()))
    assert "recognised better" in lines[0]


def test_nothing_is_compared_with_itself():
    assert "pixels from -1 to 1" not in _others(Preprocess(SIZE, scale=127.5))
    assert "pixels from -1 to 1" not in _others(Preprocess(SIZE))  # (x - 127.5) / 128
    assert "pixels from 0 to 1" in _others(Preprocess(SIZE))
    assert "pixels from -1 to 1" in _others(Preprocess(SIZE, standardise=True))
    assert "each image standardised" not in _others(Preprocess(SIZE, standardise=True))
    assert len(_others(Preprocess(SIZE, mean=(1.0, 2.0, 3.0)))) == 5


def test_a_random_layer_is_noticed():
    class Random(Template):
        def forward(self, x):
            return super().forward(x + 0.01 * torch.randn_like(x))

    assert "the model is not deterministic" in warned(selftest(model(Random()), portraits()))[0]


def test_an_embedding_that_depends_on_its_neighbours_is_noticed():
    class Batch(Template):
        def forward(self, x):
            return super().forward(x - x.mean(0, keepdim=True) + 1e-3 * x)

    said = warned(selftest(model(Batch()), portraits()))
    assert "depends on the images beside it" in said[0]


def test_normalised_embeddings_are_noticed():
    class Normalised(Template):
        def forward(self, x):
            return nn.functional.normalize(super().forward(x))

    (warning,) = warned(selftest(model(Normalised()), noisy_blue()))
    assert "all embeddings are equally long" in warning and "outcome" in warning


def test_a_model_that_knows_nobody_is_noticed():
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = nn.AvgPool2d(4)

        def forward(self, x):
            return self.pool(x).flatten(1) * 0 + torch.arange(48.0)

    said = " ".join(warned(selftest(model(Blind()), portraits())))
    assert "all faces get the same embedding" in said
    assert "hardly tells these persons apart" in said
    assert "swapping red and blue changes nothing" in said


def test_a_model_that_puts_out_zeros_is_said_to_be_untrained_and_not_random():
    class Dead(Template):
        def forward(self, x):
            return super().forward(x) * 0

    said = " ".join(warned(selftest(model(Dead()), portraits())))
    assert "all faces get the same embedding" in said
    assert "deterministic" not in said


def test_embeddings_that_are_not_finite_are_noticed():
    class Broken(Template):
        def forward(self, x):
            return super().forward(x) / 0.0

    (warning,) = warned(selftest(model(Broken()), portraits()))
    assert "embeddings are not finite" in warning


def test_recognition_is_not_asked_where_no_person_has_two_images():
    lines = list(selftest(model(), portraits(images=1)))
    assert "recognition cannot be asked" in lines[-1]
    assert not warned(lines)


def test_few_faces_are_drawn_those_of_persons_with_several_first():
    faces = portraits(persons=40, images=5)
    single = faces.table["identity"].isin([f"p{n:02d}" for n in range(10)])
    thinned = faces.where(~single | (faces.table.index % 5 == 0))
    drawn = _drawn(thinned, 0)
    counts = drawn.table["identity"].value_counts()
    assert len(counts) == PERSONS
    assert (counts == EACH).all(), "the ten with one image are not needed"
    assert drawn.table.equals(_drawn(thinned, 0).table)
    assert not drawn.table.equals(_drawn(thinned, 1).table)


def test_check_runs_it_for_a_model_that_the_study_does_not_train(isolated, data_folder):
    code = data_folder / "net.py"
    code.write_text(
        "from torch import nn\n"
        "def net():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 5), nn.AdaptiveAvgPool2d(3), nn.Flatten())\n"
    )
    wanted = load_scenario(
        "synthetic_shift",
        {
            "faces.0.persons": 8, "faces.1.persons": 8, "faces.2.persons": 8,
            "faces.0.images": 3, "faces.1.images": 3, "faces.2.images": 3,
            "splits": {"fit": 0, "calibrate": 0, "test": 1}, "detectors": {"methods": []},
            "audited_model": {
                "family": "own", "module": f"{code}:net", "taps": ["0"],
                "preprocess": {"size": 32},
            },
        },
    )  # fmt: skip
    said = "\n".join(described(wanted))
    assert f"audited model: own {code}:net" in said
    assert "self-test: 36 numbers an embedding" in said
    assert "told apart with AUC" in said


def test_check_of_a_model_that_the_study_trains_asks_nothing(isolated):
    wanted = load_scenario("synthetic", tiny=True)
    assert "self-test" not in "\n".join(described(wanted))


# With published weights and real faces: every mistake is noticed, and what is right is not doubted

WAYS = {
    "right": {},
    "swapped": {"colour": "BGR"},
    "from 0 to 1": {"mean": 0.0, "scale": 255.0},
    "standardised": {"standardise": True},
}


@pytest.mark.parametrize("way", WAYS)
def test_mistakes_with_published_weights_are_noticed(real_data, way):
    weights = real_data / "weights" / "mobilefacenet_casia.safetensors"
    if not weights.is_file():
        pytest.skip(f"no {weights.name} here")
    spec = MobileFaceNet(family="mobilefacenet", weights=str(weights))
    wanted = load_scenario("facenet_casia").model_copy(update={"audited_model": spec})
    opened = open_model(wanted, FaceSet(pd.DataFrame(), {}))
    spec = FolderFaces(kind="folders", path=str(real_data / "glint_celebs" / "images"))
    source = FolderSource(spec, 0)
    faces = FaceSet(source.images().assign(source="glint"), {"glint": source})
    wrong = replace(opened, preprocess=replace(opened.preprocess, **WAYS[way]))
    said = warned(selftest(wrong, faces))
    assert len(said) == (way != "right")
    assert all("recognised better" in line for line in said)
