"""Ordinary mutants: the source of a kernel with one small mistake, planted systematically.

operators      + - * / @ exchanged, operands swapped, dropped, negated, scaled by 2 or by 1 + 1e-6, made in place
calls          a reduction exchanged or dropped, its axis moved, keepdim turned, a transposition dropped
names          another variable of the same function in a variable's place
numbers        doubled, zeroed, negated
conditions     exchanged
results        gradients swapped, zeroed, cast, squeezed, or given as None
"""

import ast
import copy

from tests.certification.mutation.mutant import Mutant
from tests.certification.mutation.room import Room

_OPERATORS = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
}
_IN_PLACE = {ast.Add: "add_", ast.Sub: "sub_", ast.Mult: "mul_"}
_COMPARISONS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq)
_CALLS = {
    "sum": ("mean", "amax"),
    "softmax": ("log_softmax", "sigmoid"),
    "log_softmax": ("softmax",),
    "square": ("abs", "square_"),
    "relu": ("abs", "relu_", "sigmoid"),
    "clone": ("detach", "neg"),
    "new_zeros": ("new_ones",),
    "masked_fill": ("masked_fill_",),
    "unsqueeze": ("unsqueeze_",),
    "addmm": ("addmm_",),
}
_ENDINGS = (
    ".float()",
    ".double()",
    ".squeeze()",
    ".contiguous().view(-1)",
    " * 0",
    " * -1",
    " * 2",
    " + 1e-5",
    ".round()",
)


def ordinary(room: Room):
    """The ordinary mutants of a room, in a fixed order, no two with the same source."""
    tree = ast.parse(room.source)
    seen = {ast.unparse(tree)}
    for number in range(sum(1 for _ in places_in(tree))):
        for words, changed in _changes(tree, number):
            ast.fix_missing_locations(changed)
            text = ast.unparse(changed)
            if text not in seen:
                seen.add(text)
                yield Mutant(room.name, "ordinary", words, room.source, text)


def drawn(room: Room, rng):
    """Ordinary mutants at random, without end."""
    tree = ast.parse(room.source)
    count = sum(1 for _ in places_in(tree))
    while True:
        number = int(rng.integers(count))
        function, node = list(places_in(tree))[number]
        found = list(_replacements(function, node))
        if found:
            made = _changed(tree, number, found[int(rng.integers(len(found)))])
            if made is None:
                continue
            words, changed = made
            ast.fix_missing_locations(changed)
            text = ast.unparse(changed)
            if text != room.source:
                yield Mutant(room.name, "ordinary", words, room.source, text)


def _kernel(tree):
    return next(n for n in tree.body if isinstance(n, ast.ClassDef))


def places_in(tree):
    """Every node of the kernel's two functions, with the function that it stands in."""
    for function in _kernel(tree).body:
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                for node in ast.walk(statement):
                    yield function, node


def _changes(tree, number):
    """All mutants by one change at the place of that number."""
    function, node = list(places_in(tree))[number]
    for replacement in _replacements(function, node):
        made = _changed(tree, number, replacement)
        if made is not None:
            yield made


def _changed(tree, number, replacement):
    """What was changed, in words, and the changed tree; None where nothing can stand there."""
    words, new = replacement
    function, node = list(places_in(tree))[number]
    changed = copy.deepcopy(tree)
    if not put(changed, list(places_in(changed))[number][1], new):
        return None
    return f"{function.name}: {ast.unparse(node)} -> {words}", changed


def put(tree, old, new):
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
                return True
            if isinstance(value, list) and any(v is old for v in value):
                value[[v is old for v in value].index(True)] = new
                return True
    return False


def _replacements(function, node):
    """Pairs (words, new node)."""
    made = []
    if isinstance(node, ast.BinOp):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        made += [ast.BinOp(node.left, other(), node.right) for other in _OPERATORS.get(type(node.op), ())]
        made += [node.left, node.right, ast.BinOp(node.right, node.op, node.left)]
        if type(node.op) in _IN_PLACE:
            made.append(f"({left}).{_IN_PLACE[type(node.op)]}({right})")
    if isinstance(node, ast.BinOp | ast.Call | ast.UnaryOp):
        text = ast.unparse(node)
        made += [f"-({text})", f"2 * ({text})", f"1.000001 * ({text})"]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        made.append(node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        made += [ast.Constant(v) for v in (2 * node.value, 0, -node.value, node.value - 1, node.value + 1)]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        made.append(ast.Constant(not node.value))
    if isinstance(node, ast.Compare):
        made += [
            ast.Compare(node.left, [other()], node.comparators)
            for other in _COMPARISONS
            if not isinstance(node.ops[0], ast.Is | ast.IsNot)
        ]
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.IsNot | ast.Is):
        other = ast.Is() if isinstance(node.ops[0], ast.IsNot) else ast.IsNot()
        made.append(ast.Compare(node.left, [other], node.comparators))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        made.append(node.func.value)
        arguments = ", ".join(map(ast.unparse, node.args + node.keywords))
        receiver = ast.unparse(node.func.value)
        made += [f"({receiver}).{other}({arguments})" for other in _CALLS.get(node.func.attr, ())]
        if node.args:
            made.append(f"({receiver}).{node.func.attr}()")
    if isinstance(node, ast.Attribute) and node.attr in ("mT", "T"):
        made.append(node.value)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        made += [ast.Name(other, ast.Load()) for other in _names(function) if other != node.id]
        made += [f"({node.id}).mT", f"({node.id}).clone().fill_(1)"]
    if isinstance(node, ast.Return):
        made += _results(function, node)
    for replacement in made:
        new = replacement
        if isinstance(new, str):
            body = ast.parse(new).body[0]
            new = body if isinstance(node, ast.stmt) else body.value
        yield ast.unparse(new), new


def _names(function):
    """The variables of a function."""
    stored = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return sorted(stored | {a.arg for a in function.args.args})


def _results(function, node):
    """A return with another result."""
    value = node.value
    several = isinstance(value, ast.Tuple)
    parts = [ast.unparse(v) for v in value.elts] if several else [ast.unparse(value)]
    if function.name == "forward":  # a pair (outputs, saved)
        first = value.elts[0]
        outputs = [ast.unparse(v) for v in first.elts] if isinstance(first, ast.Tuple) else [ast.unparse(first)]
        for n, output in enumerate(outputs):
            for ending in _ENDINGS:
                changed = [*outputs[:n], f"({output}){ending}", *outputs[n + 1 :]]
                yield f"return ({', '.join(changed)}{',' if len(changed) > 1 else ''}), {parts[1]}"
        return
    for n, part in enumerate(parts):
        for ending in _ENDINGS:
            changed = [*parts[:n], f"({part}){ending}", *parts[n + 1 :]]
            yield f"return {', '.join(changed)}"
        yield f"return {', '.join([*parts[:n], 'None', *parts[n + 1 :]])}"
        for m in range(n):
            swapped = list(parts)
            swapped[n], swapped[m] = parts[m], part
            yield f"return {', '.join(swapped)}"
