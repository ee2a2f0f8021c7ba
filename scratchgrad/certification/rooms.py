"""The certificates on disk: written for rooms that pass, and recomputed to see that they still tell the truth."""

from __future__ import annotations

import contextlib
import linecache
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from scratchgrad import certificate as certificates
from scratchgrad import registry
from scratchgrad.certificate import Certificate, CertificateUnreadable
from scratchgrad.certification.certifying import certify, is_generated
from scratchgrad.certification.verdict import Verdict
from scratchgrad.codegen.lowering import CannotLower
from scratchgrad.codegen.writing import generated_path, write_kernel
from scratchgrad.layer import Layer

__all__ = ["certify_room", "check", "update"]

_PLACES = {"built-in": certificates.built_in_path, "cache": certificates.cache_path}
_BOUNDS = "error_units_at_most"
# TRUST: other-processor
_OTHER_PROCESSOR = 2  # how much larger rounding errors may be than on the processor that the certificate was made on


def certify_room(layer: str | Layer, write: str | None = None) -> Verdict:
    """The verdict about a layer's own kernel; what is accepted is written.

    `write` is "built-in" (the certificates that ship with scratchgrad), "cache" (the user's), or None.  A layer without
    a hand-written kernel gets its generated one, in a file beside the certificate; with "built-in" that is generated
    anew, and so is always that of a layer which is no room, whose name another one may have had.
    """
    if write is not None and write not in _PLACES:
        raise ValueError(f"write is {write!r}; expected None, {' or '.join(map(repr, _PLACES))}")
    layer = registry.layer(layer) if isinstance(layer, str) else layer
    if is_generated(layer) and (registry.is_built_in(layer.name) or write == "cache"):
        with contextlib.suppress(CannotLower):  # certify says what to do then
            _generate(layer, anew=write == "built-in" or not registry.is_built_in(layer.name))
    verdict = certify(layer)
    if write is not None and verdict.certificate is not None:
        certificates.write(_with_text(verdict.certificate, layer), _PLACES[write](verdict.certificate.layer))
    return verdict


def _with_text(certificate: Certificate, layer: Layer) -> Certificate:
    """The certificate, with the digest of the kernel's file where that lies in the cache: no other text is executed."""
    path = certificates.cached_kernel_path(layer.stem)
    if not is_generated(layer) or generated_path(layer) != path or not path.is_file():
        return certificate
    digest = certificates.text_digest(path.read_text(encoding="utf-8"))
    return replace(certificate, evidence={**certificate.evidence, certificates.KERNEL_TEXT: digest})


def update(names: Iterable[str] | None = None) -> dict[str, Verdict]:
    """The verdicts about the rooms, all of them by default; the built-in certificates of those accepted are written."""
    return {name: certify_room(name, write="built-in") for name in _rooms(names)}


def check(names: Iterable[str] | None = None) -> list[str]:
    """One sentence for every built-in certificate that does not come out again; empty where all do."""
    return [complaint for name in _rooms(names) if (complaint := _complaint(name)) is not None]


def _generate(layer: Layer, *, anew: bool) -> None:
    """The layer has the kernel of its generated file, which is written if it is missing, or to be written anew."""
    if registry.attach_kernel(layer) and not anew:
        return
    path = write_kernel(layer)
    linecache.checkcache(str(path))
    layer.kernel(registry.kernel_in_text(path.read_text(encoding="utf-8"), path))


def _rooms(names: Iterable[str] | None) -> list[str]:
    return [name for name in registry.with_variants() if registry.is_built_in(name)] if names is None else list(names)


def _complaint(name: str) -> str | None:
    remedy = f"Run: scratchgrad certify --update {name}"
    try:
        written = certificates.read(certificates.built_in_path(name))
    except FileNotFoundError:
        return f"{name}: no certificate ships with scratchgrad. {remedy}"
    except (CertificateUnreadable, OSError, UnicodeDecodeError) as error:
        return f"{name}: its certificate cannot be read ({error}). {remedy}"
    layer = registry.layer(name)
    registry.attach_kernel(layer)  # the generated one, where none is written by hand: it is what the digest is of
    objection = certificates.objection(written, layer)
    if objection is not None:
        return f"{name}: {objection}. {remedy}"
    verdict = certify_room(name)
    if verdict.certificate is None:
        return f"{name}: its kernel is refused.\n{verdict}"
    difference = _difference(written.evidence, verdict)
    return None if difference is None else f"{name}: {difference}. {remedy}"


def _difference(written: Mapping[str, Any], verdict: Verdict) -> str | None:
    """What differs between the evidence of a certificate and a new verdict.

    An error may be smaller than written, and larger by what another processor's matrix product does to it: the kernel
    was accepted all the same, so this is a matter of the record.
    """
    before, now = dict(written), dict(verdict.evidence)
    bounds: Mapping[str, Any] = before.pop(_BOUNDS, {})
    now.pop(_BOUNDS, None)
    for dtype, error in verdict.errors.items():
        if not error <= _OTHER_PROCESSOR * bounds.get(dtype, 0):
            return f"the error in {dtype} is {error:.3g} units, its certificate says at most {bounds.get(dtype, 0):g}"
    recipe = before.get("recipe", {})
    for words, one in verdict.recipe.items():
        difference = _difference(recipe.get(words, {}), one)
        if difference is not None:
            return f"its recipe, {words}: {difference}"
    if isinstance(recipe, dict) and recipe.keys() == now.get("recipe", {}).keys():
        before.pop("recipe", None)
        now.pop("recipe", None)
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            return f"evidence {key!r} is {now.get(key)!r}, its certificate says {before.get(key)!r}"
    return None
