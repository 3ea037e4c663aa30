"""What is wrong with a scenario, in words: which key, which value, and what it may be instead."""

import re
from typing import get_args

from pydantic import ValidationError

from mint_utils.choices import not_a_choice
from mint_utils.scenario import AnyModel, AnySource, References


def _tags(union: object, discriminator: str) -> list[str]:
    """The values that choose a block of a union, such as the kinds of sources."""
    specs = get_args(get_args(union)[0])
    return [get_args(spec.model_fields[discriminator].annotation)[0] for spec in specs]


CHOSEN_BY = {  # the last key before a block that has several shapes -> what chooses among them
    "faces": _tags(AnySource, "kind"),
    "trained_on": _tags(AnySource, "kind"),
    "audited_model": _tags(AnyModel, "family"),
    "references": _tags(References, "kind"),
}
WANTED = {  # pydantic's name of a mistake -> what would be right; {} from its context
    "missing": "is missing",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text; quote what looks like a number",
    "tuple_type": "must be a list, such as [one, two]",
    "model_type": "must be a block of keys and values",
    "dict_type": "must be a block of keys and values",
    "model_attributes_type": "must be a block of keys and values",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must name at least {min_length}",
}


def in_words(error: ValidationError) -> str:
    """``key: what is wrong (got value)`` for every key that was refused, in one line."""
    said = {}
    for item in error.errors():
        tags = sum(CHOSEN_BY.values(), [])  # pydantic puts them into the path, the file has none
        where = ".".join(str(part) for part in item["loc"] if part not in tags) or "scenario"
        said.setdefault(where, _what(item))
    # "at least 1 item" of a list all of whose items were refused explains nothing.
    told = {k: v for k, v in said.items() if not any(o.startswith(f"{k}.") for o in said)}
    return "; ".join(f"{where}: {what}" for where, what in told.items())


def _what(item: dict) -> str:
    kind, context, value = item["type"], item.get("ctx", {}), item["input"]
    if kind == "union_tag_not_found":
        key = context["discriminator"].strip("'")
        block = next(part for part in reversed(item["loc"]) if part in CHOSEN_BY)
        return f"needs a {key}: one of {', '.join(CHOSEN_BY[block])}"
    if kind == "union_tag_invalid":
        key, choices = context["discriminator"].strip("'"), _quoted(context["expected_tags"])
        return not_a_choice(key, context["tag"], choices)
    if kind == "literal_error":
        choices = _quoted(context["expected"]) or [context["expected"]]
        return not_a_choice("value", value, choices)
    what = item["msg"].removeprefix("Value error, ")
    what = WANTED[kind].format(**context) if kind in WANTED else what
    if kind == "missing" or isinstance(value, dict | list | tuple):
        return what
    return f"{what} (got {value!r})"


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)
