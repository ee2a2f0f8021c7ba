"""A certificate is valid for exactly one source, one torch and one battery."""

import dataclasses
import importlib.util

import pytest

from scratchgrad import certificate as certificates
from scratchgrad.certificate import Certificate, CertificateUnreadable
from scratchgrad.layer import Layer

SOURCE = '''"""A room."""
from scratchgrad.layer import Layer

SLOPE = 2

double = Layer("double", "x -> s")


@double.define
def definition(s):
    x, out = s.tensors
    return s.eq(out, 2 * x)


@double.kernel
class Kernel:
    @staticmethod
    def forward(x):
        return SLOPE * x, None

    @staticmethod
    def backward(saved, grad_s):
        return SLOPE * grad_s
'''


def room(tmp_path, text=SOURCE):
    """The layer that a file of this text declares."""
    path = tmp_path / f"room{len(list(tmp_path.iterdir()))}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.double


def certify(layer, /, **changes):
    made = Certificate(
        layer.name,
        str(layer.signature),
        certificates.digest(layer),
        made_with={"torch": certificates.torch_version()},
    )
    return dataclasses.replace(made, **changes)


def scaled(factor):
    """A layer whose kernel closes over a number."""
    layer = Layer("scaled", "x -> s")

    @layer.kernel
    class Kernel:
        @staticmethod
        def forward(x):
            return factor * x, None

        @staticmethod
        def backward(saved, grad_s):
            return factor * grad_s

    return layer


def test_a_certificate_made_for_this_source_has_no_objection(tmp_path):
    layer = room(tmp_path)
    assert certificates.objection(certify(layer), layer) is None
    assert certificates.objection(certify(layer), room(tmp_path)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [("2 * x)", "2 * x )"), ("SLOPE = 2", "SLOPE = 3"), ("x -> s", "x -> z"), ("A room", "a room")],
)
def test_one_edited_character_anywhere_in_the_file_makes_the_certificate_stale(tmp_path, old, new):
    assert SOURCE.count(old) == 1
    certificate, edited = certify(room(tmp_path)), room(tmp_path, SOURCE.replace(old, new))
    assert "has changed since it was certified" in certificates.objection(certificate, edited)


def test_windows_newlines_are_the_same_source(tmp_path):
    assert certificates.digest(room(tmp_path)) == certificates.digest(room(tmp_path, SOURCE.replace("\n", "\r\n")))


def test_a_kernel_put_in_the_place_of_another_makes_the_certificate_stale(tmp_path):
    layer = room(tmp_path)
    certificate = certify(layer)

    @layer.kernel
    class Kernel:
        @staticmethod
        def forward(x):
            return x, None

    assert "has changed" in certificates.objection(certificate, layer)


def test_a_value_that_a_kernel_closes_over_counts():
    assert certificates.digest(scaled(2)) == certificates.digest(scaled(2))
    assert certificates.digest(scaled(2)) != certificates.digest(scaled(-2))


def test_without_source_the_bytecode_and_its_constants_count():
    def typed(text):
        names = {"Layer": Layer}
        exec(text.partition('"""A room."""')[2].replace("from scratchgrad.layer import Layer", ""), names)
        return names["double"]

    assert certificates.digest(typed(SOURCE)) == certificates.digest(typed(SOURCE))
    assert certificates.digest(typed(SOURCE)) != certificates.digest(typed(SOURCE.replace("2 * x", "3 * x")))


def test_a_certificate_of_another_torch_or_battery_or_layer_is_refused_in_these_words(tmp_path):
    layer = room(tmp_path)
    running = certificates.torch_version()
    other_torch = certify(layer, made_with={"torch": "1.0.0+cpu"})
    assert certificates.objection(other_torch, layer) == (
        f"its certificate was made with torch 1.0.0, this is torch {running}"
    )
    assert certificates.objection(certify(layer, battery=0), layer) == (
        f"its certificate is of battery 0, the checks are now battery {certificates.BATTERY}"
    )
    assert certificates.objection(certify(layer, layer="relu"), layer) == "its certificate was made for layer 'relu'"


def test_the_build_of_torch_does_not_matter(tmp_path):
    layer = room(tmp_path)
    assert (
        certificates.objection(certify(layer, made_with={"torch": certificates.torch_version() + "+x"}), layer) is None
    )


def test_a_certificate_is_read_back_as_it_was_written(tmp_path):
    certificate = certify(room(tmp_path), evidence={"probes": 12, "worst": 1.5e-16})
    certificates.write(certificate, tmp_path / "folder" / "double.json")
    assert certificates.read(tmp_path / "folder" / "double.json") == certificate
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["double.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"layer": "double"}', "null"])
def test_a_file_that_is_no_certificate_is_named(tmp_path, text):
    path = tmp_path / "double.json"
    path.write_text(text)
    with pytest.raises(CertificateUnreadable, match=r"double\.json: not a certificate"):
        certificates.read(path)


def test_a_name_cannot_lead_out_of_the_certificates_folder():
    folder = certificates.built_in_path("linear").parent
    assert certificates.built_in_path("../linear").parent == folder


def test_the_equation_counts_and_how_it_is_indented_does_not():
    def digest(equation):
        return certificates.digest(Layer("mine", "x[i] -> y[i]", equation))

    assert digest("y[i] = x[i]") != digest("y[i] = 2*x[i]")
    assert digest("z[i] = x[i]\ny[i] = z[i]") == digest("""
        z[i] = x[i]
        y[i] = z[i]
    """)
