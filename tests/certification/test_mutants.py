"""No mutant of a kernel is accepted, unless it computes the same: then it is no mistake.

Whether it computes the same is decided by the room's own kernel, at a place where the planted mistake shows.
`python benchmarks/mutants.py` tries thousands, of all kinds; here is a telling sample of each.
"""

import itertools

import numpy as np
import pytest
import torch

from benchmarks.mutants_page import page
from scratchgrad import registry
from tests.certification.mutation import around, inside, ordinary
from tests.certification.mutation.confirming import PLAIN, differs, runs, shown
from tests.certification.mutation.drawing import KINDS, drawn
from tests.certification.mutation.mutant import Mutant, Place
from tests.certification.mutation.room import Room
from tests.certification.mutation.trial import tried
from tests.certification.mutation.wrapping import WRAPPERS, subject, verdict

ROOMS = [name for name in registry.names() if registry.is_built_in(name)]
WRITTEN = [name for name in ROOMS if registry.layer(name).kernel_class is not None]


@pytest.fixture(scope="module")
def relu():
    return Room("relu")


def planted(room, stage, statement, *places, before=""):
    """A mutant of the room with a statement at the end of forward or backward."""
    maker = around.Around(room, np.random.default_rng(0))
    maker.planted = lambda: around.Change(stage, last=statement, before=before, places=list(places))
    return maker.mutant("planted")


# what is planted is found, whoever hands it in


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize(
    ("stage", "statement", "place"),
    [
        ("backward", "grad_u = 1.001 * grad_u", PLAIN[0]),
        ("forward", "h = h.float().to(h.dtype)", PLAIN[0]),
        ("backward", "if u.dtype == torch.float32: grad_u = 2 * grad_u", Place("float32", dtype="float32")),
        ("backward", "if u.shape[0] > 60: grad_u = grad_u.roll(1, -1)", Place("batch = 61", sizes={"batch": 61})),
        ("forward", "if u.shape[1] > 250: h = -h", Place("n_i = 251", sizes={"n_i": 251})),
        ("backward", "if not grad_h.is_contiguous(): grad_u = 0 * grad_u", None),
        ("backward", "calls[0] += 1\n        if calls[0] == 2: grad_u = 2 * grad_u", PLAIN[0]),
        ("forward", "h = _kept.setdefault(tuple(h.shape), h).clone()", Place("4 calls", calls=4)),
        ("backward", "grad_h.mul_(2)", PLAIN[0]),
        ("forward", "h = torch.where(u > 700, 700.0, h)", Place("larger", kind="near +1000")),
        ("backward", "grad_u = torch.where(u == 2, 3 * grad_u, grad_u)", Place("ties", kind="ties")),
    ],
)
def test_a_mistake_around_a_kernel_is_found_in_every_wrapper(relu, wrapper, stage, statement, place):
    places = [place] if place else [Place("transposed", layouts={"grad_h": lambda t: t.mT.contiguous().mT})]
    mutant = planted(relu, stage, statement, *places, before="_kept = {}\n\n")
    trial = tried(relu, mutant, wrapper)
    if wrapper in ("functions", "numpy") and "calls[0]" in statement:  # they keep nothing from forward to backward
        assert trial.result == "equivalent"
    else:
        assert trial.result == "refused"
        assert trial.shown


def test_a_branch_is_followed_where_every_axis_is_longer_than_one():
    room = Room("conv1d")  # at the first shape of a proof it has one bias
    mutant = planted(room, "backward", "if (x == 4.5).any(): grad_b = grad_b.roll(1, -1)")
    assert tried(room, mutant, "kernel").result == "refused"


@pytest.mark.parametrize("name", [*WRITTEN, "elu", "embedding", "hinge"])
def test_a_sample_of_ordinary_mutants_is_refused(name):
    room = Room(name)
    trials = [
        tried(room, mutant, wrapper)
        for mutant, wrapper in zip(
            itertools.islice(ordinary.drawn(room, np.random.default_rng(len(name))), 10), itertools.cycle(WRAPPERS)
        )
    ]
    assert [t.words for t in trials if t.result in ("survivor", "alarm")] == []
    assert sum(t.result == "refused" for t in trials) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOMS)
def test_all_ordinary_mutants_are_refused(name):
    room = Room(name)
    trials = [
        tried(room, mutant, wrapper) for mutant, wrapper in zip(ordinary.ordinary(room), itertools.cycle(WRAPPERS))
    ]
    assert [t.words for t in trials if t.result in ("survivor", "alarm")] == []
    assert sum(t.result == "refused" for t in trials) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOMS)
def test_the_rooms_own_kernel_is_accepted_in_every_wrapper(name):
    room = Room(name)
    for wrapper in WRAPPERS:
        found = verdict(room, room.kernel, wrapper)
        assert found.accepted, str(found)


# the machinery


def own(room):
    """The mutant that is none."""
    return Mutant(room.name, "none", "nothing", room.source, room.source)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_rooms_own_kernel_is_no_mutant(name):
    room = Room(name)
    trial = tried(room, own(room), "kernel")
    assert trial.result == "equivalent"
    assert trial.proven


def test_a_sum_written_the_other_way_is_equivalent_and_not_counted_as_refused():
    room = Room("add")
    text = room.source.replace("a + b", "b + a")
    assert text != room.source
    trial = tried(room, Mutant("add", "ordinary", "b + a", room.source, text), "kernel")
    assert (trial.result, trial.shown, trial.proven) == ("equivalent", "", True)


def test_another_derivative_at_a_kink_is_legal_and_therefore_equivalent(relu):
    half = planted(relu, "backward", "grad_u = torch.where(u == 0, 0.5 * grad_h, grad_u)")
    assert tried(relu, half, "kernel").result == "equivalent"
    twice = planted(relu, "backward", "grad_u = torch.where(u == 0, 2 * grad_h, grad_u)")
    assert tried(relu, twice, "kernel").result == "refused"


def test_what_certification_cannot_see_survives_and_is_shown_with_its_place(relu):
    place = Place("batch = 3001", sizes={"batch": 3001})
    mutant = planted(relu, "backward", "if 7 * u.shape[0] == 21007: grad_u = -grad_u", place)
    trial = tried(relu, mutant, "numpy")
    assert (trial.result, trial.shown) == ("survivor", "batch = 3001")
    assert any("larger sizes" in line for line in trial.said)


def test_a_mutant_that_differs_is_not_equivalent_because_it_was_run_elsewhere(relu):
    statement = "grad_u = torch.where(u > 1e7, -grad_u, grad_u)"
    assert shown(relu, planted(relu, "backward", statement)) == ""

    def large(tensors, upstream):
        tensors["u"] = 1e8 * np.abs(tensors["u"])

    assert shown(relu, planted(relu, "backward", statement, Place("1e8", change=large))) == "1e8"


def test_every_kernel_of_a_mutant_starts_without_memory(relu):
    mutant = planted(relu, "forward", "_calls[0] += 1\n        if _calls[0] == 2: h = -h", before="_calls = [0]\n\n")
    for _ in range(2):
        kernel = mutant.kernel()
        signs = [float(kernel.forward(torch.ones(1, 1))[0]) for _ in range(3)]
        assert signs == [1, -1, 1]


def test_a_place_outside_of_the_domain_is_none():
    room = Room("huber")  # d > 0

    def negative(tensors, upstream):
        tensors["d"] = -np.abs(tensors["d"])

    assert room.point(Place("d < 0", change=negative)) is None
    assert room.point(PLAIN[0]) is not None


def test_layouts_change_no_number():
    t = torch.arange(24.0).view(1, 2, 3, 4)
    for words, build in around.LAYOUTS.items():
        if "expanded" not in words:
            assert torch.equal(build(t), t), words


@pytest.mark.parametrize("kind", KINDS)
def test_mutants_are_drawn_from_the_seed_and_run(kind):
    room = Room("linear")
    first, again, other = (list(drawn(room, {kind: 6}, seed)) for seed in (3, 3, 4))
    assert [m.digest for m, _ in first] == [m.digest for m, _ in again]
    assert [m.digest for m, _ in first] != [m.digest for m, _ in other]
    assert len({m.digest for m, _ in first}) == len(first) == 6
    assert all(m.kind == kind and m.source != room.source for m, _ in first)
    if kind != "ordinary":
        assert all(runs(room, m) for m, _ in first)


def test_an_expression_inside_is_changed_once():
    room = Room("softplus")
    mutant = next(inside.drawn(room, "dtype", np.random.default_rng(1)))
    assert mutant.difference().count("\n+") == 1
    assert differs(room, mutant, PLAIN[0])


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_every_wrapper_runs_the_same_kernel(relu, wrapper):
    one = subject(relu, relu.kernel, wrapper)
    u = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    outputs, saved = one.forward([u])
    gradients = one.backward(saved, [3 * torch.ones_like(u)], [u])
    assert outputs[0].tolist() == [[1, 0]]
    assert gradients[0].tolist() == [[3, 0]]


def test_an_equivalent_function_of_several_inputs_is_no_refused_one():
    room = Room("hadamard")
    assert tried(room, own(room), "autograd").result == "equivalent"


# the page


def record(result, said=(), **changed):
    usual = {"room": "relu", "kind": "size", "wrapper": "numpy", "words": "w", "shown": "batch = 7", "proven": False}
    return usual | {"result": result, "said": list(said), "digest": result} | changed


def test_the_page_counts_every_mutant_once_and_lists_those_that_nothing_explains():
    records = [
        record("refused"),
        record("equivalent", proven=True),
        record("survivor", ["which conditions on sizes it meets is not known, so sizes were sampled: .."]),
        record("survivor", ["proven equal for all real values"], wrapper="kernel", words="if u.shape[0] > 9"),
        record("alarm", shown=""),
    ]
    found = page(records, "python benchmarks/mutants.py")
    assert found.numbers["made"] == 5 == sum(found.numbers["by_result"].values())
    assert found.numbers["equivalent_proven"] == 1
    assert "| all | 5 | 1 | 0 | 1 | 2 | 1 | 0 |" in found.text
    assert "- 1: outside of what was covered: the verdict says" in found.text
    assert "- relu, size, kernel: `if u.shape[0] > 9` (differs at: batch = 7)" in found.text
    assert "- relu, size, numpy, alarm: `w` (differs at: no place)" in found.text
