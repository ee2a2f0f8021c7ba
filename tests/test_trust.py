"""TRUST.md and the code name the same exemptions, and every number on that page is the one in the code."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "TRUST.md"
MARK = re.compile(r"#\s*TRUST: ([\w-]+)\s*$", re.MULTILINE)
SECTION = re.compile(r"^### `([\w-]+)`$", re.MULTILINE)
CITED = re.compile(
    r"(?P<said>\{[^}]*\}|[\d.][\d.e*+-]*)\s+\(`(?P<module>[\w.]+)\.(?P<name>\w+)(?P<keys>(?:\[\w+\])*)`\)"
)
SMALL = {"0", "1"}
"""Numbers that stand for themselves."""

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="an installed package has no TRUST.md")


def marked() -> dict[str, list[str]]:
    """The slugs in the code, each with the files that have it."""
    found: dict[str, list[str]] = {}
    for folder in ("scratchgrad", "tests", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for slug in MARK.findall(path.read_text(encoding="utf-8")):
                found.setdefault(slug, []).append(str(path.relative_to(ROOT)))
    return found


def sections() -> dict[str, str]:
    """The exemptions on the page: slug and text."""
    _, *parts = SECTION.split(PAGE.read_text(encoding="utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def value_of(module: str, name: str, keys: str) -> Any:
    value = getattr(importlib.import_module(module), name)
    for key in re.findall(r"\[(\w+)\]", keys):
        named = {str(k).removeprefix("torch."): v for k, v in value.items()} if isinstance(value, Mapping) else {}
        value = named[key]
    return value


def said(text: str) -> Any:
    """The number, or the set of names, that the page writes."""
    if text.startswith("{"):
        return {name.strip() for name in text[1:-1].split(",") if name.strip()}
    base, _, exponent = text.partition("**")
    return float(base) ** float(exponent) if exponent else float(ast.literal_eval(text))


def test_every_exemption_in_the_code_has_its_section_and_every_section_its_place_in_the_code() -> None:
    code, page = marked(), sections()
    assert sorted(code.keys() - page.keys()) == [], "TRUST.md lacks a section"
    assert sorted(page.keys() - code.keys()) == [], "no `# TRUST:` comment in the code has this name"


def test_no_section_stands_twice() -> None:
    names = SECTION.findall(PAGE.read_text(encoding="utf-8"))
    assert len(names) == len(set(names))


CITATIONS = [m.groupdict() for m in CITED.finditer(PAGE.read_text(encoding="utf-8"))] if PAGE.is_file() else []


@pytest.mark.parametrize("cited", CITATIONS, ids=[f"{c['module']}.{c['name']}{c['keys']}" for c in CITATIONS])
def test_a_number_on_the_page_is_the_one_in_the_code(cited: dict[str, str]) -> None:
    found = value_of(cited["module"], cited["name"], cited["keys"])
    wanted = said(cited["said"])
    assert (set(found) if isinstance(wanted, set) else float(found)) == wanted


def test_every_number_of_an_exemption_names_its_constant() -> None:
    loose = {}
    for slug, text in sections().items():
        rest = re.sub(r"`[^`]*`", "", CITED.sub("", text))
        numbers = set(re.findall(r"(?<![\w.])\d[\d.e*+-]*(?!\w)", rest))
        numbers = {n.rstrip(".") for n in numbers} - SMALL
        if numbers:
            loose[slug] = numbers
    assert loose == {}


def test_constants_are_cited_where_they_are_marked() -> None:
    """A constant that is marked as an exemption is named in the section of its mark."""
    page, lacking = sections(), []
    for folder in ("scratchgrad", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            for slug, names in re.findall(
                r"^# TRUST: ([\w-]+)\n((?:_?[A-Z_]+, )*_?[A-Z_]+) = [\d({]", text, re.MULTILINE
            ):
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                lacking += [
                    f"{slug}: {module}.{name}"
                    for name in names.split(", ")[-1:]
                    if not name.endswith("_SHAPES") and f"`{module}.{name}" not in page.get(slug, "")
                ]
    assert lacking == []


def test_the_shapes_of_a_proof_are_as_many_as_the_page_says() -> None:
    from scratchgrad.certification.exact_examination import _SHAPES

    words = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
    first, *rest = (words[batch] for batch, _ in _SHAPES)
    said = f"{words[len(_SHAPES)]} shapes, with batches of {', '.join([first, *rest[:-1]])} and {rest[-1]} samples"
    assert said in " ".join(sections()["sizes-tried"].split())


def test_the_page_names_the_certificates_of_the_package_that_are_not_proven() -> None:
    written = [
        json.loads(p.read_text(encoding="utf-8")) for p in (ROOT / "scratchgrad" / "certificates").glob("*.json")
    ]
    unproven = {c["layer"] for c in written if not c["evidence"]["proven"]}
    (said,) = re.findall(
        r"certificates of the package that say otherwise are(.*?)\.\s", sections()["unproven"] + " ", re.DOTALL
    )
    assert set(re.findall(r"`([^`]+)`", said)) == unproven


def test_the_page_s_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_what_the_page_says_about_evidence_stands_in_a_certificate() -> None:
    from scratchgrad import certificate

    evidence = certificate.read(certificate.built_in_path("relu")).evidence
    page = PAGE.read_text(encoding="utf-8")
    for key in (
        "proven",
        "proof",
        "probes",
        "entries_compared",
        "entries_left_out",
        "probes_undefined",
        "seed",
        "witness",
    ):
        assert key in evidence and f"`{key}`" in page
    assert {"shapes", "equal_off_ties", "constants_read"} <= evidence["proof"].keys()
