"""Write docs/settings.md from the settings model: `python docs/settings_reference.py`. A test compares the two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from pdmr_classic.config import Settings

PAGE = Path(__file__).with_name("settings.md")
_INTRODUCTION = """# Settings

Every setting with its default. A settings file in TOML, passed with `--config`, may contain any of them; command-line
options override the file. The effective settings are stored in the manifest of a model and in an evaluation, and
`--config` accepts these files, too.

```toml
[learning]
trials = 40
learners = ["svm", "linear"]

[evaluation]
repeats = 5
```

In Python: `Settings.load("mine.toml")`, or `Settings().override({"learning.trials": 40})`.

This page is written from the settings themselves by `python docs/settings_reference.py`.
"""


def settings_page() -> str:
    """Return the page, in Markdown."""
    sections = [_section(name, field.annotation) for name, field in Settings.model_fields.items()]
    return "\n".join([_INTRODUCTION, *sections])


def _section(name: str, section: Any) -> str:
    properties = section.model_json_schema()["properties"]
    rows = [_row(key, field, properties[key]) for key, field in section.model_fields.items()]
    head = ["| setting | values | default | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {name}", "", section.__doc__.strip(), "", *head, *rows, ""])


def _row(key: str, field: FieldInfo, schema: dict[str, Any]) -> str:
    default = "" if field.default is None else f"`{json.dumps(field.default)}`"
    cells = [f"`{key}`", _describe_values(schema), default, field.description or ""]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _describe_values(schema: dict[str, Any]) -> str:
    """Return the allowed values of a setting in words, from its JSON schema."""
    if "anyOf" in schema:
        return " or ".join(_describe_values(part) for part in schema["anyOf"] if part != {"type": "null"})
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        return f"list of {_PLURALS[schema['items']['type']]}"
    # Some pydantic versions write a limit as 0.0, others as 0.
    limits = ", ".join(f"{sign} {schema[key]:g}" for key, sign in _LIMITS.items() if key in schema)
    return f"{_TYPES[schema['type']]} {limits}".strip()


_TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "`true`, `false`"}
_PLURALS = {"string": "texts", "number": "numbers"}
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
