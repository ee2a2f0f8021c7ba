"""`scratchgrad bench`: who is measured, in which columns; what is refused."""


def test_each_contestant_has_a_line_and_those_that_are_missing_say_so(run, monkeypatch):
    monkeypatch.setattr("scratchgrad.cli.bench._OURS", ("program", "floor"))
    monkeypatch.setenv("COLUMNS", "120")
    done = run("bench", "12-8-4x4", "--against", "numpy by hand;JAX jit", "--jax-python", "/bin/false", "--rounds", "3")
    assert done.exit_code == 0, done.output
    assert "12-8-4 B4" in done.stdout
    lines = {line.split("│")[1].strip(): line for line in done.stdout.splitlines() if line.count("│") > 2}
    assert set(lines) == {"numpy by hand", "JAX jit", "program", "floor"}
    assert "the process ended" in lines["JAX jit"]
    assert " us " in lines["program"] or " ms " in lines["program"]


def test_unknown_contestants_and_networks_are_refused(run):
    done = run("bench", "--against", "tensorflow")
    assert done.exit_code == 2
    assert "no 'tensorflow'; known are eager;" in done.stderr
    done = run("bench", "wide")
    assert done.exit_code == 2
    assert "expected a, b1, b2, d, c, cnn, transformer, or sizes" in " ".join(done.stderr.replace("│", " ").split())


def test_a_network_without_a_floor_has_no_such_column(run, monkeypatch):
    monkeypatch.setattr("scratchgrad.cli.bench._OURS", ("program", "floor"))
    monkeypatch.setenv("COLUMNS", "120")
    done = run("bench", "transformerx2", "--against", "eager;numpy by hand", "--rounds", "3")
    assert done.exit_code == 0, done.output
    assert "transformer B2" in done.stdout
    assert "floor" not in done.stdout and "numpy" not in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.count("│") > 2]
    assert [line.split("│")[1].strip() for line in lines] == ["eager", "program"]
