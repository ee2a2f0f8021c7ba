"""The registry: finds the rooms, and hands out certified kernels only.

In   a layer's name, or a Layer that a user wrote
Out  the Layer; its kernel, if a certificate vouches for exactly this definition, this kernel and this torch

A room is a file in scratchgrad/layers whose Layer has the file's name: there is no list to edit.  Only the room
that is asked for is imported.  There is no switch that hands out an uncertified kernel.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import cast

from scratchgrad import certificate as certificates
from scratchgrad import generated, layers
from scratchgrad.certificate import Certificate, CertificateUnreadable
from scratchgrad.layer import NAME, Kernel, Layer, options_in
from scratchgrad.recipes import Recipe, recipe_module

__all__ = [
    "DuplicateLayer",
    "NotCertified",
    "RoomWithoutLayer",
    "UnknownLayer",
    "accept",
    "attach_kernel",
    "is_built_in",
    "kernel",
    "kernel_in_text",
    "layer",
    "names",
    "recipe",
    "register",
    "with_variants",
]

_registered: dict[str, Layer] = {}
_accepted: dict[str, Certificate] = {}


class UnknownLayer(LookupError):
    """A name that no room and no registered layer has."""


class DuplicateLayer(ValueError):
    """A user's layer with the name of a room."""


class RoomWithoutLayer(LookupError):
    """A file in scratchgrad/layers that declares no Layer of its own name."""


class NotCertified(RuntimeError):
    """A kernel that no valid certificate vouches for."""


def names() -> tuple[str, ...]:
    """The names of all layers: the rooms in alphabetical order, then the registered ones in their order."""
    _listed.cache_clear()  # a room may have been written since
    return (*_rooms(), *_registered)


def with_variants(*rooms: str) -> tuple[str, ...]:
    """The names, all by default, and after each those of the variants that the package ships: conv2d(stride=2).

    Each comes once.
    """
    wanted = (
        one
        for name in rooms or names()
        for one in (name, *(layer(name).with_options(**_numbers(v)).name for v in layer(name).variants))
    )
    return tuple(dict.fromkeys(wanted))


def is_built_in(name: str) -> bool:
    """Whether the layer of this name is a room of the package, at whatever options."""
    match = NAME.fullmatch(name)
    return match is not None and match["base"] in _rooms()


def layer(name: str) -> Layer:
    """The layer of this name; its room is imported now, if it was not yet.

    Raises UnknownLayer, which proposes the names that are close.
    """
    if (parts := NAME.fullmatch(name)) is not None and parts["options"] is not None:
        return layer(parts["base"]).with_options(**_numbers(parts["options"]))
    if name in _registered:
        return _registered[name]
    if name not in _rooms() and name not in names():
        close = difflib.get_close_matches(name, names(), n=3)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"known are {', '.join(names())}"
        raise UnknownLayer(f"no layer is named {name!r}; {hint}")
    found = getattr(importlib.import_module(f"{layers.__name__}.{name}"), name, None)
    if not isinstance(found, Layer) or found.name != name:
        raise RoomWithoutLayer(
            f"scratchgrad/layers/{name}.py: expected {name} = Layer({name!r}, ...), "
            f"found {found!r}; a room declares the layer that it is named after"
        )
    return found


def register(new: Layer) -> Layer:
    """The layer, from now on found by its name; a later one of the same name takes its place.

    Raises DuplicateLayer where a room has that name.
    """
    if is_built_in(new.name):
        raise DuplicateLayer(f"layer {new.name!r} is built in; give your layer another name")
    _registered[new.name] = new
    return new


# TRUST: unsigned
def accept(certificate: Certificate) -> None:
    """The certificate counts in this process, beside those on disk; it is checked each time a kernel is asked for."""
    _accepted[certificate.layer] = certificate


def kernel(wanted: Layer | str, *, for_program: bool = False, unit: frozenset[int] = frozenset()) -> type[Kernel]:
    """The layer's kernel, which a certificate made for exactly this source and this torch vouches for.

    With `for_program` it is the kernel of the layer's recipe, if there is one: certified with the room, the one for
    inputs at the positions `unit` whose rows sum to 1.

    Raises NotCertified, which says what is wrong with the certificate and which command makes a new one.
    """
    if for_program:
        made = None if (prepared := recipe(wanted)) is None else prepared.kernel(unit)
        return kernel(wanted) if made is None else cast("type[Kernel]", made)
    found = layer(wanted) if isinstance(wanted, str) else wanted
    if not attach_kernel(found) and (own := _cached_kernel(found)) is not None:
        try:  # generated and certified in an earlier process, if it is this layer's
            found.kernel(own)
            return kernel(found)
        except NotCertified:
            found.kernel_class = None
            raise
    if found.kernel_class is None:
        raise NotCertified(f"layer {found.name!r} has no kernel, neither written nor generated. Run: {_remedy(found)}")
    objections = []
    for offered in _certificates(found.name):
        objection = certificates.objection(offered, found) if isinstance(offered, Certificate) else offered
        if objection is None:
            assert found.kernel_class is not None  # attach_kernel has seen to it
            return found.kernel_class
        objections.append(objection)
    reason = objections[0] if objections else None
    if reason is None:
        raise NotCertified(f"layer {found.name!r} has no certificate. Run: {_remedy(found)}")
    raise NotCertified(f"layer {found.name!r} is not certified: {reason}. Run: {_remedy(found)}")


def recipe(wanted: Layer | str) -> Recipe | None:
    """The layer's recipe, certified with it; None for a layer without one, and for a user's of whatever name.

    Raises NotCertified as `kernel` does.
    """
    found = layer(wanted) if isinstance(wanted, str) else wanted
    kernel(found)
    return None if found.recipe is None else Recipe(found, found.recipe)


def attach_kernel(found: Layer) -> bool:
    """Whether the layer has a kernel; a room without a hand-written one gets its generated one, if that is there.

    A room at options that the package does not ship has its generated kernel in the user's cache.  A room that has a
    recipe gets it, too.
    """
    if found.recipe is None and _is_room(found):
        found.recipe = recipe_module(found.base.name)
    if found.kernel_class is None and _is_room(found):
        if find_spec(f"{generated.__name__}.{found.stem}"):
            found.kernel(importlib.import_module(f"{generated.__name__}.{found.stem}").Kernel)
        elif found.chosen and (cached := _cached_kernel(found)) is not None:
            found.kernel(cached)
    return found.kernel_class is not None


def kernel_in_text(text: str, path: Path) -> type[Kernel]:
    """The kernel that the text of a generated file defines."""
    module = ModuleType(f"{generated.__name__}.{path.stem}")
    module.__file__ = str(path)
    exec(compile(text, str(path), "exec"), vars(module))
    found: type[Kernel] = module.Kernel
    return found


def _cached_kernel(found: Layer) -> type[Kernel] | None:
    """The kernel in the user's cache; nothing of it is executed unless a certificate was made for exactly this text."""
    path = certificates.cached_kernel_path(found.stem)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    offered = [c for c in _certificates(found.name) if isinstance(c, Certificate)]
    vouched = certificates.text_digest(text) in [c.evidence.get(certificates.KERNEL_TEXT) for c in offered]
    return kernel_in_text(text, path) if vouched else None


def _numbers(options: str) -> dict[str, int]:
    """The options of "stride=2,padding=1"; with_options refuses what is no number."""
    return {option: value for option, value in options_in(options).items()}  # type: ignore[misc]


def _remedy(found: Layer) -> str:
    name = f"'{found.name}'" if found.chosen else found.name  # a shell reads brackets
    return f"scratchgrad certify {name}" if _is_room(found) else "sg.certify(layer)"


# TRUST: unsigned
def _certificates(name: str) -> Iterator[Certificate | str]:
    """The certificates that may vouch for the name, or a sentence about one that cannot be read."""
    if name in _accepted:
        yield _accepted[name]
    for path in (certificates.built_in_path(name), certificates.cache_path(name)):
        try:
            yield certificates.read(path)
        except FileNotFoundError:
            continue
        except (CertificateUnreadable, OSError, UnicodeDecodeError) as error:
            yield f"its certificate cannot be read ({error})"


def _is_room(found: Layer) -> bool:
    return is_built_in(found.name) and layer(found.name) is found


def _rooms() -> tuple[str, ...]:
    return _listed(tuple(layers.__path__))


@cache
def _listed(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(room.name for room in pkgutil.iter_modules(folders) if not room.name.startswith("_")))
