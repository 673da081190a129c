"""The mutations: what each breaks, the text in embedcli/ that changes, and the tests that should notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A text that is in embedcli/ exactly once, what it becomes, and the names of the tests that should fail."""

    what: str
    text: str
    becomes: str
    tests: tuple[str, ...]


# those that issue 12 names
NAMED = (
    Mutation("no burn-in", "BURN_IN = 40", "BURN_IN = 0", ("test_draws_begin_where_the_chain_has_settled",)),
    Mutation(
        "modes instead of draws",
        "tau * linear + precision @ mean, noise)",
        "tau * linear + precision @ mean, 0 * noise)",
        ("test_unknown_items_are_expected_to_be_worse",),
    ),
    Mutation("noise halved", "items, tau**-0.5", "items, tau**-0.5 / 2", ("test_noise_comes_back",)),
    Mutation("variance taken for sd", "items, tau**-0.5", "items, 1 / tau", ("test_noise_comes_back",)),
    Mutation(
        "no popularity prior",
        "(log_n - log_n.mean()) / max(log_n.std(), 1e-9)",
        "0 * log_n",
        ("test_unknown_items_are_expected_to_be_worse",),
    ),
    Mutation("gate removed", "(np.abs(sizes) > gate) & ", "", ("effects",)),
    Mutation("shaky axes named", "if stability < STABLE:", "if stability < SHAKY:", ("components",)),
    Mutation("any counterpart accepted", "tests[j] if agreed >= SHAKY else None", "tests[j]", ("components",)),
    Mutation("one-sided intervals", "(tail, 1 - tail), axis=0", "(2 * tail, 1.0), axis=0", ("biases",)),
    Mutation("sign-flip margin", "(singular_values > MARGIN * largest)", "(singular_values > largest)", ("evidence",)),
    Mutation(
        "one column in two roles",
        "if other := next((other for other in given if other != role and given[other] == index), None):",
        "if False:",
        ("data",),
    ),
)

# chosen by reading embedcli/ alone
CHOSEN = (
    Mutation(
        "gauge of the users left",
        "centre = users[:, rated_users].mean(1, keepdims=True)",
        "centre = 0 * users[:, :1]",
        ("run",),
    ),
    Mutation("centred over users without ratings", "users[:, rated_users].mean(1", "users.mean(1", ("run",)),
    Mutation("stars over users without ratings", "users[m]])[rated_users]", "users[m]])", ("run",)),
    Mutation(
        "stars of the mean user",
        "mean[here] = sigmoid(logits)",
        "mean[here] = sigmoid(logits.mean(0, keepdims=True))",
        ("run",),
    ),
    Mutation("quadrature without its spread", "sd[:, None] * nodes", "0 * nodes", ("run",)),
    Mutation("ranks from 0", ".argsort(1) + 1", ".argsort(1)", ("biases",)),
    Mutation("ranks of the best off by one", "n + 1 - self.ranks if best", "n - self.ranks if best", ("biases",)),
    Mutation(
        "probability leaves out the last place",
        "(own <= self.limit).mean(0)",
        "(own < self.limit).mean(0)",
        ("biases",),
    ),
    Mutation("rank intervals one-sided", "(self.tail, 1 - self.tail)", "(0.0, 1 - self.tail)", ("biases",)),
    Mutation(
        "bias above all items, not the rated",
        "stars[rated].mean() if rated.any() else stars.mean()",
        "stars.mean()",
        ("biases",),
    ),
    Mutation("folds leak", "np.flatnonzero(fold != f) for f", "np.arange(len(train)) for f", ("training", "evidence")),
    Mutation("slopes one by one", "gram = x.T @ x +", "gram = np.diag((x**2).sum(0)) +", ("training",)),
    Mutation(
        "real whatever it claims", "bool(t > LEAST_T and slope > LEAST_SLOPE)", "bool(t > LEAST_T)", ("training",)
    ),
    Mutation(
        "axes not matched",
        "mine, theirs = linear_sum_assignment(-phi)",
        "mine = theirs = np.arange(min(phi.shape))",
        ("components",),
    ),
    Mutation(
        "flipped axes do not match",
        "phi = np.abs(_unit(shown).T @ _unit(others))",
        "phi = _unit(shown).T @ _unit(others)",
        ("components",),
    ),
    Mutation("test rows trained on", "train[test] = False", "pass", ("splits",)),
    Mutation(
        "split seed ignored",
        "np.random.default_rng(seed).permutation(n)[:n_test]",
        "np.random.default_rng(0).permutation(n)[:n_test]",
        ("splits",),
    ),
    Mutation(
        "first of each user, not last",
        "last[user[in_time]] = in_time",
        "last[user[in_time[::-1]]] = in_time[::-1]",
        ("splits",),
    ),
    Mutation(
        "ratings of one moment on both sides",
        "latest = np.flatnonzero(timestamp >= np.partition(timestamp, first)[first])",
        "latest = np.argsort(timestamp, kind='stable')[first:]",
        ("splits",),
    ),
    Mutation(
        "predictions not clipped",
        "np.clip(predictions, *ratings.data.scale).astype",
        "predictions.astype",
        ("training",),
    ),
    Mutation(
        "duplicates: last takes the first",
        "kept[which[order]] = order",
        "kept[which[order[::-1]]] = order[::-1]",
        ("data",),
    ),
    Mutation(
        "members share a seed",
        "np.random.SeedSequence(config.seed).spawn(config.n_members + 4)",
        "[config.seed] * (config.n_members + 4)",
        ("training",),
    ),
    Mutation(
        "decays swapped",
        '{"factors": config.weight_decay, "biases": config.bias_weight_decay}',
        '{"factors": config.bias_weight_decay, "biases": config.weight_decay}',
        ("training",),
    ),
    Mutation("cosine without lengths", "if by is Measure.COSINE:", "if False:", ("neighbours",)),
    Mutation("users with either item counted", "np.bincount(item[raters[user]]", "np.bincount(item", ("neighbours",)),
    Mutation("p values one-sided", "2 * ndtr(-np.abs(z))", "ndtr(-np.abs(z))", ("effects",)),
    Mutation(
        "no correction for many tests",
        "np.minimum.accumulate(np.minimum(scaled, 1), axis=0)",
        "np.take_along_axis(p, order, 0)",
        ("effects",),
    ),
    Mutation(
        "quality not taken out", 'if name in (quality, "log n", "year")', 'if name in ("log n", "year")', ("effects",)
    ),
    Mutation(
        "explanation without singular values", "u[at, f] * s[f] * v[row, f]", "u[at, f] * v[row, f]", ("recommend",)
    ),
    Mutation(
        "new users without a prior",
        "inner = design @ prior @ design.T + noise**2",
        "inner = design @ prior @ design.T + 1e-9",
        ("recommend",),
    ),
    Mutation(
        "rated items recommended",
        "passing if include_rated else np.setdiff1d(passing, taste.rows)",
        "passing",
        ("recommend",),
    ),
    Mutation(
        "sampled items may be taken",
        "wrong = wrong[taken[nearest] == pair]",
        "wrong = wrong[:0]",
        ("implicit",),
    ),
    Mutation("clouds as controls too low", "control=max(", "control=min(", ("inspections",)),
    Mutation(
        "tags of a cluster by a wrong tail", "hypergeom.sf(here - 1,", "hypergeom.cdf(here - 1,", ("inspections",)
    ),
    Mutation(
        "probe tested on what it saw",
        "seen, left = fold != f, fold == f",
        "seen, left = fold >= 0, fold == f",
        ("inspections",),
    ),
    Mutation(
        "length of an own axis",
        "(factors - origin) @ direction / length",
        "(factors - origin) @ direction",
        ("inspections",),
    ),
    Mutation(
        "seeds left out of the interval of the RMSE", "(n_members - 1) * rmse.var()", "0 * rmse.var()", ("inspections",)
    ),
    Mutation(
        "bootstrap not paired",
        "errors.append(np.sqrt(weights @",
        "weights = weights[np.r_[0, rng.permutation(len(weights) - 1) + 1]]; errors.append(np.sqrt(weights @",
        ("inspections",),
    ),
    Mutation("decay judged the wrong way", "self.outside_many > TOO_MUCH", "self.outside_many < TOO_MUCH", ("biases",)),
    Mutation(
        "k-core in one round",
        "if enough.all():\n                break\n            kept = kept[enough]",
        "kept = kept[enough]\n            if True:\n                break",
        ("data",),
    ),
    Mutation("no sha256 of the files", "if digest != sha256:", "if False:", ("run",)),
    Mutation("run.json not sealed", 'if about.get("sha256") != seal(about):', "if False:", ("bad_input",)),
    Mutation("leftovers of the living removed", "if lock.is_ours or (", "if True or (", ("scratch",)),
    Mutation(
        "mean of no ratings is 0",
        "means = np.full(n, np.nan)\n        np.divide",
        "means = np.zeros(n)\n        np.divide",
        ("run", "biases"),
    ),
    Mutation(
        "id wins over another's title",
        "if by_id is not None and any(row != by_id for row in by_title):",
        "if False:",
        ("lookup",),
    ),
    Mutation(
        "bias model of a fold sees all rows",
        "observations.take(fold != f), observations.take(fold == f)",
        "observations, observations.take(fold == f)",
        ("evidence",),
    ),
    Mutation("all fold axes those of the first", "axes.append(v)", "axes.append((axes or [v])[0])", ("evidence",)),
    Mutation(
        "schedule begun again in each epoch",
        "one_cycle(state.step,",
        "one_cycle(state.step % steps_per_epoch(config, n_rows),",
        ("training",),
    ),
    Mutation("moments without bias correction", "float(n_steps)", "1e6", ("training",)),
    Mutation("rows in one order", "rng.permutation(rows)", "rows", ("training",)),
)
MUTATIONS = NAMED + CHOSEN
