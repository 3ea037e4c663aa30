"""Hair on the lower face."""

import numpy as np

from mint_utils.sources.portrait.geometry import mouth_line
from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene
from mint_utils.sources.portrait.shot import Shot


def paint_beard(scene: Scene, person: Person, shot: Shot, strands: np.ndarray) -> None:
    """Beard, goatee, moustache and stubble, each with its own opacity."""
    if not (person.beard or person.moustache or person.goatee or person.stubble):
        return
    mouth = mouth_line(person)
    colour = np.array(person.hair_colour) * 0.85
    inside = (scene.radius - 1.0) * 0.6
    cheek = np.square(scene.folded / 0.43) + np.square((scene.down - 0.12) / (mouth - 0.05))
    jaw = (1.0 - np.sqrt(cheek)) * 0.35
    below_ear = np.clip(4.0 * (scene.down + 0.14), 0.0, 1.0)
    if person.stubble:
        shade = scene.cover(np.maximum(jaw + 0.04, inside), 0.16) * below_ear * scene.head
        scene.paint(person.stubble * shade * (1.0 + 0.2 * strands), colour)
    if person.beard:
        full = scene.cover(np.maximum(jaw + 0.008 * strands, inside - 0.05), 0.035) * below_ear
        grown = np.clip(colour[:, None, None] * (1.0 + 0.2 * strands), 0.0, 1.0)
        scene.paint_head(person.beard * full, grown)
    if person.goatee:
        low = mouth + 0.24
        oval = np.square(scene.across / 0.15) + np.square((scene.down - low) / 0.15)
        patch = scene.cover(np.maximum((np.sqrt(oval) - 1.0) * 0.15, inside - 0.04), 0.05)
        scene.paint_head(person.goatee * patch, colour)
    if person.moustache:
        bend = scene.down - mouth + 0.062 - (1.3 - 1.2 * shot.smile) * np.square(scene.across)
        bar = np.maximum(np.abs(bend) - 0.032, scene.folded - person.mouth_width - 0.03)
        scene.paint(person.moustache * scene.cover(bar + 0.01 * strands, 0.025), colour)
