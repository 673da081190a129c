"""Engines: each trains the parameters of a model in place, by one rule, behind one function `learn`.

The rule is row-adaptive stochastic gradient descent with decoupled weight decay. A rating touches the two rows of its
user and its item alone. With s = sigmoid(mu + b_u + b_i + p . q), y the rating as a share of the range, and g the slope
of the loss, 2 (s - y) s (1 - s) of the squared error or s - y of the cross-entropy, at learning rate lr:

    v_u <- BETA2 v_u + (1 - BETA2) g^2 |q|^2 / k        (and v_i, with |p|^2)
    p   <- (1 - lr weight_decay) p - lr g q / (sqrt(v_u) + EPS)        (and q, with p as it was)
    b_u <- (1 - lr bias_weight_decay) b_u - lr BIAS_RATE g        (and b_i)

v is a running mean of the squared gradient of a row, one number per row (Adagrad and Adam keep one per weight: Duchi
and others 2011, Kingma and Ba 2015; here without momentum). A row is decayed as often as it is pulled, so a weight
decay means the same for any number of ratings. Shares make the rule independent of the units of the ratings.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType

from embedcli.errors import TrainingError
from embedcli.progress import stage
from embedcli.run.config import TrainConfig

BETA2 = 0.8
EPS = 3e-6
START_MOMENT = 1e-7  # v before the first rating
BIAS_RATE = 33.0
CACHE_LINE = 16  # 32-bit numbers


def engine_of(config: TrainConfig, on_stage: Callable[[str, float | None], None]) -> tuple[ModuleType, TrainConfig]:
    """Return the module of the engine, and the config with its name: `auto` is the compiled one if it runs here.

    `on_stage` is told why it does not, or that it had to be compiled.
    Raises TrainingError if the compiled engine is asked for and does not run.
    """
    if config.engine != "torch" and config.device == "cpu" and config.batch_size is None:
        began = time.perf_counter()
        try:
            engine = import_module("embedcli.training.engines.compiled")
            with stage("loading the engine"):
                line = engine.compile()
            if line:
                on_stage(line, time.perf_counter() - began)
            return engine, replace(config, engine="compiled")
        except Exception as error:  # numba, LLVM and a damaged cache raise errors of many kinds
            reason = f"the compiled engine does not run here: {(str(error) or repr(error)).splitlines()[0]}"
            if config.engine == "compiled":
                raise TrainingError(reason, "use `engine` torch, which trains by the same rule") from error
            on_stage(f"note: training with torch, which takes longer: {reason}", None)
    elif config.engine == "auto":
        reason = "the compiled engine has no batches" if config.device == "cpu" else f"device {config.device}"
        on_stage(f"note: training with torch: {reason}", None)
    return import_module("embedcli.training.engines.torch"), replace(config, engine="torch")
