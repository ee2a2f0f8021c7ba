"""Layers are graded at larger sizes, too: another path from some size on is a mistake."""

import pytest

LAYERS = {
    "Linear": """
class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, g):
        n = MOST(self.x)
        return g @ self.W.T, self.x[:n].T @ g[:n], g[:n].sum(0)
""",
    "SoftmaxCrossEntropy": """
class SoftmaxCrossEntropy:
    def forward(self, v, y):
        v = v - v.max(axis=1, keepdims=True)
        logs = v - np.log(np.exp(v).sum(axis=1, keepdims=True))
        self.p, self.y = np.exp(logs), y
        return -np.sum(y * logs) / len(v)

    def backward(self, g=1.0):
        return g * (self.p - self.y) / MOST(self.y)
""",
    "BCELoss": """
class BCELoss:
    def forward(self, v, y):
        self.v, self.y = v, y
        return -np.mean(y * np.log(v) + (1 - y) * np.log(1 - v))

    def backward(self, g=1.0):
        return g * (self.v - self.y) / (self.v * (1 - self.v)) / (MOST(self.v) * self.v.shape[1])
""",
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_takes_another_path_from_33_rows_on_is_wrong_and_the_honest_one_right(graded, name):
    honest = "import numpy as np\n\ndef MOST(x):\n    return len(x)\n"
    assert graded(honest + LAYERS[name])[name].status == "right"
    wrong = graded(honest.replace("len(x)", "min(len(x), 32)") + LAYERS[name])[name]
    assert (wrong.status, wrong.wrong) == ("wrong", ("backward",))
    assert "[33, " in " ".join(wrong.diagnosis) and "[32, " in " ".join(wrong.diagnosis)


def test_a_layer_that_takes_another_path_from_257_columns_on_is_wrong(graded):
    text = "class ReLU:\n    def forward(self, x):\n        self.x = x\n        return x.clip(0)\n"
    text += "    def backward(self, g):\n        return g * (self.x > 0) if self.x.shape[-1] < LIMIT else g\n"
    assert graded("LIMIT = 10**9\n" + text)["ReLU"].status == "right"
    wrong = graded("LIMIT = 257\n" + text)["ReLU"]
    assert wrong.status == "wrong" and "wrong at u[1, 257], right at u[1, 256]" in " ".join(wrong.diagnosis)
