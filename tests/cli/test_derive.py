import json

import pytest

from scratchgrad.calculus.canonical import equal
from scratchgrad.gradients import derive
from scratchgrad.notation.grammar import parse

WITHOUT_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)

sys.meta_path.insert(0, NoTorch())
sys.argv = ["scratchgrad", "derive", *{arguments!r}]
from scratchgrad.cli import main
main()
"""

RECORDS = """
import sys
sys.argv = ["scratchgrad", *{arguments!r}]
from scratchgrad.cli import main
try:
    main()
finally:
    print(*sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
"""

LINEAR = "u[i] = Sum(W[i,j]*x[j], j) + b[i]"


def test_the_text_shows_definition_chosen_element_steps_result_and_sources(run):
    done = run("derive", "linear", "--wrt", "W")
    assert done.exit_code == 0
    shown = done.stdout
    assert "u[i] = b[i] + Sum(W[i,j]*x[j], j)" in shown
    assert "W[0,1] occurs in u[0] alone: the scalar chain rule." in shown
    assert "    = grad_u[i]*x[j]\n" in shown
    assert "│ element  grad_W[i,j] = grad_u[i]*x[j] │" in shown
    assert "│ vector   grad_u @ x.T                 │" in shown
    assert "│ batched  grad_u.T @ x                 │" in shown
    assert "Parr, Howard, The Matrix Calculus" in shown
    assert "respect to x\n" not in shown


def test_every_rule_that_a_step_names_has_its_source_below(run):
    shown = run("derive", "softmax_cross_entropy").stdout
    steps, _, sources = shown.partition("Rules and their sources")

    def rules(step):
        return {step.rule.name}.union(*map(rules, step.children))

    d = derive("softmax_cross_entropy")
    for rule in set().union(*(rules(step) for name in d for step in d[name].steps)):
        assert f"{rule}. " in steps
        assert f"    {rule} " in sources


def test_the_convention_at_a_kink_is_printed(run):
    shown = " ".join(run("derive", "relu").stdout.split())
    assert "Kinks In h[i], where u[i] == 0, the derivative is taken as 0." in shown


def test_the_kinks_stand_in_json(run):
    record = json.loads(run("derive", "h[i] = u[i]/(1 + abs(u[i]))", "--format", "json").stdout)["u"]
    (kink,) = record["kinks"]
    assert (kink["node"], kink["outputs"]) == ("abs(u[i])", "differentiable")
    assert kink["words"].endswith("The output is differentiable there all the same, with derivative 1.")


def test_no_line_is_wider_than_the_page_or_ends_in_blanks(run):
    for line in run("derive", "softmax_cross_entropy").stdout.splitlines():
        assert len(line) <= 80
        assert line == line.rstrip()


def test_a_pipe_gets_every_expression_on_one_line(interpreter):
    done = interpreter(
        "import sys; sys.argv[1:] = ['derive', 'softmax_cross_entropy']; from scratchgrad.cli import main; main()"
    )
    wanted = "= grad_L*(o[i]*Sum(y[j], j) - y[i]) + (grad_o[i] - Sum(grad_o[j]*o[j], j))*o[i]"
    assert any(line.strip() == wanted for line in done.stdout.splitlines())


@pytest.mark.parametrize("source", [LINEAR, "linear", "relu", "softmax_cross_entropy", "squared_norm", "L = LogDet(A)"])
def test_the_element_form_in_json_parses_back_to_the_element_form(run, source):
    records = json.loads(run("derive", source, "--format", "json").stdout)
    d = derive(source)
    assert list(records) == list(d)
    for name, record in records.items():
        left = f"out[{','.join(record['indices'])}]" if record["indices"] else "out"
        parsed = parse(f"{left} = {record['element']}", ranges=record["sizes"])
        assert equal(parsed.assignments[0].right, d[name].element)
        assert record["vector"] == (None if d[name].vector is None else str(d[name].vector))
        assert record["batched"] == (None if d[name].batched is None else str(d[name].batched))


def test_json_gives_the_batched_element_form_where_there_is_no_batched_matrix_form(run):
    done = run("derive", "y[i] = Sum(w[r]*x[i+r], r)", "--range", "r=nK", "--shared", "w", "--format", "json")
    record = json.loads(done.stdout)["w"]
    assert record["batched"] is None
    assert record["batched_element"] == "Sum(grad_y[n,i]*x[n,i + r], n, i)"
    assert record["batched_indices"] == ["r"]
    assert record["sizes"]["r"] == "nK"


def test_json_has_every_step_with_its_rule_words_and_source(run):
    def complete(step):
        assert step["rule"] and step["words"] and step["source"] and step["text"] and step["latex"]
        return 1 + sum(map(complete, step["children"]))

    steps = json.loads(run("derive", "linear", "--wrt", "W", "--format", "json").stdout)["W"]["steps"]
    assert sum(map(complete, steps)) > len(steps)
    assert steps[-1]["text"] == "grad_u[i]*x[j]"


def test_a_mistake_in_the_text_is_pointed_at_on_stderr_without_a_traceback(run):
    done = run("derive", "u[i] = Sum(W[i,j]*x[j], j")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr == ("UnbalancedText: '(' is never closed\n    u[i] = Sum(W[i,j]*x[j], j\n              ^\n")


def test_an_unknown_layer_gets_a_proposal(run):
    done = run("derive", "lineer")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "UnknownLayer: no layer is named 'lineer'; did you mean 'linear' or 'bilinear'?\n"


def test_a_gradient_with_respect_to_an_unknown_name_lists_the_inputs(run):
    done = run("derive", "linear", "--wrt", "V")
    assert done.exit_code == 2
    assert "no gradient with respect to 'V'; the differentiable inputs are x, W, b" in done.stderr


def test_a_range_without_a_size_is_refused(run):
    done = run("derive", LINEAR, "--range", "r")
    assert done.exit_code == 2
    assert "expected INDEX=SIZE, such as r=nK, got 'r'" in done.stderr


def test_a_layer_in_a_file_is_derived(run, tmp_path):
    (tmp_path / "cube.py").write_text(
        "from scratchgrad.layer import Layer\n"
        "cube = Layer('cube', 'u[i] -> h[i]')\n"
        "@cube.define\n"
        "def definition(s):\n"
        "    u, h = s.tensors\n"
        "    return s.eq(h[s.i], u[s.i] ** 3)\n",
        encoding="utf-8",
    )
    assert "grad_u[i] = 3*grad_h[i]*u[i]**2" in run("derive", "cube.py:cube").stdout
    refused = run("derive", "cube.py:cub")
    assert (refused.exit_code, refused.stderr) == (
        2,
        "LayerNotInFile: cube.py: declares no layer 'cub'; its layers: cube\n",
    )
    assert "nothere.py: no such file" in run("derive", "nothere.py:cube").stderr


@pytest.mark.parametrize(
    "arguments", [[LINEAR], ["linear"], [LINEAR, "--format", "json"], ["relu", "--format", "latex"]]
)
def test_a_derivation_needs_no_torch(interpreter, arguments):
    done = interpreter(WITHOUT_TORCH.format(arguments=arguments))
    assert done.returncode == 0, done.stderr
    assert "grad_" in done.stdout or "partial" in done.stdout


def test_a_derivation_loads_neither_torch_nor_what_draws(interpreter):
    done = interpreter(RECORDS.format(arguments=["derive", LINEAR]))
    assert done.returncode == 0, done.stderr
    assert not set(done.stderr.split()) & {"torch", "matplotlib", "safetensors", "jinja2"}


def test_the_list_of_layers_loads_no_sympy(interpreter):
    done = interpreter(RECORDS.format(arguments=["layers"]))
    assert done.returncode == 0, done.stderr
    assert not set(done.stderr.split()) & {"sympy", "matplotlib"}


def test_a_domain_is_an_option(run):
    assert run("derive", "y[i] = x[i]/sqrt(nu)", "--domains", "nu>0").exit_code == 0
    both = run("derive", "y[i] = x[i]/sqrt(nu)", "--domains", "nu>0", "--domains", "x:simplex")
    assert "For x in the simplex, nu > 0." in both.stdout
    refused = run("derive", "y[i] = x[i]/sqrt(nu)", "--domains", "mu>0")
    assert refused.exit_code != 0
    assert "the definition has no input 'mu'" in refused.output
