# %% [markdown]
"""Gradient descent by hand: fit the line of the lesson's spreadsheet, one row at a time.

    python examples/gradient_descent_by_hand.py

"The lesson" is lesson 5 of fast.ai's course. Its spreadsheet has 29 rows, each with a number x and a number y.

The model is a line, prediction = a x + b. Its *parameters* a and b are numbers that we want to learn. The 29 rows
lie on y = 2 x + 30, but the fit does not know that: it starts at a = b = 1. The *loss* says how wrong the prediction
is for one row. It is the squared error:

    loss = (a x + b - y)^2

The *derivative* of the loss by b, d loss / d b, says how fast the loss changes when b is raised a little. It is
positive if the loss grows, and negative if the loss falls. So the loss falls if we step against it: we lower b if it is
positive, and raise b if it is negative. How far we step is the derivative times a *learning rate*, here 0.0001:

    b -= learning_rate * (d loss / d b)

One step for each row in turn is *stochastic gradient descent* (SGD). Once through all rows is an *epoch*.
"""

from __future__ import annotations

import torch
from made_data import run_script

X = (14, 86, 28, 51, 28, 29, 72, 62, 84, 15, 42, 62, 47, 35, 9, 38, 44, 99, 13, 21, 28, 20, 8, 64, 99, 70, 27, 17, 8)
TRUE_A, TRUE_B = 2, 30
ROWS = [(float(x), float(TRUE_A * x + TRUE_B)) for x in X]  # the spreadsheet's x and y
LEARNING_RATE = 1e-4
STEP = 0.01  # of the finite differences
N_EPOCHS = 3000
Slopes = tuple[float, float]  # (d loss / d a, d loss / d b)


# %% [markdown]
# ## Three ways to get the derivatives
# 1. Try it. Add 0.01 to b, and compute the loss again. The change of the loss, divided by 0.01, is nearly the
#    derivative. This is *finite differencing*. Raise only one parameter at a time. The result is a little wrong,
#    because the loss is not a straight line but a curve. It is wrong by 0.01 for b, and by 0.01 x^2 for a: at x = 14
#    that is 1.96. And it takes one more prediction for each parameter.
# 2. Work it out. Let error = a x + b - y. The loss is error^2. Its derivative by the error is 2 error. If b is raised
#    by 1, the error grows by 1; if a is raised by 1, it grows by x. Multiply: d loss / d b = 2 error, and
#    d loss / d a = 2 error x. To multiply the derivatives of such steps is the *chain rule*.
# 3. Let PyTorch work it out. *Autograd* records every operation, and applies the chain rule from the last operation
#    back to the first.


# %%
def loss(a: float, b: float, x: float, y: float) -> float:
    """Return the squared error of one row."""
    return (a * x + b - y) ** 2


def by_finite_differences(a: float, b: float, x: float, y: float) -> Slopes:
    """Return the derivatives by trying: raise one parameter, the other stays as it is."""
    here = loss(a, b, x, y)
    return (loss(a + STEP, b, x, y) - here) / STEP, (loss(a, b + STEP, x, y) - here) / STEP


def by_hand(a: float, b: float, x: float, y: float) -> Slopes:
    """Return the derivatives by the chain rule."""
    error = a * x + b - y
    return 2 * error * x, 2 * error


def by_autograd(a: float, b: float, x: float, y: float) -> Slopes:
    """Return the derivatives by PyTorch."""
    parameters = torch.tensor([a, b], dtype=torch.float64, requires_grad=True)
    (parameters[0] * x + parameters[1] - y).square().backward()
    assert parameters.grad is not None
    slope_a, slope_b = parameters.grad.tolist()
    return slope_a, slope_b


def step(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    """Return a and b after one step of SGD on one row."""
    slope_a, slope_b = by_hand(a, b, x, y)
    return a - LEARNING_RATE * slope_a, b - LEARNING_RATE * slope_b


def mean_squared_error(a: float, b: float) -> float:
    """Return the mean loss of all rows."""
    return sum(loss(a, b, x, y) for x, y in ROWS) / len(ROWS)


# %%
def first_row() -> dict[str, Slopes]:
    """Print every number of the spreadsheet's first row; return the derivatives in three ways, and the step."""
    a, b, (x, y) = 1.0, 1.0, ROWS[0]
    print(f"The first row: x = {x:g}, y = {y:g}. At a = b = 1 the prediction is {a * x + b:g}.")
    print(f"  loss                      {loss(a, b, x, y):12,.4f}")
    print(f"  loss with b + {STEP:g}        {loss(a, b + STEP, x, y):12,.4f}")
    print(f"  loss with a + {STEP:g}        {loss(a + STEP, b, x, y):12,.4f}")
    print(f"  loss with both + {STEP:g}     {loss(a + STEP, b + STEP, x, y):12,.4f}  (not used: raise one at a time)\n")
    found = {
        "finite differences": by_finite_differences(a, b, x, y),
        "by hand": by_hand(a, b, x, y),
        "autograd": by_autograd(a, b, x, y),
    }
    print(f"  {'':20}{'d loss / d a':>14}{'d loss / d b':>14}")
    for name, (slope_a, slope_b) in found.items():
        print(f"  {name:20}{slope_a:14,.2f}{slope_b:14,.2f}")
    found["first step"] = step(a, b, x, y)
    print(f"\nThe first step: a = 1 - 0.0001 x (-1,204) = {found['first step'][0]:.4f}")
    print(f"                b = 1 - 0.0001 x (-86)    = {found['first step'][1]:.4f}\n")
    print("Two small slips of the lesson's notes, so that you do not search for a mistake of your own:")
    print("- For the derivative by a they have the loss 1,836.1225. There b was still raised. With a alone it is")
    print("  1,836.9796, and only this gives -1,202.04.")
    print(
        "- They lose the minus signs of the derivatives. The loss falls when a or b is raised, so both are negative.\n"
    )
    return found


def first_epoch() -> tuple[float, float]:
    """Print the spreadsheet: each row with its derivatives and the parameters after its step; return a and b."""
    a = b = 1.0
    print(f"The first epoch, row by row ('tried' is by finite differences):\n{'':32}d loss / d a{'':12}d loss / d b")
    print(f"{'x':>4}{'y':>5}{'prediction':>12}{'tried':>12}{'by hand':>12}{'tried':>12}{'by hand':>12}{'a':>9}{'b':>9}")
    for x, y in ROWS:
        (tried_a, tried_b), (slope_a, slope_b) = by_finite_differences(a, b, x, y), by_hand(a, b, x, y)
        print(f"{x:4g}{y:5g}{a * x + b:12.2f}{tried_a:12,.2f}{slope_a:12,.2f}{tried_b:12,.2f}{slope_b:12,.2f}", end="")
        a, b = step(a, b, x, y)
        print(f"{a:9.4f}{b:9.4f}")
    print()
    return a, b


def fit(n_epochs: int) -> tuple[float, float]:
    """Print how the fit nears the line; return a and b."""
    a = b = 1.0
    print(f"{'epoch':>5}{'a':>10}{'b':>10}{'mean squared error':>21}")
    for epoch in range(1, n_epochs + 1):
        for x, y in ROWS:
            a, b = step(a, b, x, y)
        if epoch in (1, 10, 100, 300, 1000, 3000):
            print(f"{epoch:5}{a:10.4f}{b:10.4f}{mean_squared_error(a, b):21.6f}")
    print(f"{'truth':>5}{TRUE_A:10.4f}{TRUE_B:10.4f}")
    return a, b


# %% [markdown]
# ## Why it is slow
# After two rows a is between 2 and 3, and stays near there. b needs thousands of epochs. Why not take a larger learning
# rate? Look at one row. If a is wrong by 1, the error is x, and the derivative by a is 2 x^2. At x = 99 that is 19,602.
# A step should change a by about 1, so the best learning rate for this row is 1 / 19,602, about 0.00005. With twice
# that, about 0.0001, a is as wrong after the step as before, on the other side. With more, it gets worse at each step.
# But if b is wrong by 1, the derivative by b is 2. The best rate for b is 1 / 2. So 0.0001 is as large as a allows, and
# thousands of times too small for b. optimisers_from_scratch.py shows what helps.


# %%
def main(*, small: bool = False) -> dict[str, tuple[float, float]]:
    """Print the first row, the first epoch and the fit; return the numbers."""
    return first_row() | {"first epoch": first_epoch(), "fitted": fit(N_EPOCHS // 10 if small else N_EPOCHS)}


if __name__ == "__main__":
    run_script(main, __doc__)

# %% [markdown]
# ## Try this
# - LEARNING_RATE = 2e-4: what happens to a in the first epoch?
# - STEP = 1: how far is the derivative by a from the one by hand? And with half a step to either side,
#   (loss(a + STEP / 2) - loss(a - STEP / 2)) / STEP?
# - Divide every x by 100. The true a is then 200. How large may the learning rate be now?
#
# ## Questions
# 1. Why is the derivative by a just x times the derivative by b?
# 2. Finite differences need one more prediction for each parameter. How many for a net with a million parameters?
# 3. The derivative is negative. Does the step raise the parameter, or lower it?
