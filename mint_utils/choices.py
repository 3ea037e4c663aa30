"""Error text for a value that is not one of the choices: names it, them, and the nearest."""

from collections.abc import Iterable
from difflib import get_close_matches


def not_a_choice(what: str, value: object, choices: Iterable[str]) -> str:
    """``unknown tap 'stage9': did you mean 'stage4'? Choices: stage1, stage2, ...``"""
    known = [str(choice) for choice in choices]
    near = get_close_matches(str(value), known, n=1, cutoff=0.5)
    hint = f" did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {str(value)!r}:{hint} Choices: {', '.join(known)}"
