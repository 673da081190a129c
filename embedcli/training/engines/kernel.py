"""The rule of the engines as machine code: numba compiles these functions when they are first called.

Raises ImportError if numba is missing, does not fit the other packages, or may not compile.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from embedcli.training.engines import BETA2, BIAS_RATE, CACHE_LINE, EPS

if config.DISABLE_JIT:
    raise ImportError("NUMBA_DISABLE_JIT is set")

# sums may be reordered, which lets them run eight at a time; unlike `fastmath=True` this keeps NaN and infinity
REORDER = {"reassoc", "contract", "arcp", "nsz"}
AHEAD = 4  # ratings that a row is fetched before it is needed
BETA, REST, SMALL, OF_BIAS = map(np.float32, (BETA2, 1 - BETA2, EPS, BIAS_RATE))
ZERO, ONE, TWO = map(np.float32, (0, 1, 2))


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called, and keep the result on disk if there is a place for it."""
    try:
        return njit(nogil=True, cache=True, fastmath=REORDER)(function)
    except (OSError, RuntimeError):  # neither beside this file nor in the user's cache folder
        return njit(nogil=True, fastmath=REORDER)(function)


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(context: Any, table: Any, row: Any) -> Any:
    """Have the processor fetch a row of a table (n, k) of float32 numbers; without it they wait for the memory."""
    from llvmlite.ir import Constant, FunctionType, IntType, VoidType

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, int32 = IntType(8).as_pointer(), IntType(32)
        row_bytes, _ = cgutils.unpack_tuple(builder, array.strides)
        begin = builder.gep(builder.bitcast(array.data, byte), [builder.mul(row_bytes, arguments[1])])
        kind = FunctionType(VoidType(), [byte, int32, int32, int32])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        for line in range(4):
            place = builder.gep(begin, [Constant(IntType(64), 4 * CACHE_LINE * line)])
            builder.call(fetch, [place, Constant(int32, 1), Constant(int32, 3), Constant(int32, 1)])  # to write, data
        return context.get_dummy_value()

    return types.void(table, types.intp), generate


@compiled
def shuffle(rows, n, state):  # type: ignore[no-untyped-def]
    """Shuffle the first n of `rows` in place by xorshift64* (Vigna 2016), and return its next state."""
    for last in range(n - 1, 0, -1):
        state ^= state >> np.uint64(12)
        state ^= state << np.uint64(25)
        state ^= state >> np.uint64(27)
        high = (state * np.uint64(2685821657736338717)) >> np.uint64(32)
        other = np.int64((high * np.uint64(last + 1)) >> np.uint64(32))
        rows[last], rows[other] = rows[other], rows[last]
    return state


@compiled
def epoch(  # type: ignore[no-untyped-def]
    model, rows, users, left_out, frozen, state, rates, decays, logistic, passed
):
    """Train one member for an epoch, in place: user after user, the ratings of a user shuffled.

    `model` is (user factors (U, k), item factors (I, k), user bias (U,), item bias (I,), their second moments (U,) and
    (I,), global bias, k without padding); `rows` is (first (U + 1,), item (n,), share (n,), fold (n,) or empty): the
    ratings by user, those of user u from first[u] on. `users` (U,) is their order. The rows of fold `left_out` are
    not seen; the items that are `frozen` (I,) stay as they are. That may be None, for which this is compiled without
    the question: it takes 3 % of the time. `rates` are the learning rates of equal parts of the epoch, `decays` those
    of factors and biases. `passed` (1,) counts the rows that are done.
    """
    user_factors, item_factors, user_bias, item_bias, user_moment, item_moment, global_bias, n_factors = model
    first, item, share, fold = rows
    width = user_factors.shape[1]
    most = 0
    for u in range(len(first) - 1):
        most = max(most, first[u + 1] - first[u])
    own = np.empty(most, np.int64)
    done = 0
    for u in users:
        n = 0
        for row in range(first[u], first[u + 1]):
            if len(fold) == 0 or fold[row] != left_out:
                own[n] = row
                n += 1
        state = shuffle(own, n, state)
        rate = rates[done * len(rates) // len(item)]
        done += first[u + 1] - first[u]
        passed[0] += first[u + 1] - first[u]
        keep, keep_bias, bias_rate = ONE - rate * decays[0], ONE - rate * decays[1], rate * OF_BIAS
        p, b_u, v_u = user_factors[u], user_bias[u], user_moment[u]
        for j in range(n):
            if j + AHEAD < n:
                prefetch(item_factors, item[own[j + AHEAD]])
            i, y = item[own[j]], share[own[j]]
            q = item_factors[i]
            dot, p_square, q_square = ZERO, ZERO, ZERO
            for f in range(width):
                dot += p[f] * q[f]
                p_square += p[f] * p[f]
                q_square += q[f] * q[f]
            predicted = ONE / (ONE + np.exp(-(global_bias + b_u + item_bias[i] + dot)))
            slope = predicted - y
            if not logistic:
                slope *= TWO * predicted * (ONE - predicted)
            square = REST * slope * slope / n_factors
            v_u = BETA * v_u + square * q_square
            v_i = BETA * item_moment[i] + square * p_square
            item_moment[i] = v_i
            if frozen is not None:  # noqa: SIM102 (decided when this is compiled)
                if frozen[i]:
                    pull_u = rate * slope / (np.sqrt(v_u) + SMALL)
                    for f in range(width):
                        p[f] = keep * p[f] - pull_u * q[f]
                    b_u = keep_bias * b_u - bias_rate * slope
                    continue
            pull_u, pull_i = rate * slope / (np.sqrt(v_u) + SMALL), rate * slope / (np.sqrt(v_i) + SMALL)
            for f in range(width):
                p_f, q_f = p[f], q[f]
                p[f] = keep * p_f - pull_u * q_f
                q[f] = keep * q_f - pull_i * p_f
            b_u = keep_bias * b_u - bias_rate * slope
            item_bias[i] = keep_bias * item_bias[i] - bias_rate * slope
        user_bias[u], user_moment[u] = b_u, v_u
    return state
