"""A small convolutional network and a transformer of one block, built from rooms, learn to read digits by the tape."""

import pytest

import scratchgrad as sg


def convolutional_network():
    return sg.Sequential(
        (1, 8, 8),
        ("conv2d(padding=1)", 8, 3, 3),
        "relu",
        "max_pool2d",
        ("conv2d(padding=1)", 16, 3, 3),
        "relu",
        "max_pool2d",
        "flatten",
        ("linear", 10),
        loss="softmax_cross_entropy",
    )


def transformer(d=32):
    """The rows of an image are the tokens."""
    net = sg.Network()
    x, y = net.input("x", (8, 8)), net.target("y", 10)

    def linear(h, outputs, name):
        W, b = net.parameter(f"W_{name}", (outputs, h.shape[-1])), net.parameter(f"b_{name}", outputs)
        return net.add("linear", h, W, b)

    def norm(h, name):
        gamma, beta = net.parameter(f"gamma_{name}", [1.0] * d), net.parameter(f"beta_{name}", d)
        return net.add("layer_norm", h, gamma, beta, 1e-5)

    h = net.add("add", linear(x, d, "e"), net.parameter("P", (8, d)))
    a = norm(h, "1")
    attended = net.add("scaled_dot_product_attention", linear(a, d, "q"), linear(a, d, "k"), linear(a, d, "v"))
    h = net.add("add", h, linear(attended, d, "o"))
    wide = net.add("gelu", linear(norm(h, "2"), 2 * d, "f"))
    h = net.add("add", h, linear(wide, d, "g"))
    scores = linear(net.add("mean", norm(h, "3")), 10, "s")
    net.minimize(net.add("softmax_cross_entropy", scores, y, name=("o", "L"))[1])
    return net


@pytest.mark.slow
def test_a_small_convolutional_network_reads_97_of_100_digits():
    history = convolutional_network().fit("digits", epochs=15, progress=False)
    assert history.last.test_accuracy >= 0.97


@pytest.mark.slow
def test_a_transformer_of_one_block_reads_95_of_100_digits():
    optimizer = sg.SGD(0.02, momentum=0.9, schedule=sg.Cosine(25))
    history = transformer().fit("digits", epochs=25, optimizer=optimizer, progress=False)
    assert history.last.test_accuracy >= 0.95
