"""The layers that courses ask for: by which names people call them, what they take, and the readings of each.

A reading is one definition in one layout: samples as rows, as columns, or one sample; a loss per sample, summed, or
averaged.  Which reading a file means is decided by what its forward computes (`matching`), never by a guess alone.

In   a name such as "affine_forward" or "MSELoss"; or a room's name, or a definition as text
Out  Kind
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

__all__ = [
    "ANY",
    "COLUMNS",
    "CONVENTIONS",
    "KINDS",
    "ONE",
    "ROWS",
    "Kind",
    "Part",
    "Reading",
    "kind_named",
    "kind_of_name",
]

ROWS, COLUMNS, ONE = "rows", "columns", "one sample"
CONVENTIONS = (ROWS, COLUMNS, ONE)
ANY = ""
"""The convention of what has none: functions of every element, scalars, penalties."""


@dataclass(frozen=True)
class Part:
    """An argument of a layer: the names that people give it, and what it is.

    `sort` is "tensor" (a signal), "parameter" (weights), "target" (a signal whose gradient courses leave out), "labels"
    (integers), or "constant" (a number, never differentiated).
    """

    name: str
    names: str
    sort: str = "tensor"

    @property
    def must_have_gradient(self) -> bool:
        """Whether a backward without this gradient is incomplete."""
        return self.sort in ("tensor", "parameter")


@dataclass(frozen=True)
class Reading:
    """A definition in one layout.  `stored`: which tensors the code holds as a "column", a "row" or "transposed"."""

    text: str
    convention: str
    words: str = ""
    stored: dict[str, str] = field(default_factory=dict, hash=False)
    room: str = ""


@dataclass(frozen=True)
class Kind:
    """A layer that the grader knows."""

    name: str
    called: str
    parts: tuple[Part, ...]
    readings: tuple[Reading, ...]

    def part(self, name: str) -> Part | None:
        """The part of this name."""
        return next((part for part in self.parts if part.name == name), None)


_X = Part(
    "x",
    r"x|xs|inputs?|inp|input_?(data|tensor|value)|in_?(layer|node)?|a(_?prev)?|h|u|z|v|data|feature\w*|prev\w*|prior\w*",
)
_W = Part("W", r"w\d*|weights?\d*|kernel|theta|m", "parameter")
_B = Part("b", r"b\d*|bias(es)?\d*", "parameter")
_PREDICTED = Part("v", r"v|x|z|o|a|pred\w*|y_?(hat|pred)|scores?|logits?|outputs?|input\w*|x\w*|prediction\w*|al")
_TARGET = Part("y", r"y|t|targets?|truth|y_?true|true\w*|labels?|ground\w*|expected|actual|one_?hot", "target")
_LABELS = Part("t", r"y|t|targets?|labels?|y_?true|truth", "labels")
_LAMBDA = Part(
    "c",
    r"c|l(a?mbda|am|ambd)?_?|lambda_?\w*|decay|weight_?decay|reg(ul\w*)?(_?(strength|lambda|const\w*|weight|coef\w*))?|beta|alpha|coef\w*|strength|scale|constant|k|factor|lmbda",
    "constant",
)
_LOGITS = Part("v", _PREDICTED.names)
_SLOPE = Part("c", r"slope|alpha|negative_?slope|a|leak\w*", "constant")


def _elementwise(name: str, called: str, right: str, *more: Part) -> Kind:
    """A function of every element, over vectors and over batches."""
    vector = f"h[i] = {right.format(u='u[i]')}"
    part = Part("u", _X.names)
    readings = [
        Reading(f"h[n,i] = {right.format(u='u[n,i]')}", ANY, "element by element"),
        Reading(vector, ANY, "element by element, vectors"),
        Reading(vector, ANY, "element by element, column vectors", {"u": "column", "h": "column"}),
    ]
    return Kind(name, called, (part, *more), tuple(readings))


def _linear() -> Iterator[Reading]:
    rows, turned = "u[n,i] = Sum(x[n,j]*W[i,j], j)", "u[n,i] = Sum(x[n,j]*W[j,i], j)"
    columns, turned_columns = "u[i,n] = Sum(W[i,j]*x[j,n], j)", "u[i,n] = Sum(W[j,i]*x[j,n], j)"
    for text, words in ((turned, "W is [inputs, outputs]"), (rows, "W is [outputs, inputs]")):
        yield Reading(f"{text} + b[i]", ROWS, words)
        yield Reading(f"{text} + b[i]", ROWS, f"{words}, b a row", {"b": "row"})
    yield Reading(f"{columns} + b[i]", COLUMNS, "", {"b": "column"})
    yield Reading(f"{turned_columns} + b[i]", COLUMNS, "W is [inputs, outputs]", {"b": "column"})
    column = dict.fromkeys(("x", "b", "u"), "column")
    row = dict.fromkeys(("x", "b", "u"), "row")
    yield Reading("u[i] = Sum(W[i,j]*x[j], j) + b[i]", ONE)
    yield Reading("u[i] = Sum(W[i,j]*x[j], j) + b[i]", ONE, "column vectors", column)
    yield Reading("u[i] = Sum(x[j]*W[j,i], j) + b[i]", ONE, "W is [inputs, outputs]")
    yield Reading("u[i] = Sum(x[j]*W[j,i], j) + b[i]", ONE, "row vectors", row)


def _without_bias() -> Iterator[Reading]:
    for reading in _linear():
        stored = {name: how for name, how in reading.stored.items() if name != "b"}
        if stored == reading.stored or reading.stored.get("b") != "row" or len(reading.stored) > 1:
            yield Reading(reading.text.removesuffix(" + b[i]"), reading.convention, reading.words, stored)


def _reduced(term: str, *, before: str = "") -> Iterator[Reading]:
    """A loss whose sample has the terms `term` over i: summed or averaged, over a batch and for one sample."""
    for rows, convention in ((True, ROWS), (False, COLUMNS)):
        at = term.replace("[i]", "[n,i]" if rows else "[i,n]")
        if convention == COLUMNS:
            yield Reading(f"{before}L = Sum({at}, n, i)/n_n", COLUMNS, "summed, averaged over the batch")
            yield Reading(f"{before}L = Sum({at}, n, i)/(2*n_n)", COLUMNS, "half of the mean over the batch")
            continue
        for scale, words in (
            ("/n_n", "summed, averaged over the batch"),
            ("/(n_n*n_i)", "averaged over all entries"),
            ("", "summed over all entries"),
            ("/2", "half of the sum"),
            ("/(2*n_n)", "half of the mean over the batch"),
            ("/(2*n_n*n_i)", "half of the mean over all entries"),
        ):
            yield Reading(f"{before}L = Sum({at}, n, i){scale}", ROWS, words)
        yield Reading(f"{before}L[n] = Sum({at}, i)", ROWS, "one loss a sample")
    for scale, words in (
        ("", "summed"),
        ("/n_i", "averaged"),
        ("/2", "half of the sum"),
        ("/(2*n_i)", "half of the mean"),
    ):
        yield Reading(f"{before}L = Sum({term}, i){scale}", ONE, words)
        yield Reading(
            f"{before}L = Sum({term}, i){scale}", ONE, f"{words}, column vectors", {"v": "column", "y": "column"}
        )


def _softmax_loss() -> Iterator[Reading]:
    logs = "log(Sum(exp(v[n,k]), k))"
    for convention, stored in ((ROWS, {}), (COLUMNS, {"v": "transposed", "y": "transposed"})):
        for scale, words in (
            ("/n_n", "averaged over the batch"),
            ("", "summed over the batch"),
            ("/(n_n*n_i)", "averaged over all entries"),
            ("/n_i", "averaged over the classes"),
        ):
            yield Reading(f"L = Sum(y[n,i]*({logs} - v[n,i]), n, i){scale}", convention, words, stored)
        yield Reading(f"L[n] = Sum(y[n,i]*({logs} - v[n,i]), i)", convention, "one loss a sample", stored)
    text = "L = Sum(y[i]*(log(Sum(exp(v[k]), k)) - v[i]), i)"
    yield Reading(text, ONE)
    yield Reading(text, ONE, "column vectors", {"v": "column", "y": "column"})
    yield Reading(text, ONE, "row vectors", {"v": "row", "y": "row"})


def _softmax_labels() -> Iterator[Reading]:
    for scale, words in (("/n_n", "averaged over the batch"), ("", "summed over the batch")):
        yield Reading(f"L = Sum(log(Sum(exp(v[n,k]), k)) - v[n,t[n]], n){scale}", ROWS, words)
    yield Reading("L[n] = log(Sum(exp(v[n,k]), k)) - v[n,t[n]]", ROWS, "one loss a sample")


def _hinge_labels() -> Iterator[Reading]:
    text = "L = Sum(where(k == t[n], 0, max(v[n,k] - v[n,t[n]] + 1, 0)), n, k)"
    yield Reading(f"{text}/n_n", ROWS, "averaged over the batch")
    yield Reading(text, ROWS, "summed over the batch")


def _softmax(log: bool) -> Iterator[Reading]:
    for at, k, convention in (("[n,i]", "[n,k]", ROWS), ("[i,n]", "[k,n]", COLUMNS), ("[i]", "[k]", ONE)):
        text = f"v{at} - log(Sum(exp(v{k}), k))" if log else f"exp(v{at})/Sum(exp(v{k}), k)"
        yield Reading(f"o{at} = {text}", convention)
        if convention == ONE:
            yield Reading(f"o{at} = {text}", convention, "a column vector", {"v": "column", "o": "column"})


def _penalty(with_constant: bool) -> tuple[Reading, ...]:
    c = "c*" if with_constant else ""
    readings = [
        Reading(f"s = {c}Sum(W[i,j]**2, i, j)", ANY, "the squared Frobenius norm"),
        Reading(f"s = {c}Sum(W[i,j]**2, i, j)/2", ANY, "half of the squared Frobenius norm"),
        Reading(f"s = {c}sqrt(Sum(W[i,j]**2, i, j))", ANY, "the norm itself, not its square"),
        Reading(f"s = {c}Sum(abs(W[i,j]), i, j)", ANY, "the sum of the absolute values"),
    ]
    return tuple(readings)


def _binary(name: str, called: str, sign: str, names: tuple[str, str]) -> Kind:
    axes = ("", "[i]", "[n,i]")
    readings = tuple(
        Reading(f"s{at} = a{at} {sign} b{at}", ANY, "element by element" if at else "scalars") for at in axes
    )
    return Kind(name, called, (Part("a", names[0]), Part("b", names[1])), readings)


_ADDENDS = (
    r"a|x|s1|val(ue)?_?1|first|left|l\w*|in(put)?_?(node|layer)?_?1|s1\w*|x1",
    r"b|y|s2|val(ue)?_?2|second|right|r\w*|in(put)?_?(node|layer)?_?2|s2\w*|x2",
)


def _normalised(batch: bool) -> tuple[Reading, ...]:
    mean, axis, size = ("m[j]", "n", "n_n") if batch else ("m[n]", "j", "n_j")
    deviation = mean.replace("m", "s", 1)
    text = (
        f"{mean} = Sum(x[n,j], {axis})/{size}; c[n,j] = x[n,j] - {mean}; "
        f"{deviation} = sqrt(Sum(c[n,j]**2, {axis})/{size} + eps); z[n,j] = c[n,j]/{deviation}; "
        "h[n,j] = gamma[j]*z[n,j] + beta[j]"
    )
    return (Reading(text, ROWS), Reading(text, ROWS, "gamma and beta are rows", {"gamma": "row", "beta": "row"}))


_SCALE_SHIFT = (
    _X,
    Part("gamma", r"gamma|scale|g|weight|w", "parameter"),
    Part("eps", r"eps(ilon)?", "constant"),
    Part("beta", r"beta|shift|b|bias", "parameter"),
)

_LOSS = r"(_?(loss|cost|error))?"
_DENSE = r"linear|lin|affine|dense|fc|fully_?connected"
_CE = r"(soft_?max|cross_?entropy|ce|sce)_?(with_?)?(and_?)?(cross_?entropy|ce|loss|soft_?max)?(_?loss)?"
_PENALTIES = (
    r"(l2_?|frobenius_?|weight_?)?(regular\w*|reg|decay|penalty|norm)(_?(loss|layer|term|l2))?"
    r"|l2_?norm|squared_?norm|frobenius"
)
_INDICES = Part("t", r"t|idx|index|indices|ids|x|tokens?|inputs?", "labels")
_TABLE = Part("E", r"e|w|weights?|table|embed\w*", "parameter")
_LEAK = "where({u} > 0, {u}, c*{u})"
_BCE = "(log(1 + exp(v[i])) - v[i]*y[i])"
_BCE_OF_PROBABILITIES = "(-(y[i]*log(v[i]) + (1 - y[i])*log(1 - v[i])))"
_SCALINGS = (
    Reading("h = c*u", ANY, "scalars"),
    Reading("h[i] = c*u[i]", ANY, "element by element, vectors"),
    Reading("h[n,i] = c*u[n,i]", ANY, "element by element"),
)

KINDS: tuple[Kind, ...] = (
    _elementwise("leaky_relu", r"leaky_?re_?lu", _LEAK, _SLOPE),
    _elementwise("relu", r"re_?lu|rectifi\w*", "max({u}, 0)"),
    _elementwise("gelu", r"gelu", "{u}*(1 + erf({u}/sqrt(2)))/2"),
    _elementwise("silu", r"silu|swish", "{u}*sigmoid({u})"),
    _elementwise("softplus", r"soft_?plus", "log(1 + exp({u}))"),
    _elementwise("sigmoid", r"sigmoid|logistic", "sigmoid({u})"),
    _elementwise("tanh", r"tanh", "tanh({u})"),
    Kind("softmax_cross_entropy", rf"{_CE}|categorical\w*", (_PREDICTED, _TARGET), tuple(_softmax_loss())),
    Kind("softmax_cross_entropy of labels", _CE, (_PREDICTED, _LABELS), tuple(_softmax_labels())),
    Kind("log_softmax", r"log_?soft_?max", (_LOGITS,), tuple(_softmax(log=True))),
    Kind("softmax", r"soft_?max", (_LOGITS,), tuple(_softmax(log=False))),
    Kind("svm_loss", rf"(svm|hinge|multi_?class_?(svm|hinge)){_LOSS}", (_PREDICTED, _LABELS), tuple(_hinge_labels())),
    Kind(
        "mse_loss",
        rf"(mse|mean_?squared?(_?error)?|l2|square[ds]?(_?error)?|quadratic|euclid\w*|regression){_LOSS}|loss",
        (_PREDICTED, _TARGET),
        tuple(_reduced("(v[i] - y[i])**2")),
    ),
    Kind(
        "l1_loss",
        rf"(l1|mae|mean_?absolute(_?error)?){_LOSS}",
        (_PREDICTED, _TARGET),
        tuple(_reduced("abs(v[i] - y[i])")),
    ),
    Kind(
        "binary_cross_entropy",
        rf"(sigmoid_?)?(bce|binary_?cross_?entropy)(_?with_?logits)?{_LOSS}",
        (_PREDICTED, _TARGET),
        (*_reduced(_BCE), *_reduced(_BCE_OF_PROBABILITIES)),
    ),
    Kind("penalty", _PENALTIES, (_W, _LAMBDA), _penalty(True)),
    Kind("penalty without constant", _PENALTIES, (_W,), _penalty(False)),
    Kind(
        "scale",
        r"(const\w*_?)?(scale|mult\w*|multiplier|factor)(_?const\w*)?",
        (Part("u", _X.names), _LAMBDA),
        _SCALINGS,
    ),
    _binary("add", r"add(ition)?|sum|plus", "+", _ADDENDS),
    _binary("hadamard", r"mul(tiply)?|hadamard|product|elementwise\w*|gate", "*", _ADDENDS),
    Kind("batch_norm", r"batch_?norm(alization|alisation)?\w*", _SCALE_SHIFT, _normalised(True)),
    Kind("layer_norm", r"layer_?norm(alization|alisation)?", _SCALE_SHIFT, _normalised(False)),
    Kind("embedding", r"embed\w*", (_INDICES, _TABLE), (Reading("e[n,k] = E[t[n],k]", ROWS),)),
    Kind("linear", _DENSE, (_X, _W, _B), tuple(_linear())),
    Kind("linear without bias", rf"{_DENSE}|mat_?mul", (_X, _W), tuple(_without_bias())),
)


def _bare(name: str) -> str:
    """A function's or class's name without what says that it is a forward, a backward, or a layer."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
    snake = re.sub(r"^(forward|my|the)_|_(forward|fwd|fprop|function|fn|op|node|layer|module|activation)$", "", snake)
    return snake.replace("__", "_")


def kind_of_name(name: str) -> tuple[Kind, ...]:
    """The kinds that a name may mean, the likeliest first."""
    bare = _bare(name)
    return tuple(kind for kind in KINDS if re.fullmatch(kind.called, bare))


@lru_cache
def kind_named(layer: str) -> tuple[Kind, ...]:
    """The kinds that a mark names: those of that name, else a room, else a definition as text.

    Raises registry.UnknownLayer or NotationError where it is none of them.
    """
    found = [kind for kind in KINDS if kind.name.partition(" ")[0] == layer]
    found += [] if found else kind_of_name(layer)
    if found:
        return tuple(found)
    from scratchgrad.gradients import definition_of

    definition = definition_of(layer)
    parts = []
    for tensor in definition.inputs:
        known = next((p for p in (_X, _W, _B, _TARGET) if p.name == tensor.name), None)
        names = known.names if known else re.escape(tensor.name)
        sort = "labels" if tensor.integer else "constant" if not tensor.indices else "tensor"
        sort = "parameter" if known in (_W, _B) else "target" if known is _TARGET else sort
        parts.append(Part(tensor.name, names, sort))
    is_room = re.fullmatch(r"\w+", layer.strip()) is not None
    reading = Reading(layer, ROWS if is_room else ANY, "" if is_room else "as it stands", room=layer if is_room else "")
    return (Kind(layer if is_room else definition.name or "definition", re.escape(layer), tuple(parts), (reading,)),)
