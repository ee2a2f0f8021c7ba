"""Assignment 2.  C. Student: numpy functions with a cache, samples are rows."""

import numpy as np


def affine_forward(x, w, b):
    """out = x w + b.  x: (N, D), w: (D, M), b: (M,)."""
    out = x.dot(w) + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T)
    dw = x.T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    dout[cache <= 0] = 0  # overwrites what the caller still has
    dx = dout
    return dx


def sigmoid_forward(z):
    s = 1 / (1 + np.exp(-np.clip(z, -500, 500)))
    return s, s


def sigmoid_backward(dA, cache):
    s = cache
    dZ = dA * s * (1 - s)
    return dZ


def leaky_relu(x, alpha):
    return np.where(x > 0, x, alpha * x)


def leaky_relu_backward(grad_out, x, alpha):
    return grad_out * np.where(x > 0, alpha, 1.0)  # the slope is on the wrong side


def batchnorm_forward(x, gamma, beta, eps):
    mean, var = x.mean(axis=0), x.var(axis=0)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gamma * x_hat + beta, (x_hat, gamma, var, eps)


def batchnorm_backward(dout, cache):
    x_hat, gamma, var, eps = cache
    dbeta = dout.sum(axis=0)
    dgamma = (dout * x_hat).sum(axis=0)
    dx = dout * gamma / np.sqrt(var + eps)  # mean and variance depend on x, too
    return dx, dgamma, dbeta


def softmax_loss(x, y):
    """The mean loss and its gradient, for integer labels y."""
    shifted = x - np.max(x, axis=1, keepdims=True)
    logs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    N = x.shape[0]
    loss = -np.sum(logs[np.arange(N), y]) / N
    dx = np.exp(logs)
    dx[np.arange(N), y] -= 1
    return loss, dx  # not divided by N


def svm_loss(x, y):
    """Multiclass hinge loss and its gradient."""
    N = x.shape[0]
    correct = x[np.arange(N), y][:, np.newaxis]
    margins = np.maximum(0, x - correct + 1.0)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N
    dx = (margins > 0).astype(x.dtype)
    dx[np.arange(N), y] -= np.sum(margins > 0, axis=1)
    dx /= N
    return loss, dx
