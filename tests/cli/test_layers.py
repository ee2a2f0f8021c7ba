from scratchgrad import registry


def test_every_room_has_its_row(run):
    shown = run("layers").stdout
    assert all(f"\n{name} " in shown for name in registry.names())
    assert "u_i = 0" in shown, "the kink of relu"


def test_a_kernel_that_the_registry_refuses_is_named_with_the_remedy(run, tmp_path, monkeypatch):
    monkeypatch.setattr("scratchgrad.certificate.built_in_path", lambda name: tmp_path / f"{name}.json")
    shown = " ".join(run("layers").stdout.split())
    assert "layer 'add' has no certificate. Run: scratchgrad certify add" in shown
