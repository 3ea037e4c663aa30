"""What every figure of a report draws, for whoever cannot see it; and which of them show faces.

A caption says what to conclude. A description says what there is to be seen, whatever came out:
the numbers are in the tables of the report.
"""

from mint_utils.choices import not_a_choice

SHOW_FACES = {"faces_by_role", "activation_maps", "activation_maps_twin", "maps_of_one_channel"}

DESCRIPTIONS = {
    "faces_by_role": "Photographs of faces in one block a role, members, held out and externals; "
    "each row of a block shows up to five images of one person.",
    "parity": "A dot with a horizontal interval for each property of the pictures, such as "
    "brightness and sharpness, on an axis from 0 to 1 with a dotted line at 0.5; at the right the "
    "medians of both sides.",
    "images_by_split": "Horizontal bars for fit, calibrate and test, one a role; their length is "
    "the number of persons, and the number of images is written at their ends.",
    "training_loss": "A line that follows the training loss from the first epoch to the last.",
    "verification": "Two histograms on one axis of cosines: pairs of photographs of one person in "
    "green, pairs of two persons in grey.",
    "activation_maps": "A grid of small pictures: each row starts with a face, then follow its "
    "activation maps, three channels of every tap, bright where the activation is high.",
    "activation_maps_twin": "The same grid of faces and activation maps, of the untrained twin.",
    "per_tap_separation": "Bars for every tap, one for the audited model and one for each control; "
    "a black tick across each bar marks what chance reaches.",
    "score_distributions": "Histograms of scores laid over one another: members in dark blue, held "
    "out in light blue, externals in orange.",
    "score_distributions_pixels": "The same histograms of the scores that the pixels alone give.",
    "detectors_beside_controls": "A row for each method with one point and interval a model: the "
    "audited model in blue, the untrained twin in orange, reference twins in pink. A grey band "
    "over all rows is the best method on pixels, a dotted line is chance.",
    "access_ladder": "One panel a question, points with vertical intervals: from left to right "
    "one photo and albums of more, in the colour of what the auditor is given. Full points: "
    "membership is shown; hollow ones: it is not; grey diamonds: the best control.",
    "roc": "Curves of the true-positive rate over the false-positive rate with shaded bands, one "
    "for the audited model and one for each control, above the dotted diagonal or along it.",
    "roc_log": "The same curves with the false-positive rate on a logarithmic axis.",
    "maps_of_one_channel": "A row for the audited model and one for the untrained twin: a member's "
    "face and an external's, the maps of one channel for both, and the difference of the two maps, "
    "blue where the member's is higher.",
    "values_of_one_channel": "Histograms of one channel over all images, members in dark blue and "
    "externals in orange, with a line for each of the two images and one for the threshold.",
    "roc_of_one_channel": "The channel's curve of true-positive over false-positive rate above a "
    "dotted diagonal, with a point at the threshold and a bar to its right.",
    "map_of_embeddings": "A cloud of points, one an image, in the two directions in which "
    "embeddings vary most, in the colours of the roles.",
}  # fmt: skip


def description(name: str) -> str:
    """What the figure ``name`` draws. Raises ValueError, with near names, if nobody wrote it."""
    if name not in DESCRIPTIONS:
        known = not_a_choice("figure", name, DESCRIPTIONS)
        raise ValueError(f"{known}. A new figure needs a line in figures/described.py")
    return DESCRIPTIONS[name]
