"""What others can add to: schemes, attackers, sources, training methods. Ours and theirs are found in the same way, by name.

Another distribution adds to a group by an entry point of its own, as in its pyproject.toml:

    [project.entry-points."tfdeid.schemes"]
    mosaic = "my_package.mosaic:Mosaic"
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Generic, TypeVar

from tfdeid.errors import DeidError, unknown_name, warn

T = TypeVar("T")
_OURS = "tfdeid"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclasses.dataclass(frozen=True)
class Plugin:
    """Whose a plug-in is.

    Attributes:
      name: the name that it is asked for by.
      distribution: the installed distribution that it comes with.
      version: the distribution's.
    """

    name: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.name!r} of {self.distribution} {self.version}"


class Registry(Generic[T]):
    """Classes by name: ours, and those of other distributions in an entry-point group.

    Ours are imported when they are asked for, so that a kernel or a large library is loaded only where it is used. Theirs are
    imported together at first use. One that can't be imported, or is no such class, is left out with a warning.

    Args:
      kind: what the names stand for, in messages: "scheme".
      group: the entry-point group: "tfdeid.schemes".
      built_in: our names and where their classes are, as "module:class".
      base: the class that all derive from. It has the attribute `name`.
      reserved: names that no option of theirs can have.
    """

    def __init__(self, kind: str, group: str, built_in: Mapping[str, str], base: type[T], reserved: Collection[str] = ()):
        self.kind, self._group, self._base, self._reserved = kind, group, base, reserved
        self._built_in = {name: importlib.metadata.EntryPoint(name, value, group) for name, value in built_in.items()}

    def __iter__(self) -> Iterator[str]:
        """Yields all names: ours in our order, then others' in the alphabet's."""
        yield from (*self._built_in, *self._others)

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or name in self._others

    def __getitem__(self, name: str) -> type[T]:
        """Returns the class of a name.

        Raises:
          DeidError: there is none, or two distributions claim one name.
        """
        others = self._others
        if name in self._built_in:
            return self._built_in[name].load()
        if name not in others:
            raise unknown_name(self.kind, str(name), list(self))
        return others[name][1]

    def having(self, option: str) -> list[str]:
        """Returns the names of the classes whose `Options` have an option."""
        return [name for name in self if option in _options_of(self[name])]

    def make_options(self, chosen: str, values: Mapping[str, Any], common: Collection[str]) -> Any:
        """Returns the options of a class.

        Args:
          chosen: the name of the class.
          values: by name.
          common: the names of options that all have, for messages.

        Raises:
          DeidError: an option is unknown or another class's, or a value is out of its bounds.
        """
        made: Any = self[chosen]  # Not every registry's classes have options.
        own = _options_of(made)
        for name in values:
            if name not in own:
                raise self.no_option(name, chosen, values[name], {*common, *own})
        return made.Options(**values)

    def no_option(self, option: str, chosen: str, value: Any = None, known: Collection[str] = ()) -> DeidError:
        """Returns the error for an option that a class's `Options` lack: it is another's, or nobody's.

        Args:
          option: its name.
          chosen: the name of the class.
          value: what was given; None if it is not known.
          known: the names that would have been accepted.
        """
        having = self.having(option)
        if not having:
            return unknown_name("option", option, known or _options_of(self[chosen]))
        several = f"{self.kind}s {', '.join(having[:-1])} and {having[-1]}"
        owners = f"{self.kind} {having[0]}" if len(having) == 1 else several
        given = "" if value is None else f" {value!r}"
        return DeidError(f"{option}{given} is for the {owners} alone, {self.kind} was {chosen!r}. Leave it out.")

    def plugin(self, name: str) -> Plugin | None:
        """Returns whose the class of a name is; None for ours."""
        return self._others[name][0] if name in self._others else None

    @functools.cached_property
    def _others(self) -> dict[str, tuple[Plugin, type[T]]]:
        owners = {name: _OURS for name in self._built_in}
        entries: dict[str, tuple[Plugin, importlib.metadata.EntryPoint]] = {}
        for entry in importlib.metadata.entry_points(group=self._group):
            distribution = entry.dist.name if entry.dist else "an unknown distribution"
            if entry.name in owners:
                raise DeidError(
                    f"the {self.kind} {entry.name!r} is claimed by both {owners[entry.name]} and {distribution}. Uninstall "
                    f"{distribution}, or have it use another name in its entry points {self._group!r}."
                )
            owners[entry.name] = distribution
            entries[entry.name] = (Plugin(entry.name, distribution, entry.dist.version if entry.dist else "0"), entry)
        loaded = {name: (plugin, self._load(plugin, entry)) for name, (plugin, entry) in sorted(entries.items())}
        return {name: (plugin, made) for name, (plugin, made) in loaded.items() if made is not None}

    def _load(self, plugin: Plugin, entry: importlib.metadata.EntryPoint) -> type[T] | None:
        try:
            made: Any = entry.load()
            reason = self._fault(made, entry)
        except (Exception, SystemExit) as error:  # Whatever another's module does when it is imported.
            made, reason = None, f"{type(error).__name__}: {error}"
        if reason:
            warn(f"the {self.kind} {plugin} can't be used and is left out: {' '.join(reason.split())}")
            return None
        return made

    def _fault(self, made: Any, entry: importlib.metadata.EntryPoint) -> str:
        """Returns why what an entry point names can't be used; "" if it can."""
        if not (isinstance(made, type) and issubclass(made, self._base)):
            return f"{entry.value} is no class that derives from {self._base.__module__}.{self._base.__qualname__}"
        if lacking := getattr(made, "__abstractmethods__", None):
            return f"{entry.value} lacks {', '.join(sorted(lacking))}"
        if getattr(made, "name", None) != entry.name:
            return f"{entry.value} has the name {getattr(made, 'name', None)!r}, and its entry point another"
        if not _NAME.fullmatch(entry.name):
            return "a name has small letters, digits and _, and begins with a letter"
        if "about" in self._base.__annotations__ and not isinstance(getattr(made, "about", None), str):
            return f"{entry.value} lacks about, a line on what it does"
        options: Any = getattr(made, "Options", None)
        if options is None:
            return ""
        if not dataclasses.is_dataclass(options):
            return f"the Options of {entry.value} are no dataclass"
        fields = dataclasses.fields(options)
        if bare := [field.name for field in fields if field.default is dataclasses.MISSING]:
            return f"options of {entry.value} have no default: {', '.join(bare)}"
        if taken := [field.name for field in fields if field.name in self._reserved]:
            return f"options of {entry.value} are called like those of all: {', '.join(taken)}"
        return ""


def values_of(options: Any) -> dict[str, Any]:
    """Returns the values of options by name; {} for None."""
    return {} if options is None else {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}


def _options_of(chosen: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(chosen.Options)]
