"""What every figure draws, for whoever cannot see it; and which of them show faces.

A caption says what to conclude. A description says what there is to be seen, whatever came out:
the numbers are in the tables beside it. A figure of a report goes by its own name, one of several
audits by the name of the function that draws it.
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
COMPARED = {  # function -> what it draws
    "rungs_by_scenario": "A row for each scenario with one point and horizontal interval a level "
    "of access; grey diamonds are the best controls, a dotted line is chance.",
    "rungs_heat_map": "A table of AUCs, a row a scenario and a column a rung, in orange below and "
    "blue above one half; each cell has its interval, its verdict's mark and its best control.",
    "source_to_source": "Square tables of AUCs, the source fitted on in rows and the source tested "
    "on in columns, for the audited model and its controls side by side; frames on the diagonal.",
    "by_number_of_sources": "One panel a rung: lines of AUC with vertical intervals over the "
    "number of sources fitted on; full points for sources that were not fitted on, hollow ones "
    "for those that were.",
    "model_to_model": "Tables of AUCs, a row a pair of models and a column a kind of data: fitted "
    "and tested on one model, on another with channels as they come, with channels matched, and "
    "the controls.",
    "rungs_by_axis": "One panel a level of access: a line of AUC with vertical intervals along the "
    "values of one setting, the best controls as grey diamonds beside it.",
    "rungs_by_factor": "A row for each changed setting with one point and horizontal interval an "
    "audit, in the colour of what the auditor is given; a dotted line is chance.",
    "rungs_by_gap": "Points with vertical intervals, one an audit and level of access: AUC over "
    "the generalisation gap, above or along a dotted line at one half.",
    "recognition_against_membership": "Two panels, images and persons: a named point with a "
    "vertical interval for each defence, the AUC of membership over what the model recognises.",
}  # fmt: skip


def description(name: str) -> str:
    """What the figure ``name`` draws. Raises ValueError, with near names, if nobody wrote it."""
    known = DESCRIPTIONS | COMPARED
    if name not in known:
        refused = not_a_choice("figure", name, known)
        raise ValueError(f"{refused}. A new figure needs a line in figures/described.py")
    return known[name]
