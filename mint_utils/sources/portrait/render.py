"""The order in which a picture is put together.

Every feature is written once, for a face that looks straight ahead, because `place` has
carried each pixel back to where it would lie on such a face. Flat colours are painted first;
`light` then models them with the slopes of a height map of the head, and `photograph` adds
what a camera does.
"""

import numpy as np

from mint_utils.sources.portrait.backdrop import paint_backdrop
from mint_utils.sources.portrait.beard import paint_beard
from mint_utils.sources.portrait.body import paint_body
from mint_utils.sources.portrait.bones import raise_bones
from mint_utils.sources.portrait.camera import photograph
from mint_utils.sources.portrait.eyes import paint_brows, paint_eyes
from mint_utils.sources.portrait.geometry import place
from mint_utils.sources.portrait.glasses import paint_glasses
from mint_utils.sources.portrait.hair import hair_strands, paint_hair, paint_hair_behind
from mint_utils.sources.portrait.light import light
from mint_utils.sources.portrait.mouth import paint_mouth
from mint_utils.sources.portrait.nose import paint_nostrils, raise_nose
from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.shot import Shot
from mint_utils.sources.portrait.skin import paint_ears, paint_skin


def render(person: Person, shot: Shot, size: int = 64) -> np.ndarray:
    """The picture of `person` in `shot`: uint8, shape (size, size, 3), RGB.

    The same arguments always give the same pixels. Good for sizes from 32 to 256.
    """
    rng = np.random.default_rng(shot.noise_seed)
    scene = place(person, shot, size)
    strands = hair_strands(scene, person)
    paint_backdrop(scene, shot, rng)
    paint_hair_behind(scene, person, strands)
    paint_body(scene, person, shot)
    paint_ears(scene, person)
    paint_skin(scene, person)
    raise_bones(scene, person, shot)
    raise_nose(scene, person, shot)
    paint_beard(scene, person, shot, strands)
    paint_mouth(scene, person, shot)
    paint_nostrils(scene, person, shot)
    paint_eyes(scene, person, shot)
    paint_brows(scene, person, shot)
    paint_hair(scene, person, strands)
    paint_glasses(scene, person, shot)
    return photograph(light(scene, shot), scene, shot, rng)
