"""A stranger adds a layer in one file, with a domain that no room has: every generic test passes untouched."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOM = '''"""{title}: what a stranger needed.

Saved   its inputs
Source  A stranger, 2026
"""

from __future__ import annotations

from scratchgrad.layer import Layer

{name} = Layer("{name}", "{signature}", "{equation}", shared="{shared}")
'''
ROOMS = {  # name: signature, equation, what the samples share
    "student": ("v[i] y[i] nu>0 -> L", "L = Sum((nu + 1)/2*log(1 + (v[i] - y[i])**2/nu), i)", "nu"),
    "entropy": ("p[i]:simplex -> H", "H = -Sum(p[i]*log(p[i]), i)", ""),
    "picked": ("l[i] y[i]:onehot -> L", "L = -Sum(y[i]*l[i], i)", ""),
    "logistic": ("v[i] y[i]:sign -> L", "L = Sum(log(1 + exp(-y[i]*v[i])), i)", ""),
    "quadratic": ("x[i] A[i,j]:symmetric -> q", "q = Sum(A[i,j]*x[i]*x[j], i, j)", "A"),
    "volume": ("S[i,j]:positive_definite -> L", "L = LogDet(S)", ""),
    "fisher": ("r[i] in (-1,1) -> z[i]", "z[i] = atanh(r[i])", ""),
    "bernoulli": ("p[i]:probability y[i]:binary -> L", "L = -Sum(y[i]*log(p[i]) + (1 - y[i])*log(1 - p[i]), i)", ""),
    "divergence": (
        "p[i]:simplex q[i]:simplex -> L",
        "L = Sum(where(p[i] > 0, p[i]*(log(p[i]) - log(q[i])), 0), i)",
        "",
    ),
    "tsallis": ("p[i]:simplex alpha>1 -> H", "H = (1 - Sum(p[i]**alpha, i))/(alpha - 1)", "alpha"),
    "gaussian": (
        "v[i] y[i] S[i,j]:positive_definite -> L",
        "L = LogDet(S)/2 + Sum((v[i] - y[i])*Inv(S)[i,j]*(v[j] - y[j]), i, j)/2",
        "S",
    ),
    "log_cosh": ("v[i] y[i] -> L", "L = Sum(log(cosh(v[i] - y[i])), i)", ""),
    "poisson": ("l[i] y[i]>=0 -> L", "L = Sum(exp(l[i]) - y[i]*l[i] + lgamma(y[i] + 1), i)", ""),
}
GENERIC = (
    "tests/layers",
    "tests/certification/test_rooms.py",
    "tests/certification/test_battery.py",
    "tests/test_registry.py",
    "tests/program/test_rooms.py",
)


@pytest.mark.slow
def test_every_generic_test_passes_for_a_strangers_rooms(tmp_path):
    for folder in ("scratchgrad", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "TRUST.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / file, tmp_path)
    for name, (signature, equation, shared) in ROOMS.items():
        text = ROOM.format(name=name, title=name.capitalize(), signature=signature, equation=equation, shared=shared)
        (tmp_path / "scratchgrad/layers" / f"{name}.py").write_text(text.replace(', shared=""', ""), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "SCRATCHGRAD_CACHE": str(tmp_path / "cache")}

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("-c", "from scratchgrad.cli import main; main()", "certify", "--update", *ROOMS)
    run("-m", "pytest", "-q", *GENERIC, "-k", " or ".join(ROOMS))
