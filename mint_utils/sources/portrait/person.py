"""Who a person is: what stays the same in every picture."""

from dataclasses import dataclass

from mint_utils.sources.portrait.colour import Colour


@dataclass(frozen=True)
class Person:
    """What stays the same in every picture of one person (face units, see the package)."""

    # Bones
    skull_width: float  # half width at the cheekbones
    skull_height: float  # from the eye line to the crown
    jaw_width: float  # relative widening (+) or narrowing (-) of the jaw
    jaw_square: float  # 0 oval, 1 square
    chin_length: float  # from the eye line to the chin
    chin_width: float
    chin_cleft: float
    cheek_width: float
    cheek_bone: float  # how far the cheekbones stand out
    asymmetry: float  # signed skew of the whole face
    # Skin
    skin_colour: Colour
    blush: float  # redness of cheeks and nose
    freckles: float  # 0 none, 1 many
    mole_x: float
    mole_y: float
    mole_size: float  # radius, 0 for no mole
    age: float  # 0 smooth, 1 deep lines
    # Hair
    hair_style: str  # one of the styles in person_odds
    hair_colour: Colour
    hairline: float  # height of the hairline, negative is up
    hair_volume: float
    hair_part: float  # where along x the parting sits
    hair_wave: float
    beard: float  # opacity of each kind of beard
    moustache: float
    goatee: float
    stubble: float
    # Brows and eyes
    brow_thickness: float
    brow_angle: float
    brow_arch: float
    brow_gap: float  # height over the eye
    brow_inner: float  # distance of the inner end from the nose line
    eye_size: float  # half width of one eye
    eye_opening: float  # height over width
    eye_spacing: float  # centre of one eye from the nose line
    eye_tilt: float
    lid_crease: float  # distance of the fold over the lid, 0 for no fold
    lashes: float
    iris_colour: Colour
    # Nose, mouth, ears
    nose_length: float
    nose_width: float
    nose_tip: float  # radius of the ball of the nose
    nose_bridge: float  # 0 flat, 1 high
    nose_bend: float
    philtrum: float  # from the nose to the mouth
    mouth_width: float
    upper_lip: float
    lower_lip: float
    cupid_bow: float
    lip_red: float
    ear_size: float
    ear_out: float

    @property
    def texture_phase(self) -> float:
        """A number that fixes the pattern of hair strands and freckles for this person."""
        return 97.0 * (self.skull_width + self.nose_width + self.mouth_width)
