"""Hooks that record and a store that cannot be stale, misaligned or half there."""

import copy
import json
import shutil
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from torch import nn

from mint_utils.activations.extract import embeddings, extract
from mint_utils.activations.record import pooled, record, shrunk
from mint_utils.activations.recorded import Activations
from mint_utils.activations.views import VIEWS
from mint_utils.audited import AuditedModel, Preprocess
from mint_utils.audited.iresnet import IResNet
from mint_utils.audited.model import head_summary, named_summary
from mint_utils.faces import FaceSet
from mint_utils.scenario import Extraction

SIDE = 32
TAPS = ("stage1", "stage2", "stage3", "stage4")


@dataclass
class Pictures:
    """A source of noise that counts what is read and can be interrupted at the n-th picture."""

    interrupt_at: int | None = None
    salt: int = 0
    read_ids: list[str] = field(default_factory=list)

    def read(self, image_id: str) -> np.ndarray:
        if len(self.read_ids) == self.interrupt_at:
            raise KeyboardInterrupt
        self.read_ids.append(image_id)
        rng = np.random.default_rng([int(image_id.split("/")[1]), self.salt])
        return rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def pictures(count: int, source: Pictures | None = None, salt: int = 0) -> FaceSet:
    table = pd.DataFrame(
        {
            "image_id": [f"noise/{number}" for number in range(count)],
            "identity": [f"p{number // 4}" for number in range(count)],
            "source": "noise",
            "digest": [f"{number}-{salt}" for number in range(count)],
        }
    )
    return FaceSet(table, {"noise": source or Pictures(salt=salt)})


@pytest.fixture
def model() -> AuditedModel:
    """A small IResNet with random weights, used batch norms and a head."""
    torch.manual_seed(0)
    module = IResNet((4, 6, 8, 10), (1, 1, 1, 1), 12, SIDE)
    with torch.no_grad():
        for _ in range(3):
            module(torch.randn(16, 3, SIDE, SIDE))
    return AuditedModel("small", module, Preprocess(SIDE), TAPS, head=torch.randn(5, 12))


def stages(module: IResNet, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The outputs of the taps, computed without hooks."""
    out = {"stem": module.stem(x)}
    before = "stem"
    for tap in TAPS:
        out[tap] = getattr(module, tap)(out[before])
        before = tap
    out["fc"] = module.fc(module.bn(out["stage4"]).flatten(1))
    return out | {"": module.features(out["fc"])}


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


# Recording


def test_record_equals_a_forward_by_hand(model):
    x = model.preprocess(pictures(4).pixels(SIDE))
    with torch.inference_mode():
        expected = stages(model.module, x)
        with record(model.module, expected) as seen:
            end = model.module(x)
    assert set(seen) == set(expected)
    for tap, value in expected.items():
        torch.testing.assert_close(seen[tap], value, msg=tap)
    torch.testing.assert_close(end, expected[""])


def test_record_equals_facenet_run_child_by_child():
    torch.manual_seed(0)
    module = InceptionResnetV1(pretrained=None).eval()
    children = dict(module.named_children())
    x = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        with record(module, children) as seen:
            module(x)
        assert len(seen) == 17
        for name, child in children.items():
            x = child(x.flatten(1) if name == "last_linear" else x)
            torch.testing.assert_close(seen[name], x, msg=name)


def test_hooks_are_gone_after_the_block_whatever_happened(model):
    with record(model.module, TAPS):
        assert hooks(model.module) == 4
    assert hooks(model.module) == 0
    with pytest.raises(RuntimeError, match="half-way"), record(model.module, TAPS):
        raise RuntimeError("half-way")
    assert hooks(model.module) == 0
    unknown = pytest.raises(ValueError, match="'stage9'.*did you mean 'stage4'.*Choices: stem")
    with unknown, record(model.module, ["stage1", "stage9"]):
        pass
    assert hooks(model.module) == 0


def test_hooks_are_gone_after_an_extraction_that_failed(isolated, model):
    with pytest.raises(KeyboardInterrupt):
        extract(model, pictures(20, Pictures(interrupt_at=9)), how=Extraction(batch_size=4))
    assert hooks(model.module) == 0


def test_a_tap_without_a_tensor_is_refused_by_name():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    module = nn.Sequential(nn.Linear(2, 2), Pair())
    with (
        pytest.raises(TypeError, match="tap '1' puts out a tuple: tap a layer inside it"),
        record(module, ["1"]),
    ):
        module(torch.zeros(1, 2))
    assert hooks(module) == 0


def test_every_shape_is_pooled_to_one_number_a_channel():
    maps = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert pooled(maps).tolist() == [[5.5, 17.5]]
    assert pooled(torch.arange(6.0).reshape(1, 3, 2)).tolist() == [[2, 3]]  # tokens, channels last
    assert pooled(torch.tensor([[1.0, 2.0]])).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("shape", "kept"), [((16, 16), (8, 8)), ((11, 3), (8, 3)), ((7, 7), (7, 7))]
)
def test_maps_are_shrunk_to_eight_by_eight_at_most(shape, kept):
    maps = torch.randn(2, 5, *shape)
    small = shrunk(maps)
    assert small.shape == (2, 5, *kept)
    if shape == (16, 16):
        torch.testing.assert_close(small[0, 0, 0, 0], maps[0, 0, :2, :2].mean())
    if shape == kept:
        torch.testing.assert_close(small, maps)


# Extraction


def test_vectors_and_maps_equal_pooling_by_hand(isolated, model):
    faces = pictures(10)
    kept = np.arange(10) % 3 != 1
    found = extract(model, faces, maps_for=kept, how=Extraction(batch_size=4, shard_size=4))
    x = model.preprocess(faces.pixels(SIDE))
    with torch.inference_mode():
        plain, flip = stages(model.module, x), stages(model.module, x.flip(3))
    for view, expected in (("plain", plain), ("flip", flip)):
        for tap in TAPS:
            by_hand = expected[tap].mean((2, 3)).numpy()
            np.testing.assert_allclose(found.vector(tap, view), by_hand, atol=1e-5, rtol=1e-4)
        np.testing.assert_allclose(found.vector("outcome", view), expected[""], atol=1e-5)
        summary = head_summary(expected[""], model.head, model.head_scale)
        np.testing.assert_allclose(found.vector("head", view), summary, atol=1e-4)
    for tap in TAPS:
        by_hand = nn.functional.adaptive_avg_pool2d(plain[tap], found.maps(tap).shape[2:])
        np.testing.assert_allclose(found.maps(tap), by_hand[kept].half(), atol=2e-3, rtol=2e-3)
    assert found.image_ids == faces.table["image_id"].tolist()
    assert found.mapped.tolist() == kept.tolist()
    assert len(found) == 10


def test_batch_size_makes_no_difference(isolated, monkeypatch, model):
    got = {}
    for size in (1, 7, 64):
        monkeypatch.setenv("MINT_CACHE", str(isolated / str(size)))
        got[size] = extract(
            model,
            pictures(20),
            maps_for=np.ones(20, bool),
            how=Extraction(batch_size=size, shard_size=16),
        )
    for size in (7, 64):
        assert got[size].folder.name == got[1].folder.name
        for name in (*TAPS, "outcome"):
            np.testing.assert_allclose(got[size].vector(name), got[1].vector(name), atol=1e-5)
        np.testing.assert_allclose(
            got[size].vector("head", "flip"), got[1].vector("head", "flip"), atol=1e-4
        )
        np.testing.assert_allclose(got[size].maps("stage1"), got[1].maps("stage1"), atol=2e-3)
    np.testing.assert_allclose(embeddings(model, pictures(20)), got[1].vector("outcome"), atol=1e-5)


def test_shard_size_makes_no_difference(isolated, model):
    kept = np.arange(20) % 2 == 0
    one, many = (
        extract(model, pictures(20), maps_for=kept, how=Extraction(shard_size=n)) for n in (20, 3)
    )
    assert one.folder != many.folder
    assert one.image_ids == many.image_ids
    np.testing.assert_allclose(one.vector("stage3"), many.vector("stage3"), atol=1e-5)
    rows = np.flatnonzero(kept)[::-1].copy()
    np.testing.assert_allclose(one.maps("stage2", rows), many.maps("stage2", rows), atol=2e-3)


def test_maps_come_in_the_order_of_the_rows_asked_for(isolated, model):
    kept = np.arange(20) % 3 != 0
    found = extract(model, pictures(20), maps_for=kept, how=Extraction(shard_size=6))
    mapped = np.flatnonzero(kept)
    every = found.maps("stage1")
    assert every.shape == (len(mapped), 4, 8, 8)
    assert every.dtype == torch.float16
    shuffled = np.random.default_rng(0).permutation(len(mapped))
    assert torch.equal(found.maps("stage1", mapped[shuffled]), every[torch.from_numpy(shuffled)])
    twice = np.array([mapped[5], mapped[5], mapped[0]])
    assert torch.equal(found.maps("stage1", twice), every[[5, 5, 0]])
    # A map belongs to its image: pooled, it is that image's vector.
    np.testing.assert_allclose(
        every.float().mean((2, 3)), found.vector("stage1")[mapped], atol=2e-3, rtol=2e-3
    )


def test_a_glance_at_a_map_is_that_map(isolated, model):
    kept = np.arange(20) % 3 != 0
    found = extract(model, pictures(20), maps_for=kept, how=Extraction(shard_size=6))
    for row in np.flatnonzero(kept):
        assert torch.equal(found.glance("stage2", row), found.maps("stage2", np.array([row]))[0])
    with pytest.raises(ValueError, match="detector samples"):
        found.glance("stage2", 0)
    with pytest.raises(ValueError, match="stage2"):
        found.glance("stage9", 1)


def test_maps_of_images_that_are_not_kept_are_refused(isolated, model):
    found = extract(model, pictures(8), maps_for=np.arange(8) < 4)
    with pytest.raises(ValueError, match="detector samples only: raise detectors.samples"):
        found.maps("stage1", np.array([3, 4]))
    without = extract(model, pictures(8))
    assert not without.mapped.any()
    with pytest.raises(ValueError, match="detector samples"):
        without.maps("stage1", np.array([0]))


def test_unknown_names_are_refused_with_the_choices(isolated, model):
    found = extract(model, pictures(4), maps_for=np.ones(4, bool))
    with pytest.raises(ValueError, match="AAD 'stage9'.*did you mean 'stage4'.*outcome, head"):
        found.vector("stage9")
    with pytest.raises(ValueError, match="view 'mirror'.*Choices: plain, flip"):
        found.vector("stage1", "mirror")
    with pytest.raises(ValueError, match="tap 'outcome'.*stage1"):
        found.maps("outcome")


def test_a_model_without_head_has_no_head_summary(isolated, model):
    found = extract(replace(model, head=None), pictures(4))
    assert not found.has_head
    with pytest.raises(ValueError, match="AAD 'head'"):
        found.vector("head")


def test_ids_of_the_rows_lie_beside_them(isolated, model):
    turned = pictures(10)
    turned = FaceSet(turned.table.iloc[::-1].reset_index(drop=True), turned.sources)
    found, back = (
        extract(model, pictures(10), how=Extraction(shard_size=4)),
        extract(model, turned, how=Extraction(shard_size=4)),
    )
    assert back.image_ids == found.image_ids[::-1]
    np.testing.assert_allclose(back.vector("outcome"), found.vector("outcome")[::-1], atol=1e-5)
    assert Activations(found.folder).image_ids == found.image_ids


def test_half_precision_of_maps_is_the_only_loss(isolated, model):
    found = extract(model, pictures(6), maps_for=np.ones(6, bool))
    assert found.vector("stage1").dtype == np.float32
    assert found.vector("head").shape == (6, 3)


@pytest.mark.parametrize("use", [extract, embeddings])
def test_a_model_can_still_be_used_after_it_was_recorded(isolated, model, use):
    x = model.preprocess(pictures(4).pixels(SIDE))
    use(model, pictures(4))
    model.module(x).sum().backward()


# Views, class centres and names


def test_every_view_is_what_the_model_says_of_the_changed_picture(isolated, model):
    faces = pictures(6)
    found = extract(model, faces, views=tuple(VIEWS), how=Extraction(batch_size=4))
    x = model.preprocess(faces.pixels(SIDE))
    for view, change in VIEWS.items():
        with torch.inference_mode():
            by_hand = stages(model.module, change(x))
        np.testing.assert_allclose(found.vector("outcome", view), by_hand[""], atol=1e-5)
        pooled_by_hand = by_hand["stage2"].mean((2, 3))
        np.testing.assert_allclose(found.vector("stage2", view), pooled_by_hand, atol=1e-5)
    distinct = {found.vector("outcome", view).tobytes() for view in VIEWS}
    assert len(distinct) == len(VIEWS)


def test_an_unknown_view_is_refused_before_anything_is_read(isolated, model):
    source = Pictures()
    with pytest.raises(ValueError, match="view 'mirror'.*Choices: plain, flip, shift"):
        extract(model, pictures(4, source), views=("plain", "mirror"))
    assert source.read_ids == []


def test_a_store_keeps_the_class_centres(isolated, model):
    found = extract(model, pictures(4))
    assert found.head().dtype == torch.float32
    assert torch.equal(found.head(), model.head)
    assert torch.equal(Activations(found.folder).head(), model.head)
    half = extract(replace(model, head=model.head.half()), pictures(4))
    assert half.folder != found.folder
    torch.testing.assert_close(half.head(), model.head, atol=2e-3, rtol=2e-3)
    with pytest.raises(ValueError, match="audited was recorded without class centres"):
        extract(replace(model, head=None), pictures(4)).head()


def test_a_store_lies_where_it_is_asked_to(isolated, model, tmp_path):
    here = extract(model, pictures(4))
    elsewhere = extract(model, pictures(4), root=tmp_path / "elsewhere")
    assert elsewhere.folder == tmp_path / "elsewhere" / "activations" / here.folder.name
    assert files(elsewhere.folder) == files(here.folder)
    source = Pictures()
    extract(model, pictures(4, source), root=tmp_path / "elsewhere")
    assert source.read_ids == []


def named(model: AuditedModel) -> AuditedModel:
    """With names of its five classes; of the persons p0 .. p4 only p1 and p4 are among them."""
    return replace(model, classes=("q", "p4", "r", "p1", "s"))


def test_named_summary_equals_one_person_at_a_time(model):
    rng = np.random.default_rng(0)
    embedding = torch.from_numpy(rng.normal(size=(9, 12)).astype(np.float32))
    who = ["p1", "p4", "q", "p0", "s", "r", "p1", "nobody", "p4"]
    found = named_summary(named(model), embedding, who).numpy()
    head = model.head.numpy()
    for row, person in enumerate(who):
        cosine = {
            name: np.dot(embedding[row], centre)
            / np.linalg.norm(embedding[row]) / np.linalg.norm(centre)
            for name, centre in zip(named(model).classes, head, strict=True)
        }  # fmt: skip
        if person not in cosine:
            assert np.isnan(found[row]).all()
            continue
        own = cosine.pop(person)
        assert found[row] == pytest.approx([own, own - max(cosine.values())], abs=1e-5)


def test_the_margin_of_a_name_leaves_the_own_class_out(model):
    """It is negative for a person whom another class resembles more, and never a flat zero."""
    known = replace(model, head=torch.eye(3, 12), classes=("a", "b", "c"))
    embedding = torch.tensor([[4.0, 3.0, 0.0] + [0.0] * 9])
    margins = [named_summary(known, embedding, [who])[0, 1].item() for who in "abc"]
    assert margins == pytest.approx([0.2, -0.2, -0.8])


def test_names_are_recorded_with_the_images(isolated, model):
    found = extract(named(model), pictures(20), how=Extraction(batch_size=3, shard_size=7))
    assert found.has_names
    identity = pictures(20).table["identity"]
    by_hand = named_summary(named(model), torch.from_numpy(found.vector("outcome")), identity)
    np.testing.assert_allclose(found.vector("named"), by_hand, atol=1e-5)
    known = identity.isin(["p1", "p4"]).to_numpy()
    assert (np.isfinite(found.vector("named")).all(1) == known).all()
    assert found.vector("head").shape == (20, 3)
    assert np.isfinite(found.vector("head")).all()
    with pytest.raises(ValueError, match="view"):
        found.vector("named", "mirror")


def test_a_model_that_knows_nobody_here_has_no_names(isolated, model):
    strangers = extract(replace(model, classes=("v", "w", "x", "y", "z")), pictures(8))
    assert not strangers.has_names
    with pytest.raises(ValueError, match="AAD 'named'"):
        strangers.vector("named")
    assert strangers.folder != extract(model, pictures(8)).folder


def test_who_the_classes_and_the_images_are_is_part_of_the_key(isolated, model):
    one = extract(named(model), pictures(8))
    turned = extract(replace(model, classes=named(model).classes[::-1]), pictures(8))
    faces = pictures(8)
    others = FaceSet(faces.table.assign(identity="p1"), faces.sources)
    renamed = extract(named(model), others)
    assert len({one.folder, turned.folder, renamed.folder}) == 3
    assert np.isfinite(renamed.vector("named")).all()
    np.testing.assert_array_equal(renamed.vector("outcome"), one.vector("outcome"))


def test_a_damaged_shard_with_names_is_redone(isolated, model):
    found = extract(named(model), pictures(12), how=Extraction(shard_size=4))
    whole = files(found.folder)
    broken(found.folder / "vectors-000001.safetensors", "truncated")
    extract(named(model), pictures(12), how=Extraction(shard_size=4))
    assert files(found.folder) == whole


@pytest.mark.parametrize("tap", ["outcome", "named", "batch_norm"])
def test_a_tap_cannot_have_a_name_that_the_store_uses(tap):
    module = nn.Sequential()
    module.add_module(tap, nn.Flatten())
    with pytest.raises(ValueError, match=f"cannot be called '{tap}'"):
        AuditedModel("named", module, Preprocess(SIDE), (tap,))


# What a store is keyed by


def test_whatever_changes_the_content_changes_the_folder(isolated, model):
    faces = pictures(8)
    folders = [extract(model, faces).folder]

    def other(**changes):
        folders.append(extract(**{"model": model, "faces": faces} | changes).folder)

    other(model=replace(model, taps=TAPS[:3]))
    other(model=replace(model, head=None))
    other(model=replace(model, map_size=4))
    other(model=replace(model, preprocess=Preprocess(SIDE, colour="BGR")))
    other(faces=pictures(7))
    other(faces=pictures(8, salt=1))  # the same ids, other pixels
    other(faces=FaceSet(faces.table.iloc[::-1].reset_index(drop=True), faces.sources))
    other(maps_for=np.arange(8) < 2)
    other(views=("plain",))
    other(target="untrained_twin")
    changed = copy.deepcopy(model.module)
    with torch.inference_mode():
        changed.stage1[0].conv1.weight[0, 0, 0, 0] += 1e-4
    other(model=replace(model, module=changed))
    assert len(set(folders)) == len(folders)


def test_what_does_not_change_the_content_reads_nothing_again(isolated, model):
    first = extract(model, pictures(8), maps_for=np.ones(8, bool))
    source = Pictures()
    again = extract(
        replace(model, name="renamed"),
        pictures(8, source),
        maps_for=np.ones(8, bool),
        how=Extraction(batch_size=3),
    )
    assert again.folder == first.folder
    assert source.read_ids == []


def test_another_head_scale_is_another_store(isolated, model):
    one = extract(model, pictures(4))
    other = extract(replace(model, head_scale=1.0), pictures(4))
    assert not np.allclose(one.vector("head"), other.vector("head"))


def test_a_store_that_is_gone_says_what_to_run(isolated, model):
    found = extract(model, pictures(4))
    shutil.rmtree(found.folder)
    with pytest.raises(FileNotFoundError, match="gone: run notebook 03 again"):
        Activations(found.folder)


def test_a_store_with_a_missing_shard_does_not_open(isolated, model):
    found = extract(model, pictures(12), how=Extraction(shard_size=4))
    (found.folder / "vectors-000002.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        Activations(found.folder)


# Interrupted, damaged, full


def broken(file: Path, how: str) -> None:
    if how == "truncated":
        file.write_bytes(file.read_bytes()[:-7])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "noise":
        file.write_bytes(np.random.default_rng(0).bytes(500))
    elif how == "missing":
        file.unlink()
    else:  # another shard's rows under this name
        shutil.copyfile(file.with_name(file.name.replace("000001", "000000")), file)


@pytest.mark.parametrize("kind", ["vectors", "maps"])
@pytest.mark.parametrize("how", ["truncated", "empty", "noise", "missing", "foreign"])
def test_a_damaged_or_foreign_shard_is_redone_and_no_other(isolated, model, kind, how):
    kept = np.ones(12, bool)
    found = extract(model, pictures(12), maps_for=kept, how=Extraction(shard_size=4))
    whole = files(found.folder)
    broken(found.folder / f"{kind}-000001.safetensors", how)
    source = Pictures()
    extract(model, pictures(12, source), maps_for=kept, how=Extraction(shard_size=4))
    assert files(found.folder) == whole
    assert set(source.read_ids) == {f"noise/{number}" for number in range(4, 8)}


@pytest.mark.parametrize("at", [1, 5, 9, 14, 19])
def test_interrupted_and_resumed_is_byte_for_byte_the_same(isolated, monkeypatch, model, at):
    kept = np.arange(20) % 2 == 0
    whole = extract(model, pictures(20), maps_for=kept, how=Extraction(batch_size=2, shard_size=4))
    monkeypatch.setenv("MINT_CACHE", str(isolated / "second"))
    stopped = Pictures(interrupt_at=at)
    with pytest.raises(KeyboardInterrupt):
        extract(
            model, pictures(20, stopped), maps_for=kept, how=Extraction(batch_size=2, shard_size=4)
        )
    resumed = Pictures()
    found = extract(
        model, pictures(20, resumed), maps_for=kept, how=Extraction(batch_size=2, shard_size=4)
    )
    assert files(found.folder) == files(whole.folder)
    # A batch of two is read beforehand, to measure what the disk must hold.
    finished = max(at - 2, 0) // 4 * 4
    assert resumed.read_ids[2:] == [f"noise/{number}" for number in range(finished, 20)]


@pytest.mark.parametrize("where", ["stage2", "outcome"])
def test_nan_names_tap_and_image(isolated, model, where):
    part = model.module.stage2[0].bn3 if where == "stage2" else model.module.features
    with torch.no_grad():
        part.weight[0] = float("nan")
    with pytest.raises(FloatingPointError, match=f"plain/{where} is not .*first is noise/0"):
        extract(model, pictures(4))


def test_nan_of_one_image_names_that_image(isolated):
    class Picky(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = nn.AdaptiveAvgPool2d(1)

        def forward(self, x):
            return torch.log(self.pool(x).flatten(1))  # of the darkest image only not a number

    faces = pictures(12)
    darkest = faces.pixels(SIDE).mean((1, 2)).min(1)  # of three colours
    order = np.argsort(darkest)
    first = order[:2].min()
    assert first > 0, "the first image of all is looked at before work begins"
    preprocess = Preprocess(SIDE, mean=(darkest[order[1]] + darkest[order[2]]) / 2, scale=1)
    model = AuditedModel("picky", Picky(), preprocess, ("pool",))
    with pytest.raises(FloatingPointError, match=f"for 2 images of .*first is noise/{first}:"):
        extract(model, faces)
    one = np.arange(12) != order[0]
    with pytest.raises(FloatingPointError, match=f"for 1 images of .*is noise/{order[1]}:"):
        extract(model, faces.where(one))
    assert len(extract(model, faces.where(one & (np.arange(12) != order[1])))) == 10


FULL_DISK = """
import os, resource, sys
import numpy as np, torch
sys.path.insert(0, sys.argv[1])
from test_activations import *

torch.manual_seed(0)
module = IResNet((4, 6, 8, 10), (1, 1, 1, 1), 12, SIDE)
model = AuditedModel("small", module, Preprocess(SIDE), TAPS)
kept = np.arange(40) >= 8  # vectors of 8 images take 4 kB, maps 13; the first shard has none
for longest in (10_000, resource.RLIM_INFINITY):  # of a file, as on a disk that is full or not
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY))
    try:
        how = Extraction(batch_size=8, shard_size=8)
        found = extract(model, pictures(40), maps_for=kept, how=how)
        print(len(found), found.mapped.sum())
    except OSError as error:
        print(error)
        folder = os.environ["MINT_CACHE"] + "/activations/"
        print(sorted(os.listdir(folder + os.listdir(folder)[0])))
"""


def test_full_disk_says_what_to_do_leaves_no_half_shard_and_is_resumed(isolated):
    pytest.importorskip("resource")
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL_DISK, here], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    words, left, resumed = done.stdout.splitlines()
    assert "could not write" in words
    assert "maps-000001" in words
    assert "set MINT_CACHE to a larger disk" in words
    assert "run the same command again" in words
    assert left == (
        "['images.parquet', 'key.json', 'maps-000000.safetensors', 'vectors-000000.safetensors']"
    )
    assert resumed == "40 32"


def test_a_disk_that_cannot_hold_it_is_refused_before_work_begins(isolated, monkeypatch, model):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 10_000))
    source = Pictures()
    with pytest.raises(OSError, match="GB free: set MINT_CACHE to a larger disk, lower") as error:
        extract(model, pictures(100, source), maps_for=np.ones(100, bool))
    assert "detectors.samples" in str(error.value)
    assert len(source.read_ids) == 64  # one batch


def test_the_store_says_what_it_holds(isolated, model):
    found = extract(model, pictures(4), target="untrained_twin")
    key = json.loads((found.folder / "key.json").read_text())
    assert key["target"] == found.target == "untrained_twin"
    assert key["model"] == model.digest()
    assert key["taps"] == list(TAPS) == found.taps


# Modules that nobody in this repository wrote


def test_a_layer_in_place_behind_a_tap_does_not_change_what_is_kept(isolated):
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 4, 4), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model = AuditedModel("inplace", nn.Sequential(*layers), Preprocess(SIDE), ("0",))
    found = extract(model, pictures(6), maps_for=np.ones(6, bool))
    with torch.inference_mode():
        by_hand = layers[0](model.preprocess(pictures(6).pixels(SIDE)))
    np.testing.assert_allclose(found.vector("0"), by_hand.mean((2, 3)), atol=1e-5)
    np.testing.assert_allclose(found.maps("0"), by_hand.half(), atol=2e-3)


def test_a_tap_called_head_is_refused(isolated):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(3, 7)

        def forward(self, x):
            return self.head(self.pool(x).flatten(1))

    with pytest.raises(ValueError, match="cannot be called 'head'"):
        AuditedModel("named", Named(), Preprocess(SIDE), ("head",), head=torch.randn(2, 7))


def test_large_activations_are_kept_or_refused(isolated, model):
    with torch.no_grad():
        model.module.stage1[0].bn3.weight *= 1e6
    try:
        found = extract(model, pictures(4), maps_for=np.ones(4, bool))
    except FloatingPointError:
        return
    assert torch.isfinite(found.maps("stage1")).all()
