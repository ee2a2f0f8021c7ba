"""A recipe is a kernel of its room: examined as the room's own, under its premise, and recorded in one certificate."""

import importlib.util
from pathlib import Path

import pytest
import torch

from scratchgrad import certificate as certificates
from scratchgrad import recipes, registry
from scratchgrad.certification import certify
from scratchgrad.certification.recipe_examination import premise_words
from scratchgrad.layer import Layer
from scratchgrad.recipes import Recipe, recipe_module
from scratchgrad.registry import NotCertified

WITH_RECIPE = [name for name in registry.with_variants() if registry.recipe(name) is not None]


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """`changed(name, old, new)`: the room of that name, its recipe read from a file in which `new` stands for `old`."""

    def made(name, old, new):
        source = Path(recipes.__path__[0], f"{name}.py").read_text(encoding="utf-8")
        assert source.count(old) == 1, (name, old)
        path = tmp_path / f"{name}.py"
        path.write_text(source.replace(old, new), encoding="utf-8")
        specification = importlib.util.spec_from_file_location(f"scratchgrad.recipes.{name}", path)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        room = registry.layer(name)
        registry.kernel(room)
        monkeypatch.setattr(room, "recipe", module)
        return room

    return made


@pytest.mark.parametrize("name", WITH_RECIPE)
def test_every_kernel_that_a_recipe_hands_out_stands_in_the_rooms_certificate_and_so_does_its_total(name):
    recipe = registry.recipe(name)
    recorded = certificates.read(certificates.built_in_path(name)).evidence["recipe"]
    premises = [premise_words(recipe, unit) for unit, _ in recipe.kernels()]
    assert set(premises) <= recorded.keys()
    if recipe.total is not None:
        assert [words for words in recorded if words.startswith("total, ")]
    for words, evidence in recorded.items():
        assert words == "digest" or sum(evidence["probes"].values()) > 50, words


def test_a_premise_has_a_kernel_of_its_own_where_the_recipe_hands_one_out():
    recipe = registry.recipe("softmax_cross_entropy")
    assert [premise_words(recipe, unit) for unit, _ in recipe.kernels()] == ["any values", "rows of y sum to 1"]
    assert [unit for unit, _ in registry.recipe("conv1d").kernels()] == [frozenset()]
    assert registry.recipe("conv2d(groups=2)").kernels() == []


def test_the_registry_hands_out_the_recipes_kernel_to_a_program_and_the_rooms_own_to_others():
    gelu, softmax = recipe_module("gelu"), recipe_module("softmax_cross_entropy")
    assert registry.kernel("gelu", for_program=True) is gelu.Kernel
    assert registry.kernel("gelu") is not gelu.Kernel
    assert registry.kernel("softmax_cross_entropy", for_program=True) is softmax.Kernel
    assert registry.kernel("softmax_cross_entropy", for_program=True, unit=frozenset({1})) is softmax.UnitRows
    assert registry.kernel("tanh", for_program=True) is registry.kernel("tanh")
    assert registry.kernel("scale", for_program=True) is registry.kernel("scale")  # it has a total only


FLIPPED = [
    ("gelu", "value=-0.5", "value=0.5"),
    ("relu", "(grad_h, h, 0)", "(-grad_h, h, 0)"),
    ("layer_norm", "value=-1 / width", "value=1 / width"),
    ("l2_loss", "return grad_v, -grad_v", "return grad_v, grad_v"),
    ("l2_loss", "((1.0, flat.dot(flat)),)", "((-1.0, flat.dot(flat)),)"),
    ("scale", "Value(1), Of(0)", "-1.0, Of(0)"),
    ("add", "(1.0, Of(1))", "(-1.0, Of(1))"),
    ("softmax_cross_entropy", "(-1.0, y.reshape", "(1.0, y.reshape"),
    ("softmax_cross_entropy", "return o - y", "return o + y"),  # of the kernel for rows that sum to 1 alone
]


@pytest.mark.parametrize(("name", "old", "new"), FLIPPED)
def test_a_flipped_sign_in_a_recipe_is_refused_by_the_registry_and_by_certification(changed, name, old, new):
    room = changed(name, old, new)
    message = f"layer '{name}' is not certified: its recipe has changed since it was certified. Run: "
    for for_program in (False, True):
        with pytest.raises(NotCertified, match=message):
            registry.kernel(room, for_program=for_program)
    verdict = certify(room)
    assert not verdict.accepted
    assert "recipe" in verdict.title
    assert verdict.certificate is None


def test_a_kernel_that_needs_a_premise_is_refused_without_it(changed):
    verdict = certify(changed("softmax_cross_entropy", "UnitRows if 1 in unit else Kernel", "UnitRows"))
    assert not verdict.accepted
    assert verdict.title == "softmax_cross_entropy, the kernel of its recipe for any values"


def test_a_verdict_about_a_room_says_what_holds_for_its_recipe():
    verdict = certify("squared_norm")
    assert verdict.proven
    assert list(verdict.recipe) == ["total, the layer's own kernel"]
    assert "the total is the sum of the last output: proven at" in str(verdict)


def test_code_of_another_file_counts_with_the_recipe_that_calls_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "borrowed_sign.py").write_text("def turned(x):\n    return 1 * x\n")
    (tmp_path / "borrowing.py").write_text("import borrowed_sign\n\n\ndef f(x):\n    return borrowed_sign.turned(x)\n")
    import borrowing

    layer = Layer("mine", "x -> s")
    layer.recipe = borrowing
    before = certificates.digest(layer)
    assert certificates.digest(layer) == before
    (tmp_path / "borrowed_sign.py").write_text("def turned(x):\n    return -1 * x\n")
    assert certificates.digest(layer) != before


def test_a_recipe_that_takes_windows_from_another_counts_with_it():
    from scratchgrad.executed import executed

    for user, owner in (("conv1d", "conv2d"), ("avg_pool2d", "max_pool2d")):
        of_owner = next(line.split()[-1] for line in executed(recipe_module(owner)) if len(line.split()[-1]) == 64)
        assert any(line.endswith(of_owner) for line in executed(recipe_module(user)))


def test_a_users_layer_of_a_rooms_name_has_no_recipe():
    relu = Layer("relu", "u[i] -> h[i]")
    registry.attach_kernel(relu)
    assert relu.recipe is None


def test_a_convolution_of_many_windows_or_groups_is_left_to_torch():
    plain, grouped = registry.recipe("conv2d"), registry.recipe("conv2d(groups=2)")
    small, W, b = torch.empty(2, 3, 9, 9), torch.empty(5, 3, 3, 3), torch.empty(5)
    assert plain.fits([small, W, b], compiled=False)
    assert not plain.fits([torch.empty(64, 3, 32, 32), W, b], compiled=False)
    assert grouped.kernel() is None
    middle = torch.empty(32, 3, 16, 16)
    assert plain.fits([middle, W, b], compiled=False)
    assert not plain.fits([middle, W, b], compiled=True)


def test_maxima_of_windows_that_overlap_or_of_samples_apart_are_left_to_torch():
    recipe = registry.recipe("max_pool2d")
    apart, beside = torch.empty(4, 3, 8, 8), torch.empty(3, 8, 8, 4).permute(3, 0, 1, 2)
    assert recipe.fits([beside], compiled=False)
    assert not recipe.fits([apart], compiled=False)
    assert Recipe(registry.layer("max_pool2d(size=3,stride=2)"), recipe.module).kernel() is None
