from scratchgrad import registry


def test_every_room_has_its_row(run):
    shown = run("layers").stdout
    assert all(f"\n{name} " in shown for name in registry.names())
    assert "s = a + b" in shown, "the equation of add"


def test_the_kink_of_a_layer_is_derived_from_its_equation(run):
    shown = " ".join(run("layers", "relu").stdout.split())
    assert "Kink where u[i] == 0, the derivative is taken as 0" in shown
    assert "Kink none" in " ".join(run("layers", "linear").stdout.split())


def test_a_kernel_that_the_registry_refuses_is_named_with_the_remedy(run, tmp_path, monkeypatch):
    monkeypatch.setattr("scratchgrad.certificate.built_in_path", lambda name: tmp_path / f"{name}.json")
    shown = " ".join(run("layers").stdout.split())
    assert "layer 'add' has no certificate. Run: scratchgrad certify add" in shown


def test_the_data_sheet_of_a_layer_is_what_it_declares_and_what_its_header_adds(run):
    assert run("layers", "concat").stdout == (
        "Concatenation: the entries of a, then those of b.\n"
        "\n"
        "    c[k] = a[k+0] + b[k - n_i]\n"
        "\n"
        "Shapes    a[i] b[j] -> c[k]\n"
        "Sizes     k = i + j\n"
        "Equal     c[k] = where(k < n_i, a[k+0], b[k - n_i])\n"
        "Saved     nothing but sizes\n"
        "Source    Huang et al., Densely Connected Convolutional Networks, 2017, eq. 2\n"
        "Kink      none\n"
        "Certified yes\n"
    )


def test_the_data_sheet_of_a_variant_has_its_options(run):
    shown = run("layers", "avg_pool2d(size=3)").stdout
    assert "y[c,p,q] = Sum(x[c, stride*p + r - padding" in shown
    assert "Options   size=3 stride=3 padding=0\n" in shown


def test_a_layer_of_a_file_has_a_data_sheet(run, tmp_path):
    (tmp_path / "softsign.py").write_text(
        "from scratchgrad.layer import Layer\n"
        "softsign = Layer('softsign', 'u[i] -> h[i]', 'h[i] = u[i]/(1 + abs(u[i]))')\n",
        encoding="utf-8",
    )
    shown = run("layers", "softsign.py:softsign").stdout
    assert "    h[i] = u[i]/(1 + abs(u[i]))\n" in shown
    assert "Certified layer 'softsign' has no kernel, neither written nor generated." in " ".join(shown.split())


def test_a_layer_that_is_not_there_is_named(run):
    refused = run("layers", "reluu")
    assert refused.exit_code == 2
    assert "no layer is named 'reluu'; did you mean 'relu'" in refused.stderr
