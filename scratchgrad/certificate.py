"""The certificate: the record that a layer's kernel computes what its definition says, and for which source.

In   a layer's name, signature, equation (or its definition's source) and kernel source; the verdict's evidence
Out  a JSON file, valid while none of them changes, nor torch's version, nor the battery of checks

The certify wing writes certificates, the registry reads them.  Plain Python: neither torch nor SymPy is imported,
so that training starts without either wing of mathematics.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scratchgrad import atomic
from scratchgrad.cache import cache_folder
from scratchgrad.executed import executed
from scratchgrad.layer import Layer

__all__ = [
    "BATTERY",
    "KERNEL_TEXT",
    "Certificate",
    "CertificateUnreadable",
    "built_in_path",
    "cache_path",
    "cached_kernel_path",
    "digest",
    "objection",
    "read",
    "recipe_digest",
    "text_digest",
    "torch_version",
    "write",
]

# TRUST: checks-by-number
BATTERY = 8
"""The version of the battery of checks: raising it makes every older certificate stale."""


KERNEL_TEXT = "kernel_text"
"""Where the evidence holds the digest of a cached kernel's file."""


class CertificateUnreadable(ValueError):
    """A certificate's file that is not one."""


@dataclass(frozen=True)
class Certificate:
    """The verdict 'accepted' about one layer; no other verdict is ever recorded.

    `made_with` holds versions (of torch, sympy, python, scratchgrad), `evidence` what the battery measured.
    """

    layer: str
    signature: str
    digest: str
    battery: int = BATTERY
    made_with: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)


def objection(certificate: Certificate, layer: Layer) -> str | None:
    """Why this certificate does not vouch for this layer as it stands now; None where it does."""
    if certificate.layer != layer.name:
        return f"its certificate was made for layer {certificate.layer!r}"
    if certificate.battery != BATTERY:
        return f"its certificate is of battery {certificate.battery}, the checks are now battery {BATTERY}"
    # TRUST: versions
    made, running = certificate.made_with.get("torch", "unknown").partition("+")[0], torch_version()
    if made != running:
        return f"its certificate was made with torch {made}, this is torch {running}"
    if certificate.digest == digest(layer):
        return None
    if certificate.digest == _digest(layer, certificate.evidence.get("recipe", {}).get("digest", "")):
        return "its recipe has changed since it was certified"
    return "its definition or its kernel has changed since it was certified"


def torch_version() -> str:
    """The public version of the torch that this process runs, without the build's suffix (+cpu, +cu126)."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return str(torch.__version__).partition("+")[0]
    try:
        return importlib.metadata.version("torch").partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return "none"


def digest(layer: Layer) -> str:
    """A sha256 that changes with the layer's name, signature, shared inputs, definition or kernel.

    An equation counts as its text.  A function counts with everything of ours that it executes, see `executed`: the
    whole file that it stands in, the files that it leads to, what it closes over.  A layer's recipe counts, too.
    """
    return _digest(layer, recipe_digest(layer))


def recipe_digest(layer: Layer) -> str:
    """A sha256 that changes with the layer's recipe; "" where it has none."""
    if layer.recipe is None:
        return ""
    return hashlib.sha256("\0".join(executed(layer.recipe)).encode("utf-8")).hexdigest()


def text_digest(text: str) -> str:
    """The sha256 of a file's text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _digest(layer: Layer, recipe: str) -> str:
    """The digest of the layer, if that is the digest of its recipe."""
    parts = [layer.name, str(layer.signature), " ".join(layer.shared)]
    if layer.options or layer.batch:
        parts.append(f"options {layer.options} batch {layer.batch}")
    parts.extend(f"definition {line}" for line in executed(layer.definition))
    if layer.kernel_class is not None:
        parts.append(f"kernel {layer.kernel_class.__qualname__}")
        for name, function in _methods(layer.kernel_class):
            parts.extend(f"{name} {line}" for line in executed(function))
    if recipe:
        parts.append(f"recipe {recipe}")
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()


def built_in_path(name: str) -> Path:
    """Where the certificate of a layer that ships with scratchgrad lies."""
    return Path(__file__).parent / "certificates" / f"{quote(name, safe='')}.json"


def cache_path(name: str) -> Path:
    """Where the certificate of a user's own layer lies."""
    return cache_folder("certificates") / f"{quote(name, safe='')}.json"


def cached_kernel_path(stem: str) -> Path:
    """Where the generated kernel of a layer at options that the package does not ship lies."""
    return cache_folder("kernels") / f"{stem}.py"


def read(path: Path) -> Certificate:
    """The certificate in the file.

    Raises FileNotFoundError where there is none, CertificateUnreadable where the file holds something else.
    """
    text = path.read_text(encoding="utf-8")
    try:
        record = json.loads(text)
        known = {f.name: record[f.name] for f in fields(Certificate)}
        certificate = Certificate(**known)
    except (ValueError, TypeError, KeyError) as error:
        raise CertificateUnreadable(f"{path}: not a certificate ({type(error).__name__}: {error})") from error
    if not isinstance(certificate.made_with, dict) or not isinstance(certificate.evidence, dict):
        raise CertificateUnreadable(f"{path}: not a certificate ('made_with' and 'evidence' must be objects)")
    return certificate


def write(certificate: Certificate, path: Path) -> None:
    """The file at `path` holds the certificate, readable and with sorted keys, so that a diff shows what changed."""
    atomic.write_text(path, json.dumps(asdict(certificate), indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def _methods(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """The functions and constants of a kernel class and its bases, without what Python itself puts there."""
    for base in reversed(cls.__mro__[:-1]):
        for name, member in sorted(vars(base).items()):
            if not name.startswith("__"):
                function = member.__func__ if isinstance(member, staticmethod | classmethod) else member
                yield f"{base.__qualname__}.{name}", function
