"""What every block of a scenario is made of."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict, model_validator

from mint_utils.choices import not_a_choice

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # becomes part of file names


def each_once(values: tuple) -> tuple:
    if len(set(values)) < len(values):
        raise ValueError(f"each may be named once: {', '.join(map(str, values))}")
    return values


class Block(BaseModel):
    """A block of a scenario; refuses unknown keys by naming the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, data):
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    raise ValueError(not_a_choice("key", key, cls.model_fields))
        return data


def fingerprint(content: object) -> str:
    """SHA-256 (hex) of a JSON-able value, independent of key order."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
