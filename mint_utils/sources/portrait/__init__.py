"""Invented people and invented photographs, as plain numbers, and their pictures.

A face-recognition demo needs many people with many photographs of each, and real faces
bring privacy and licence questions with them. Here nobody is real: a `Person` is a few
dozen numbers that never change between pictures (bone structure, skin, hair, features) and a
`Shot` is everything that does change (pose, light, expression, backdrop, camera).
`render` turns one of each into a small picture.

Lengths are in face units: the crop is 2 units wide and high, its centre is the origin,
x points right and y points down. Colours are RGB between 0 and 1, angles are radians.
"""

from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.person_odds import draw_person
from mint_utils.sources.portrait.render import render
from mint_utils.sources.portrait.shot import LOOKS, Shot, draw_shot

__all__ = ["LOOKS", "Person", "Shot", "draw_person", "draw_shot", "render"]
