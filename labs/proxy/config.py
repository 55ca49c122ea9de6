"""The configuration file, read whole: nothing in it is overlooked, nothing is guessed.

An unknown field is an error with its path, since it is most often a misspelt one. A known field that
has no effect here is a warning. Kubernetes reads v1alpha1 leniently and only warns; a lab where one
changes the mode by editing this file must not swallow a typing mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from labs.errors import LabError
from labs.proxy.configuration import GATES, KubeProxyConfiguration, Seconds, with_defaults_of_mode
from labs.proxy.durations import duration, seconds
from labs.proxy.validation import problems, shown

T = TypeVar("T")


class ConfigInvalid(LabError):
    """The configuration file or a flag is not as it must be; the message names file and field."""


@dataclass(frozen=True)
class Loaded:
    """A configuration and what to tell its author about it."""

    config: KubeProxyConfiguration
    warnings: tuple[str, ...] = ()


def load(path: Path) -> Loaded:
    """Read and check a file; raises ConfigInvalid."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigInvalid(
            f"configuration {path}: {error.strerror}", "check the path given with --config"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            f"configuration {path}: not YAML: {error}", "correct the line it names"
        ) from error
    return read(raw, str(path))


def read(raw: Any, source: str) -> Loaded:
    """A configuration from plain data; ``source`` is what errors call it."""
    reader = Reader(source)
    config = with_defaults_of_mode(reader.structure(KubeProxyConfiguration, raw, ""))
    reader.warn_of_other_modes(config.mode)
    reader.warn_of_gates(config.feature_gates)
    for at, problem in problems(config):
        raise reader.error(at, problem)
    return Loaded(config, tuple(reader.warnings))


def _exactly(kind: type, words: str) -> Callable[[object], Any]:
    def check(value: object) -> object:
        if type(value) is not kind:
            raise ValueError(words)
        return value

    return check


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of texts")
    return tuple(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number")
    return float(value)


READERS: dict[Any, Callable[[Any], Any]] = {
    str: _exactly(str, "a text"),
    bool: _exactly(bool, "true or false"),
    int: _exactly(int, "a whole number"),
    float: _number,
    Seconds: seconds,
    tuple[str, ...]: _strings,
    Mapping[str, Any]: _exactly(dict, "a mapping"),
    Any: lambda value: value,
}
"""How the value of a field is read, by the field's type; each raises ValueError with what is expected."""


class Reader:
    """Reads plain data into the configuration's classes, noting warnings on its way."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.warnings: list[str] = []
        self._modes: dict[str, str] = {}  # fields that were set → the mode that reads them

    def structure(self, kind: type[T], raw: Any, path: str) -> T:
        """A mapping as this class; null and missing fields get their defaults."""
        if not isinstance(raw, dict):
            raise self.error(path or "the whole", f"found {shown(raw)}, expected a mapping of fields")
        types = get_type_hints(kind)
        known = {field.metadata["name"]: field for field in fields(kind)}  # type: ignore[arg-type]
        values = {}
        for name, value in raw.items():
            at = f"{path}.{name}" if path else str(name)
            if name not in known:
                raise self.error(at, f"unknown field{_did_you_mean(str(name), known)}")
            if value is not None:
                field = known[name]
                values[field.name] = self._value(types[field.name], value, at)
                if values[field.name]:  # 0, false and empty ask for nothing
                    self._warn(at, field.metadata["unused"])
                    self._set_for(at, field.metadata["only"])
        return kind(**values)

    def _value(self, kind: Any, value: Any, at: str) -> Any:
        if is_dataclass(kind):
            return self.structure(kind, value, at)  # type: ignore[arg-type]
        try:
            return READERS[kind](value)
        except ValueError as expected:
            raise self.error(at, f"found {shown(value)}, expected {expected}") from None

    def _warn(self, at: str, unused: str) -> None:
        if unused:
            self.warnings.append(f"{self.source}: {at} has no effect: {unused}")

    def _set_for(self, at: str, mode: str) -> None:
        if mode:
            self._modes[at] = mode

    def warn_of_gates(self, gates: Mapping[str, Any]) -> None:
        """Warn of gates that shut or open nothing here."""
        for gate in gates:
            self._warn(f"featureGates.{gate}", "" if gate in GATES else "no feature here has this gate")

    def warn_of_other_modes(self, running: str) -> None:
        """Warn of fields that only another mode than the running one reads."""
        for at, mode in self._modes.items():
            if mode != running:
                self._warn(at, f"it belongs to mode {mode}")

    def error(self, at: str, problem: str) -> ConfigInvalid:
        """The error for the field at this path."""
        message = f"configuration {self.source}: {at}: {problem}"
        return ConfigInvalid(message, "correct the field and start kube-proxy again")


def as_data(config: Any) -> dict[str, Any]:
    """The configuration as plain data under its YAML names, as /configz and --write-config-to show it."""
    types = get_type_hints(type(config))
    return {
        field.metadata["name"]: _plain(getattr(config, field.name), types[field.name])
        for field in fields(config)
    }


def _plain(value: Any, kind: Any) -> Any:
    if is_dataclass(value):
        return as_data(value)
    if kind is Seconds:
        return duration(value)
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _did_you_mean(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1) or [found for found in known if found.lower() == name.lower()]
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"
