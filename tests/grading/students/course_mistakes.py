"""Lab 7.  B. Student: one sample at a time, vectors without a second axis.  Trains to 85 %, and is wrong all over."""

import torch


class Layer:
    def __init__(self):
        self.output = None
        self.grad = None

    def accumulate_grad(self, grad):
        if self.grad is None:
            self.grad = grad
        else:
            self.grad += grad

    def clear_grad(self):
        if self.grad is not None:
            self.grad = torch.zeros(self.grad.shape)

    def step(self, _):
        pass


class Input(Layer):
    def __init__(self, trainable=False, output=None, size=None):
        super().__init__()
        self.trainable = trainable
        self.output = torch.zeros(size) if output is None else output

    def set(self, value):
        self.output = value

    def forward(self):
        pass

    def backward(self):
        pass

    def step(self, step_size):
        if self.trainable:
            self.output = self.output - step_size * self.grad


class Linear(Layer):
    def __init__(self, weight_layer: Input, bias_layer: Input, input_layer: Layer):
        super().__init__()
        self.weight_layer = weight_layer
        self.bias_layer = bias_layer
        self.input_layer = input_layer

    def forward(self):
        print("forward", self.input_layer.output.shape)
        self.output = torch.matmul(self.weight_layer.output, self.input_layer.output).add(self.bias_layer.output)

    def backward(self):
        self.weight_layer.accumulate_grad(torch.outer(self.grad, self.input_layer.output))
        self.bias_layer.accumulate_grad(self.grad)
        self.input_layer.accumulate_grad(torch.matmul(self.weight_layer.output.T, self.grad))


class ReLU(Layer):
    def __init__(self, input: Layer):
        super().__init__()
        self.input = input

    def forward(self):
        self.output = self.input.output * (self.input.output > 0)

    def backward(self):
        self.input.accumulate_grad(self.grad * (self.grad > 0))  # the mask belongs to the input


class MSELoss(Layer):
    def __init__(self, y_hat: Layer, y: Input):
        super().__init__()
        self.y_hat = y_hat
        self.y = y

    def forward(self):
        self.output = torch.mean((self.y_hat.output - self.y.output) ** 2)

    def backward(self):
        self.y_hat.accumulate_grad(self.grad * (self.y_hat.output - self.y.output))  # 2/n is missing


class Softmax(Layer):
    def __init__(self, input_layer: Layer, y: Input, epsilon=1e-8):
        super().__init__()
        self.classifications = None
        self.input_layer = input_layer
        self.y = y
        self.epsilon = epsilon

    def forward(self):
        exp = torch.exp(self.input_layer.output - torch.max(self.input_layer.output))
        self.classifications = exp / torch.sum(exp)
        self.output = torch.sum(-1 * self.y.output * torch.log(self.classifications + self.epsilon))

    def backward(self):
        self.input_layer.accumulate_grad(self.classifications - self.y.output)  # dJ/dL is missing


class Regularization(Layer):
    def __init__(self, weight_layer: Input, lambda_: float):
        super().__init__()
        self.weight_layer = weight_layer
        self.lambda_ = lambda_

    def forward(self):
        self.output = self.lambda_ / 2 * torch.sum(self.weight_layer.output**2)

    def backward(self):
        self.weight_layer.accumulate_grad(2 * self.lambda_ * self.weight_layer.output * self.grad)  # 2 is too much


class Sum(Layer):
    def __init__(self, a: Layer, b: Layer):
        super().__init__()
        self.a = a
        self.b = b

    def forward(self):
        self.output = self.a.output + self.b.output

    def backward(self):
        self.a.accumulate_grad(self.grad)
        self.b.accumulate_grad(self.grad)


class Network:
    def __init__(self):
        self.layers = []

    def add(self, layer):
        self.layers.append(layer)

    def forward(self, x, y):
        self.layers[0].set(x)
        self.layers[1].set(y)
        for layer in self.layers:
            layer.forward()
        return self.layers[-1].output

    def backward(self):
        for layer in reversed(self.layers):  # the last layer's grad was never set to 1
            layer.backward()
