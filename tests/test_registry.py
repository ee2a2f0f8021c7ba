"""The registry finds every room by its file, and hands out certified kernels only."""

import dataclasses
import subprocess
import sys

import pytest

from scratchgrad import certificate as certificates
from scratchgrad import layers, registry
from scratchgrad.certificate import Certificate
from scratchgrad.layer import Layer
from scratchgrad.registry import DuplicateLayer, NotCertified, RoomWithoutLayer, UnknownLayer


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No certificate on disk, and an empty registry, which is put back afterwards."""
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "_accepted", {})
    monkeypatch.setattr(certificates, "built_in_path", lambda name: tmp_path / "built-in" / f"{name}.json")
    monkeypatch.setattr(certificates, "cache_path", lambda name: tmp_path / "cache" / f"{name}.json")


def certificate_of(layer, /, **changes):
    registry.attach_kernel(layer)  # its recipe counts, too
    made = Certificate(
        layer.name,
        str(layer.signature),
        certificates.digest(layer),
        made_with={"torch": certificates.torch_version()},
    )
    return dataclasses.replace(made, **changes)


def own_layer(name="swish"):
    layer = Layer(name, "x -> s")

    @layer.kernel
    class Kernel:
        @staticmethod
        def forward(x):
            return 2 * x, None

        @staticmethod
        def backward(saved, grad_s):
            return 2 * grad_s

    return layer


def test_every_room_of_the_lab_is_found():
    lab = {"linear", "relu", "softmax_cross_entropy", "squared_norm", "l2_loss", "scale", "add"}
    assert lab <= set(registry.names())


def test_a_layer_is_found_by_its_name():
    assert registry.layer("linear").name == "linear"
    assert str(registry.layer("linear").signature) == "x[j] W[i,j] b[i] -> u[i]"


def test_asking_for_one_layer_imports_one_room_and_neither_torch_nor_sympy():
    code = (
        "import sys; from scratchgrad import registry; registry.names(); registry.layer('relu');"
        "print(sorted(m.rpartition('.')[2] for m in sys.modules if m.startswith('scratchgrad.layers.')),"
        "'torch' in sys.modules, 'sympy' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "['relu'] False False\n"


def test_an_unknown_name_proposes_the_close_ones():
    with pytest.raises(UnknownLayer, match=r"no layer is named 'liner'; did you mean 'linear'"):
        registry.layer("liner")
    with pytest.raises(UnknownLayer, match="no layer is named 'zzz'; known are add, "):
        registry.layer("zzz")


def test_a_room_without_its_layer_is_named(monkeypatch, tmp_path):
    (tmp_path / "empty_room.py").write_text('"""Nothing."""\n')
    monkeypatch.setattr(layers, "__path__", [*layers.__path__, str(tmp_path)])
    with pytest.raises(RoomWithoutLayer, match=r"layers/empty_room.py: expected empty_room = Layer\('empty_room', "):
        registry.layer("empty_room")


def test_a_registered_layer_is_found_and_may_be_replaced():
    registry.register(own_layer())
    second = registry.register(own_layer())
    assert registry.layer("swish") is second
    assert registry.names()[-1] == "swish"


def test_a_room_cannot_be_replaced():
    with pytest.raises(DuplicateLayer, match="layer 'relu' is built in; give your layer another name"):
        registry.register(own_layer("relu"))


def test_without_a_certificate_there_is_no_kernel():
    with pytest.raises(NotCertified, match=r"^layer 'linear' has no certificate. Run: scratchgrad certify linear$"):
        registry.kernel("linear")
    with pytest.raises(NotCertified, match=r"^layer 'swish' has no certificate. Run: sg.certify\(layer\)$"):
        registry.kernel(own_layer())


def test_without_a_kernel_there_is_nothing_to_certify():
    with pytest.raises(NotCertified, match="layer 'swish' has no kernel, neither written nor generated. Run: sg.certi"):
        registry.kernel(Layer("swish", "x -> s"))


@pytest.mark.parametrize("place", ["built_in_path", "cache_path"])
def test_a_certificate_on_disk_opens_the_door(place):
    relu = registry.layer("relu")
    certificates.write(certificate_of(relu), getattr(certificates, place)("relu"))
    assert registry.kernel("relu") is relu.kernel_class


def test_a_certificate_accepted_in_this_process_opens_the_door():
    layer = own_layer()
    registry.accept(certificate_of(layer))
    assert registry.kernel(layer) is layer.kernel_class


def test_a_valid_certificate_is_found_behind_a_stale_one():
    relu = registry.layer("relu")
    certificates.write(certificate_of(relu, made_with={"torch": "1.0.0"}), certificates.built_in_path("relu"))
    certificates.write(certificate_of(relu), certificates.cache_path("relu"))
    assert registry.kernel("relu") is relu.kernel_class


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": "0" * 64}, "its definition or its kernel has changed since it was certified"),
        ({"made_with": {"torch": "1.0.0"}}, "its certificate was made with torch 1.0.0, this is torch "),
        ({"made_with": {}}, "its certificate was made with torch unknown, this is torch "),
        ({"layer": "linear"}, "its certificate was made for layer 'linear'"),
        ({"battery": 0}, "its certificate is of battery 0, "),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused_with_its_reason_and_the_remedy(changes, reason):
    certificates.write(certificate_of(registry.layer("relu"), **changes), certificates.built_in_path("relu"))
    with pytest.raises(NotCertified) as refusal:
        registry.kernel("relu")
    assert str(refusal.value).startswith(f"layer 'relu' is not certified: {reason}")
    assert str(refusal.value).endswith(". Run: scratchgrad certify relu")


def test_a_certificate_that_cannot_be_read_is_refused_with_its_path():
    path = certificates.built_in_path("relu")
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(NotCertified, match=r"cannot be read \(.*relu\.json: not a certificate .*\)\. Run: "):
        registry.kernel("relu")


def test_another_kernel_under_the_name_of_a_certified_room_is_refused():
    certificates.write(certificate_of(registry.layer("relu")), certificates.built_in_path("relu"))
    with pytest.raises(NotCertified, match="has changed since it was certified"):
        registry.kernel(own_layer("relu"))


def test_a_room_at_options_is_one_layer_however_it_is_asked_for():
    conv = registry.layer("conv2d")
    found = registry.layer("conv2d(stride=2,padding=1)")
    assert found is registry.layer("conv2d( padding=1, stride=2 )") is conv.with_options(padding=1, stride=2)
    assert registry.is_built_in(found.name)
    assert found.name in registry.with_variants("conv2d")


def test_a_variant_without_a_certificate_is_refused_with_a_command_that_a_shell_reads():
    with pytest.raises(NotCertified, match=r"Run: scratchgrad certify 'conv2d\(stride=2\)'$"):
        registry.kernel("conv2d(stride=2)")


def test_an_option_is_part_of_what_a_certificate_vouches_for():
    one, two = registry.layer("conv1d(stride=2)"), registry.layer("conv1d(stride=3)")
    assert certificates.digest(one) != certificates.digest(two)


def test_a_variant_that_is_named_beside_its_room_comes_once():
    both = registry.with_variants("max_pool2d", "max_pool2d(size=3)")
    assert both == registry.with_variants("max_pool2d")
    assert len(set(both)) == len(both) > 1
