"""A convolution is a matrix product whose matrix has tied weights.

    python examples/convolution_is_a_matrix.py

An affine function multiplies by a matrix and adds a bias: y = W x + b. A linear layer of a net is one. Two of them in
a row are again one affine function,

    W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2)

so a second layer adds nothing, until something that is not affine stands between them: ReLU (replace negative numbers
by 0) is enough.

A convolution moves a small list of weights, the kernel, along the input. At every place it multiplies each weight by
the number under it, and adds up. This too is an affine function, so it has a matrix. The matrix is special in two ways:

- Most of its entries are 0: an output sees only the few inputs under the kernel.
- Its other entries are tied: the same few parameters stand in every row, each time one place further to the right.

So a convolution learns far fewer parameters than a linear layer of the same shape, and what it finds at one place of
an image it finds at every place.
"""

from __future__ import annotations

import torch
from made_data import run_script
from torch import Tensor
from torch.nn.functional import conv1d, conv2d

KERNEL, SIGNAL = (1.0, 2.0, -1.0), (3.0, 0.0, 4.0, 1.0, 2.0)
SIDE = 28  # pixels of an image of MNIST, both ways


# %% 1. Two affine functions in a row are one
def two_layers_are_one() -> dict[str, float]:
    """Print how far two linear layers are from one, without ReLU between them and with it."""
    rng = torch.Generator().manual_seed(0)
    w1, b1, w2, b2 = (torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((4, 5), 4, (3, 4), 3))
    x = torch.randn(5, generator=rng, dtype=torch.float64)
    one = (w2 @ w1) @ x + (w2 @ b1 + b2)
    two, with_relu = w2 @ (w1 @ x + b1) + b2, w2 @ (w1 @ x + b1).relu() + b2
    found = {"two layers": furthest(two, one), "with ReLU": furthest(with_relu, one)}
    print(f"Two linear layers and their product: {found['two layers']:.0e} apart.")
    print(f"With ReLU between the two: {found['with ReLU']:.2f} apart. It is not one affine function any more.\n")
    return found


# %% 2. The matrix of a convolution
def matrix_of(kernel: Tensor, n_inputs: int) -> Tensor:
    """Return the matrix (n_inputs - k + 1, n_inputs) of a kernel (k,): in every row, the kernel one place further."""
    n_more = n_inputs - len(kernel)
    places = range(n_more + 1)
    return torch.stack([torch.cat([kernel.new_zeros(at), kernel, kernel.new_zeros(n_more - at)]) for at in places])


def convolution_is_a_product() -> dict[str, float]:
    """Print the matrix of a kernel of 3 numbers over 5 inputs, and compare its product with conv1d."""
    kernel, x = torch.tensor(KERNEL), torch.tensor(SIGNAL)
    matrix = matrix_of(kernel, len(x))
    product, convolved = matrix @ x, conv1d(x[None, None], kernel[None, None])[0, 0]
    print(f"kernel {written(kernel)}, x {written(x)}\n")
    for row, (weights, y) in enumerate(zip(matrix, product, strict=True)):
        print(f"{'W = ' if row == 0 else '':4}|{written(weights)} |{'   W x = ' if row == 0 else '':9}{y:4.0f}")
    n_zero = int((matrix == 0).sum())
    n_tied = matrix.numel() - n_zero
    print(f"\nW has {matrix.numel()} entries: {n_zero} are 0, the other {n_tied} are 3 numbers, 3 times each.")
    print(f"W x and torch's conv1d: {furthest(product, convolved):.0f} apart.\n")
    return {"conv1d": furthest(product, convolved), "zeros": n_zero}


# %% 3. Tied weights learn together
# A parameter that stands at several places gets the sum of the gradients of these places: the chain rule adds up
# every way by which a parameter changes the loss.
def gradients_add_up() -> dict[str, float]:
    """Print the gradient of each entry of the matrix, and that of the kernel: its sums along the diagonals."""
    kernel, x = torch.tensor(KERNEL).requires_grad_(), torch.tensor(SIGNAL)
    target = torch.tensor([1.0, 1.0, 1.0])
    free = matrix_of(kernel, len(x)).detach().requires_grad_()  # the same entries, not tied
    (of_entries,) = torch.autograd.grad((free @ x - target).square().sum(), free)
    loss = (conv1d(x[None, None], kernel[None, None])[0, 0] - target).square().sum()
    (of_kernel,) = torch.autograd.grad(loss, kernel)
    sums = torch.stack([of_entries.diagonal(place).sum() for place in range(len(kernel))])
    print("The gradient of every entry of W for the loss sum (W x - 1)^2, if all 15 were free:")
    for row in of_entries:
        print(f"    |{written(row)} |")
    print(f"Sums along the three diagonals: {written(sums)}")
    print(f"Gradient of the kernel:         {written(of_kernel)}\n")
    return {"gradients": furthest(sums, of_kernel)}


# %% 4. Images
def size_of_an_image() -> dict[str, float]:
    """Print how large the matrix of a kernel of 3 x 3 numbers over an image is, and check it on one image."""
    rng = torch.Generator().manual_seed(0)
    kernel, image = torch.randn(3, 3, generator=rng), torch.rand(SIDE, SIDE, generator=rng)
    n = SIDE - 2  # places of the kernel, both ways
    # the kernel as one long row: its three rows, with the rest of a row of the image after each
    rows = torch.zeros(3, SIDE)
    rows[:, :3] = kernel
    every_place = matrix_of(rows.flatten()[: 2 * SIDE + 3], SIDE * SIDE)
    matrix = every_place[[row * SIDE + column for row in range(n) for column in range(n)]]  # not across the edge
    apart = furthest((matrix @ image.flatten()).reshape(n, n), conv2d(image[None, None], kernel[None, None])[0, 0])
    print(f"An image of {SIDE} x {SIDE} pixels and a kernel of 3 x 3: the matrix is {n * n} x {SIDE * SIDE},")
    print(f"{matrix.numel():,} entries. A linear layer learns them all; the convolution learns 9 numbers.")
    print(f"W x and torch's conv2d: {apart:.0e} apart.")
    return {"conv2d": apart, "entries": matrix.numel()}


def written(numbers: Tensor) -> str:
    """Write whole numbers in columns."""
    return "".join(f"{round(number):5}" for number in numbers.tolist())


def furthest(one: Tensor, other: Tensor) -> float:
    """Return the largest difference between two tensors."""
    return float((one - other).abs().max())


# %% Run it
def main() -> dict[str, float]:
    """Go through all parts and return the figures printed."""
    torch.set_num_threads(1)
    return two_layers_are_one() | convolution_is_a_product() | gradients_add_up() | size_of_an_image()


if __name__ == "__main__":
    run_script(main, __doc__, small=False)

# %% Try this
# - Set KERNEL to (-1, 0, 1), and SIGNAL to (0, 0, 0, 5, 5, 5, 5). Where is the output not 0? This kernel finds edges.
# - Add a bias of 10 to every output. Which row or column of W would hold it, and what would x need?
# - Make SIGNAL 100 numbers long. How many entries of W are 0?
#
# Questions
# 1. A kernel of 3 numbers moves over 5 inputs. Why are there 3 outputs and not 5?
# 2. A linear layer from 5 inputs to 3 outputs has 15 weights. How many of them can the convolution choose freely?
# 3. Three places of W hold the same parameter, and their gradients are 4, -1 and 2. What is the parameter's gradient?
