"""Every room's kernel is accepted, and its certificate on disk comes out again."""

import dataclasses

import pytest

from scratchgrad import certificate as certificates
from scratchgrad import registry
from scratchgrad.certification import certify_room, check, update

ROOMS = [name for name in registry.names() if registry.is_built_in(name)]
# TRUST: entries-left-out
LEFT_OUT = 0.1
"""The share of a room's entries, and of its probes, that may have no finite value: exp(1000), log(0) in a simplex."""


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Certificates are read and written in an empty folder."""
    from scratchgrad.certification import rooms

    def place(kind):
        return lambda name: tmp_path / kind / f"{name}.json"

    monkeypatch.setattr(certificates, "built_in_path", place("built-in"))
    monkeypatch.setattr(rooms, "_PLACES", {kind: place(kind) for kind in ("built-in", "cache")})
    return tmp_path


@pytest.mark.parametrize("name", ROOMS)
def test_the_rooms_kernel_is_accepted(name):
    verdict = certify_room(name)
    assert verdict.accepted, str(verdict)
    assert verdict.proven, str(verdict)
    assert max(verdict.errors.values()) < 8
    assert verdict.evidence["probes_undefined"] <= LEFT_OUT * sum(verdict.evidence["probes"].values())
    assert verdict.evidence["entries_left_out"] <= LEFT_OUT * verdict.evidence["entries_compared"]
    assert verdict.evidence["witness"]["points"] == 2
    assert check([name]) == []  # the certificate that ships comes out again


def test_a_certificate_says_what_was_done(elsewhere):
    certify_room("linear", write="built-in")
    written = certificates.read(elsewhere / "built-in" / "linear.json")
    assert certificates.objection(written, registry.layer("linear")) is None
    assert written.evidence["proven"] is True
    assert written.evidence["bits"] == 256
    assert {"values", "batches", "sizes", "upstream", "memory"} <= written.evidence["probes"].keys()
    assert {"torch", "sympy", "python-flint", "python", "scratchgrad"} == written.made_with.keys()


def test_update_writes_the_rooms_that_pass(elsewhere):
    assert {name: verdict.accepted for name, verdict in update(["add", "relu"]).items()} == {"add": True, "relu": True}
    assert sorted(path.name for path in (elsewhere / "built-in").iterdir()) == ["add.json", "relu.json"]
    assert check(["add", "relu"]) == []


def test_a_users_layer_goes_to_the_cache(elsewhere):
    certify_room("add", write="cache")
    assert (elsewhere / "cache" / "add.json").is_file()


def test_another_place_is_an_error():
    with pytest.raises(ValueError, match="write is 'here'; expected None, 'built-in' or 'cache'"):
        certify_room("add", write="here")


def test_check_names_a_certificate_that_is_missing(elsewhere):
    assert check(["add"]) == [
        "add: no certificate ships with scratchgrad. Run: scratchgrad certify --update add",
    ]


def test_check_names_a_certificate_that_cannot_be_read(elsewhere):
    (elsewhere / "built-in").mkdir()
    (elsewhere / "built-in" / "add.json").write_text("[]")
    (complaint,) = check(["add"])
    assert complaint.startswith("add: its certificate cannot be read (")
    assert complaint.endswith("Run: scratchgrad certify --update add")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: {"digest": "0"}, "add: its definition or its kernel has changed since it was certified."),
        (
            lambda c: {"evidence": {**c.evidence, "seed": 1}},
            "add: evidence 'seed' is 20260101, its certificate says 1.",
        ),
        (lambda c: {"evidence": {**c.evidence, "more": 1}}, "add: evidence 'more' is None, its certificate says 1."),
        (
            lambda c: {"evidence": {**c.evidence, "error_units_at_most": {"float64": 0, "float32": 2}}},
            "its certificate says at most 0.",
        ),
    ],
)
def test_check_says_what_differs(elsewhere, change, complaint):
    made = certify_room("add").certificate
    certificates.write(dataclasses.replace(made, **change(made)), elsewhere / "built-in" / "add.json")
    (found,) = check(["add"])
    assert complaint in found
    assert found.endswith("Run: scratchgrad certify --update add")
