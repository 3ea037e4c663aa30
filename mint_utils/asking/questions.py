"""What may be asked about a photograph, a folder or a person, and by looking at what."""

import pandas as pd

# Both ask about a person who has no image on the other side; the first is the paper's.
IMAGES_ASK = ("member_vs_external", "held_out_vs_external")
PERSONS_ASK = ("held_out_vs_external", "member_vs_external")
ACCESS = {  # what may be asked, and what it looks at; from the least that must be handed over
    "outcome": "embeddings",
    "activations": "activations",
    "head_blind": "class centres",
}
QUESTION = {  # contrast -> what is asked of a photograph, a folder of strangers, a person
    "member_vs_external": {
        "image": "was this photograph trained on?",
        "folder": "were photographs in it trained on, whichever they are?",
        "album": "was this person used, with these very photographs?",
    },
    "held_out_vs_external": {
        "image": "was the person in this photograph used?",
        "folder": "were persons in it used, whoever they are?",
        "album": "was this person used, with other photographs than these?",
    },
}


def question(rows: pd.DataFrame) -> str:
    """The question that rows of an answer (COLUMNS of answers.py), all of one kind, are about."""
    return QUESTION[rows["contrast"].iloc[0]][rows["unit_kind"].iloc[0]]


def photographs(count: int) -> str:
    return f"{count} photograph{'' if count == 1 else 's'}"
