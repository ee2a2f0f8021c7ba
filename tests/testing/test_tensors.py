"""What `tensors` draws: any shape, dtype and bound, in few draws, shrinking to the simplest number that still fails."""

import math

import pytest
import torch
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from scratchgrad.domain import Domain, DomainError
from scratchgrad.membership import outside
from scratchgrad.testing import shapes, tensors
from scratchgrad.testing.elements import CannotDraw

QUICK = settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
WHOLE = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]


@pytest.mark.parametrize("dtype", [*DTYPES, *WHOLE, torch.bool])
def test_a_tensor_has_its_shape_and_its_dtype(dtype):
    @QUICK
    @given(st.data(), st.sampled_from([5, (), (0, 3), (3, 4), (64, 64)]))
    def holds(data, shape):
        tensor = data.draw(tensors(shape, dtype=dtype))
        assert (tuple(tensor.shape), tensor.dtype) == ((shape,) if isinstance(shape, int) else shape, dtype)
        assert tensor.isfinite().all()

    holds()


@QUICK
@given(tensors(st.integers(0, 4) | st.tuples(st.integers(1, 3), st.integers(1, 3)), dtype=st.sampled_from(DTYPES)))
def test_shape_and_dtype_may_be_strategies(tensor):
    assert tensor.ndim in (1, 2) and tensor.dtype in DTYPES


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("low", "high"), [(0, 10), (-1, 1), (0.1, 0.3), (-1e4, -1e3), (100, None), (None, -0.5), (3, 3), (1e-3, 2e-3)]
)
def test_values_lie_between_the_bounds_whatever_the_dtype_rounds_to(low, high, dtype):
    @QUICK
    @given(tensors(st.sampled_from([(2, 3), (20, 20)]), dtype=dtype, min_value=low, max_value=high))
    def holds(tensor):
        assert tensor.isfinite().all()
        assert low is None or bool((tensor.double() >= low).all())
        assert high is None or bool((tensor.double() <= high).all())

    holds()


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize(("low", "high"), [(0, 10), (3, 3), (None, 5), (100, None), (0.5, 2.5)])
def test_whole_numbers_lie_between_their_bounds(low, high, dtype):
    @QUICK
    @given(tensors((2, 3), dtype=dtype, min_value=low, max_value=high))
    def holds(tensor):
        assert low is None or bool((tensor.double() >= low).all())
        assert high is None or bool((tensor.double() <= high).all())

    holds()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "domain", [">0", ">=2", " in (-1,1)", " in [0,1)", ":probability", "<-100", ":sign", ":binary"]
)
@pytest.mark.parametrize("options", [{}, {"extremes": False}, {"elements": st.floats(-50, 50)}])
def test_values_lie_in_the_domain_whatever_draws_them(domain, dtype, options):
    @QUICK
    @given(tensors(st.sampled_from([(2, 3), (20, 20)]), dtype=dtype, domain=domain, **options))
    def holds(tensor):
        assert outside(Domain.parse(domain), tensor.double().numpy()) is None

    holds()


@pytest.mark.parametrize("shape", [(3, 4), (64, 64)])
@pytest.mark.parametrize(
    ("options", "fails", "ends"),
    [
        ({}, lambda t: t > 1.5, 2.0),
        ({}, lambda t: t > 150, 151.0),
        ({}, lambda t: t < -7, -8.0),
        ({}, lambda t: t > 100.25, 101.0),
        ({"domain": ">0"}, lambda t: t > 1.5, 2.0),
        ({"domain": " in [0,4]"}, lambda t: t > 1.5, 2.0),
        ({"max_value": 1e6}, lambda t: t > 12345.5, 12346.0),
        ({"min_value": -100, "max_value": 7.3}, lambda t: t > 1.5, 2.0),
        ({"dtype": torch.float32}, lambda t: t > 1.5, 2.0),
        ({"dtype": torch.bfloat16}, lambda t: t > 1.5, 2.0),
        ({"dtype": torch.int32}, lambda t: t > 10, 11),
        ({"elements": st.floats(-100, 100)}, lambda t: t > 1.5, 2.0),
    ],
)
def test_what_fails_shrinks_to_the_simplest_number_beyond_the_boundary(shape, options, fails, ends):
    smallest = find(
        tensors(shape, **options),
        lambda t: bool(fails(t).any()),
        settings=settings(max_examples=500, database=None, derandomize=True, deadline=None),
    )
    assert set(smallest[fails(smallest)].tolist()) == {ends}
    assert smallest.is_contiguous()
    assert len(smallest.unique()) <= 2


def drawn_once(strategy):
    """How many choices hypothesis makes for each of some examples."""
    counts = []

    @settings(max_examples=30, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data):
        data.draw(strategy)
        counts.append(len(data.conjecture_data.nodes))

    run()
    return counts


def test_large_tensors_take_no_more_choices_than_small_ones():
    few, many = drawn_once(tensors((16, 16))), drawn_once(tensors((512, 512)))
    assert max(many) < 1000
    assert sum(many) / len(many) < 2 * sum(few) / len(few) + 50


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("all different", lambda t: len(t.unique()) > 4000),
        ("many, few of them distinct", lambda t: 3 <= len(t.unique()) < 50 and int((t == t[0, 0]).sum()) < 3000),
        (
            "nearly all equal",
            lambda t: 1 < len(t.unique()) < 50 and int((t == t.mode().values.mode().values).sum()) > 3800,
        ),
        ("large", lambda t: bool((t.abs() > 500).any())),
        ("transposed", lambda t: not t.is_contiguous() and t.mT.is_contiguous()),
    ],
)
def test_large_tensors_are_of_every_kind(name, wanted):
    find(tensors((64, 64)), wanted, settings=settings(max_examples=500, database=None, deadline=None))


@pytest.mark.parametrize("dtype", [*DTYPES, *WHOLE])
@pytest.mark.parametrize("shape", [(), (2, 3), (10, 10)])
def test_unique_values_differ_from_one_another(dtype, shape):
    @QUICK
    @given(tensors(shape, dtype=dtype, unique=True))
    def holds(tensor):
        assert len(tensor.double().unique()) == tensor.numel()

    holds()


def test_unique_values_may_come_from_elements():
    @QUICK
    @given(tensors((2, 3), elements=st.integers(0, 9), unique=True, dtype=torch.int64))
    def holds(tensor):
        assert len(tensor.unique()) == 6 and bool((tensor >= 0).all())

    holds()


@pytest.mark.parametrize("shape", [(2, 2), (9, 9)])
def test_nan_and_infinity_come_only_where_they_are_allowed(shape):
    assert find(tensors(shape, allow_nan=True), lambda t: bool(t.isnan().any())).isnan().any()
    for infinite in (math.inf, -math.inf):
        assert (find(tensors(shape, allow_infinity=True), lambda t, n=infinite: bool((t == n).any())) == infinite).any()

    @QUICK
    @given(tensors(shape, allow_infinity=True, min_value=0))
    def holds(tensor):
        assert not tensor.isnan().any() and bool((tensor >= 0).all())

    holds()


@pytest.mark.parametrize("dtype", [torch.float32, torch.int16, torch.bool])
def test_elements_are_the_numbers_that_are_drawn(dtype):
    @QUICK
    @given(tensors((3, 3), dtype=dtype, elements=st.sampled_from([0, 1])))
    def holds(tensor):
        assert set(tensor.double().flatten().tolist()) <= {0.0, 1.0}

    holds()


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: tensors("ab"), r"expected a shape such as 5 or \(3, 4\), or a strategy of shapes, got 'ab'"),
        (lambda: tensors((2, -1)), r"expected a shape .* got \(2, -1\)"),
        (lambda: tensors((2.0,)), "expected a shape"),
        (lambda: tensors(True), "expected a shape"),
        (lambda: tensors(st.just("ab")), "expected a shape"),
        (
            lambda: tensors(3, dtype=torch.complex64),
            r"no tensors of torch.complex64 are drawn; give one of torch.float64",
        ),
        (lambda: tensors(3, dtype="float32"), "expected dtype= such as torch.float32, .* got 'float32'; give a torch"),
        (lambda: tensors(3, dtype=st.just(torch.complex64)), "no tensors of torch.complex64 are drawn"),
        (lambda: tensors(3, min_value=2, max_value=1), "no number lies between min_value=2 and max_value=1; exchange"),
        (lambda: tensors(3, min_value=math.nan), "expected min_value to be a finite number, got nan; leave it out"),
        (lambda: tensors(3, max_value="a"), "expected max_value to be a finite number, got 'a'"),
        (lambda: tensors(3, dtype=torch.uint8, max_value=-1), r"torch.uint8 has no number in .* widen min_value"),
        (
            lambda: tensors(3, dtype=torch.int8, min_value=0.2, max_value=0.8),
            r"torch.int8 has no number in \[0.2, 0.8\]",
        ),
        (lambda: tensors(3, dtype=torch.float16, min_value=1.0001, max_value=1.0002), "torch.float16 has no number in"),
        (lambda: tensors(3, elements=3.0), "expected elements= to be a strategy such as st.floats"),
        (lambda: tensors(3, elements=st.floats(), min_value=0), "elements= says which numbers there are; leave out"),
        (
            lambda: tensors(3, elements=st.just("x")),
            "elements= gave 'x', which torch.float64 cannot hold; give numbers",
        ),
        (lambda: tensors(3, dtype=torch.int64, elements=st.just(0.5)), "elements= gave 0.5, which torch.int64 cannot"),
        (lambda: tensors(3, dtype=torch.uint8, elements=st.just(300)), "elements= gave 300, which torch.uint8 cannot"),
        (
            lambda: tensors(3, dtype=torch.float16, elements=st.just(1e6)),
            "elements= gave 1000000.0, which torch.float16",
        ),
        (lambda: tensors(3, dtype=torch.bool, elements=st.just(2)), "elements= gave 2, which torch.bool cannot hold"),
        (lambda: tensors(3, allow_nan=True, domain=">0"), "NaN and infinity lie in no domain, got domain='>0'; leave"),
        (
            lambda: tensors(3, allow_infinity=True, min_value=0, max_value=1),
            r"but all values lie in \[0.0, 1.0\]; leave out",
        ),
        (lambda: tensors(3, dtype=torch.int64, allow_nan=True), "torch.int64 has neither NaN nor infinity; leave"),
        (lambda: tensors((2, 3), unique=True, domain=":onehot"), "the entries of ':onehot' depend on one another"),
        (
            lambda: tensors(3, dtype=torch.bool, unique=True),
            "torch.bool has no 3 different numbers in .* smaller shape",
        ),
        (lambda: tensors(5, dtype=torch.int64, min_value=0, max_value=3, unique=True), "no 5 different numbers in"),
        (
            lambda: tensors((99, 9), elements=st.floats(), unique=True),
            "at most 32 entries from elements=, got 891; give",
        ),
        (lambda: shapes("x[i]", smallest=3, largest=2), "expected 0 <= smallest <= largest, got smallest=3, largest=2"),
    ],
)
def test_misuse_is_named_and_says_what_to_do(draw, says):
    with pytest.raises(CannotDraw, match=says):
        find(draw(), lambda _: True, settings=QUICK)


def test_bounds_and_a_domain_that_contradict_one_another_are_named():
    with pytest.raises(DomainError, match="contradict one another: no number is both"):
        tensors(3, min_value=-2, max_value=-1, domain=">0")
    with pytest.raises(DomainError, match="cannot be declared together"):
        tensors(3, min_value=0.5, domain=":simplex")
