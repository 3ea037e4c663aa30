"""Views of an image: small changes that depend on nothing but the image."""

import pytest
import torch

from mint_utils.activations.views import CHANGED, VIEWS

SIZES = [32, 33, 47, 160]


def pictures(count: int, size: int, seed: int = 0) -> torch.Tensor:
    """Preprocessed noise, all of it positive and different at every place."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size, size, generator=generator)


def test_plain_comes_first_and_changes_nothing():
    x = pictures(2, 32)
    assert next(iter(VIEWS)) == "plain"
    assert torch.equal(VIEWS["plain"](x), x)
    assert tuple(VIEWS)[1:] == CHANGED


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_a_picture_of_the_same_shape_and_type(view, size):
    for x in (pictures(3, size), pictures(3, size).to(memory_format=torch.channels_last)):
        before = x.clone()
        seen = VIEWS[view](x)
        assert seen.shape == x.shape
        assert seen.dtype == x.dtype
        assert torch.isfinite(seen).all()
        assert torch.equal(x, before), "the picture itself is left as it was"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", CHANGED)
def test_a_view_differs_a_little_from_its_picture(view, size):
    coarse = torch.nn.functional.interpolate(pictures(4, 4), size=(size, size), mode="bilinear")
    x = coarse + 0.1 * pictures(4, size, seed=1)
    off = (VIEWS[view](x) - x).abs().mean((1, 2, 3))
    assert (off > 0.005).all()
    if view != "flip":
        apart = (x[:, None] - x[None]).abs().mean((2, 3, 4))[~torch.eye(4, dtype=torch.bool)]
        assert off.max() < 0.7 * apart.min()


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_the_same_whenever_it_is_computed(view):
    x = pictures(3, 40)
    torch.manual_seed(1)
    first = VIEWS[view](x)
    torch.manual_seed(2)
    torch.rand(7)
    assert torch.equal(VIEWS[view](x), first)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_the_same_with_whatever_pictures_it_is_computed(view):
    x = pictures(5, 33)
    together = VIEWS[view](x)
    for row in range(5):
        assert torch.equal(VIEWS[view](x[row : row + 1])[0], together[row])
    turned = torch.tensor([3, 0, 4, 2, 1])
    assert torch.equal(VIEWS[view](x[turned]), together[turned])


@pytest.mark.parametrize("view", VIEWS)
def test_two_pictures_never_mix(view):
    x = pictures(3, 32)
    changed = x.clone()
    changed[1] = 9.0
    before, after = VIEWS[view](x), VIEWS[view](changed)
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert not torch.equal(before[1], after[1])


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "noise"])
def test_two_colours_never_mix(view):
    x = pictures(2, 32)
    changed = x.clone()
    changed[:, 2] = 9.0
    assert torch.equal(VIEWS[view](x)[:, :2], VIEWS[view](changed)[:, :2])


@pytest.mark.parametrize("size", SIZES)
def test_flipped_twice_is_plain(size):
    x = pictures(2, size)
    flip = VIEWS["flip"]
    assert torch.equal(flip(flip(x)), x)
    assert torch.equal(flip(x)[:, :, 5, 0], x[:, :, 5, -1]), "left and right, not up and down"


@pytest.mark.parametrize("size", SIZES)
def test_noise_is_the_same_for_every_picture(size):
    x = pictures(4, size)
    pattern = VIEWS["noise"](x) - x
    assert (pattern - pattern[0]).abs().max() < 1e-6
    other = VIEWS["noise"](pictures(2, size, seed=1)) - pictures(2, size, seed=1)
    assert (other - pattern[0]).abs().max() < 1e-6
    assert pattern[0].std() == pytest.approx(0.1, rel=0.05)
    assert pattern[0].mean().abs() < 0.01


@pytest.mark.parametrize(("size", "by"), [(32, 2), (33, 2), (160, 10)])
def test_shift_moves_right_and_down_and_repeats_the_rim(size, by):
    x = pictures(2, size)
    seen = VIEWS["shift"](x)
    assert torch.equal(seen[..., by:, by:], x[..., :-by, :-by])
    assert torch.equal(seen[..., 0, 0], x[..., 0, 0])
    assert torch.equal(seen[..., by - 1, by:], x[..., 0, :-by])


def test_scale_shows_the_middle_larger():
    x = torch.zeros(1, 3, 160, 160)
    x[..., 40:120, 40:120] = 1
    seen = VIEWS["scale"](x)
    assert (seen > 0.5).sum() / (x > 0.5).sum() == pytest.approx(1 / 0.9**2, rel=0.02)
    assert seen[..., 80, 80].min() == 1
    rows = (seen[0, 0] > 0.5).any(1).nonzero().flatten()
    assert rows.min() + rows.max() == 159, "the middle stays where it is"


def test_blur_takes_the_fine_detail_and_leaves_the_coarse():
    checks = torch.zeros(1, 3, 32, 32)
    checks[..., ::2, ::2] = 1
    checks[..., 1::2, 1::2] = 1
    assert VIEWS["blur"](checks).std() < 0.01
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    assert (VIEWS["blur"](ramp) - ramp)[..., 2:-2].abs().max() < 1e-5
