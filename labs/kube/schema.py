"""The types of all fields, read from the source of the official Python client's models.

Each model there is generated from the Kubernetes OpenAPI document, a line a field:

    node_port: Optional[StrictInt] = Field(…, serialization_alias="nodePort", description="…")

That is enough to decode strictly, to explain, and to merge. The lines are read as text, when a kind is first
needed: importing the models of a pod builds 135 pydantic classes (0.2 s, 8 MB), reading them takes 20 ms; and
pydantic's checks would be slower than ours, with errors that are not those of Kubernetes.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from labs.kube.mergekeys import MERGE_KEYS, MERGED_SETS, RETAIN_KEYS

# attribute: type; attribute: type = None; attribute: type = Field(words)
FIELD = re.compile(r"^    (\w+): (.+?)(?: = (?:Field\((.*)\)|(None)))?$", re.MULTILINE)
FIELDS_END = "    openapi_types: "
ALIAS = re.compile(r'serialization_alias="(\w+)"')
DESCRIPTION = re.compile(r'description=("(?:[^"\\]|\\.)*")')
DOCSTRING = re.compile(
    r'^class \w+\(BaseModel\):\n    """\n(.*?)\n\n    Attributes:', re.MULTILINE | re.DOTALL
)

# What the models call text though it is more than that; by the field's name alone.
QUANTITIES = frozenset({"limits", "requests", "capacity", "allocatable", "overhead", "default", "min", "max"})
QUANTITY_FIELDS = frozenset({"sizeLimit", "divisor"})
INT64 = frozenset(
    {
        "activeDeadlineSeconds",
        "deletionGracePeriodSeconds",
        "expirationSeconds",
        "fsGroup",
        "generation",
        "observedGeneration",
        "revision",
        "runAsGroup",
        "runAsUser",
        "sizeBytes",
        "templateGeneration",
        "terminationGracePeriodSeconds",
        "tolerationSeconds",
    }
)


@dataclass(frozen=True, slots=True)
class Type:
    """One type: ``form`` is model, list, map or a scalar; ``item`` what a list or map holds."""

    form: str
    item: Type | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model, by its JSON name."""

    name: str
    type: Type
    required: bool = False
    quoted: str = ""  # the description, still as a Python literal
    merge_key: str = ""  # of a list: what tells its items apart in a strategic merge patch
    merged_set: bool = False  # a list of plain values that a strategic merge patch adds to
    retain_keys: bool = False

    @property
    def description(self) -> str:
        """What the API reference says of it."""
        return str(ast.literal_eval(self.quoted)) if self.quoted else ""


@dataclass(frozen=True, slots=True)
class Model:
    """A struct of the API."""

    name: str
    fields: dict[str, Field]
    description: str = ""

    @property
    def go_name(self) -> str:
        """``ServicePort``: the name in the real server's messages."""
        return re.sub(r"^(Core|Discovery|Events|Authentication)?V\d+", "", self.name)


@cache
def model(name: str) -> Model:
    """The fields of one model class of the official client."""
    text = (_folder() / f"{_snake(name)}.py").read_text(encoding="utf-8")
    about = DOCSTRING.search(text)
    body = text[about.end() if about else 0 : text.index(FIELDS_END)]
    found = (_field(name, match) for match in FIELD.finditer(body))
    return Model(name, {field.name: field for field in found}, about[1].strip() if about else "")


@cache
def _folder() -> Path:
    """Where the models lie; found without importing the package, which takes half a second."""
    package = find_spec("kubernetes")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the package `kubernetes` is not installed", name="kubernetes")
    return Path(package.origin).parent / "client" / "models"


def _snake(name: str) -> str:
    """``V1HTTPGetAction`` → ``v1_http_get_action``: how the generator names files."""
    parted = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", parted).lower()


def _field(model_name: str, line: re.Match[str]) -> Field:
    attribute, annotation, words = line[1], line[2], line[3] or ""
    alias, quoted = ALIAS.search(words), DESCRIPTION.search(words)
    name = alias[1] if alias else attribute
    place = (model_name, name)
    return Field(
        name,
        _refine(name, parse(annotation)),
        not (line[4] or words.startswith("default=")),
        quoted[1] if quoted else "",
        MERGE_KEYS.get(place, ""),
        place in MERGED_SETS,
        place in RETAIN_KEYS,
    )


def _refine(name: str, found: Type) -> Type:
    if name in QUANTITIES and found == Type("map", Type("string")):
        return Type("map", Type("quantity"))
    if name in QUANTITY_FIELDS:
        return Type("quantity")
    if name in INT64 and found == Type("int32"):
        return Type("int64")
    return found


SCALARS = {
    "StrictStr": "string",
    "StrictInt": "int32",
    "StrictBool": "boolean",
    "datetime": "time",
    "StrictInt | StrictStr": "int-or-string",
    "Union[StrictFloat, StrictInt]": "number",
    "Union[Annotated[bytes, Field(strict=True)], Annotated[str, Field(strict=True)]]": "bytes",
    "Any": "any",
}
WRAPPERS = (("Optional[", ""), ("List[", "list"), ("Dict[str, ", "map"))


@cache
def parse(text: str) -> Type:
    """``Optional[Dict[str, List[StrictStr]]]`` and the like, as the generator writes types."""
    if text in SCALARS:
        return Type(SCALARS[text])
    if text.startswith("Dict[str, Any]"):
        return Type("any")
    for opening, form in WRAPPERS:
        if text.startswith(opening):
            inner = parse(text.removeprefix(opening)[:-1])
            return Type(form, inner) if form else inner
    return Type("model", model=text)
