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
    Mutation(
        "no burn-in",
        "USUAL = Schedule(settling=5, burn_in=20, heldout=25, again=10,",
        "USUAL = Schedule(settling=0, burn_in=0, heldout=1, again=0,",
        ("test_draws_begin_where_the_chain_has_settled",),
    ),
    Mutation(
        "modes instead of draws",
        "theta = centre + backward(root, noise[:, rows])",
        "theta = centre",
        ("test_truth_is_seldom_outside_all_draws",),
    ),
    Mutation("noise halved", "self.noise.usual**-0.5,", "self.noise.usual**-0.5 / 2,", ("test_noise_comes_back",)),
    Mutation("variance taken for sd", "self.noise.usual**-0.5,", "1 / self.noise.usual,", ("test_noise_comes_back",)),
    Mutation(
        "one noise for all users",
        "np.where(rated, rng.gamma((a + count) / 2) / rate, self.usual)",
        "np.full(len(count), self.usual)",
        ("test_noisy_users_are_told_from_exact_ones",),
    ),
    Mutation(
        "features that are not orthogonal",
        "return Bags(table @ turn, directions @ turn)",
        "return Bags(table, directions)",
        ("test_directions_give_the_features",),
    ),
    Mutation(
        "times of others",
        "np.where(places < 0, 0.0, self.effects[places])",
        "self.effects[places]",
        ("test_other_ratings_find_their_group",),
    ),
    Mutation(
        "users are their own neighbours",
        "if itself is not None:",
        "if itself is None:",
        ("test_predictions_are_those_of_the_states",),
    ),
    Mutation(
        "new users who rated nothing else",
        "        if is_all:\n",
        "        if True:\n",
        ("test_new_user_is_the_posterior_mean",),
    ),
    Mutation(
        "gain over nothing",
        "shown, value = gain, value - of_all",
        "shown, value = gain, value",
        ("test_gain_goes_by_what_taste_adds",),
    ),
    Mutation(
        "diverse lists that are not",
        "best = int(np.argmax(left - penalty * likest))",
        "best = int(np.argmax(left))",
        ("test_diverse_lists_cost_stars",),
    ),
    Mutation(
        "tags that do not have one length",
        "table[row, known] = max(len(known), 1) ** -0.5",
        "table[row, known] = 1",
        ("test_tags_have_one_length",),
    ),
    Mutation(
        "no popularity prior",
        "np.column_stack([np.ones(len(count)), np.log1p(count)])",
        "np.column_stack([np.ones(len(count)), 0 * np.log1p(count)])",
        ("test_unknown_items_are_expected_to_be_worse",),
    ),
    Mutation("gate removed", " & (z * np.sign(sizes) > gate)", "", ("test_a_tag_against_its_numbers_names_nothing",)),
    Mutation(
        "numbers name tags",
        "_tag_weights(tags), without(confounders, _centred_ranks(scores))",
        "_tag_weights(tags), _centred_ranks(scores)",
        ("test_z_of_a_tag_is_centred_within_strata",),
    ),
    Mutation(
        "controls of an axis are any items",
        "group = np.arange(len(pool)) // ALIKE",
        "group = np.arange(len(pool)) * 0",
        ("test_popular_pairs_mean_no_more_than_chance",),
    ),
    Mutation(
        "controls of a probe know nothing",
        "confounders[:, :0] if is_trained else confounders",
        "confounders[:, :0]",
        ("test_tags_that_follow_a_bias_cannot_be_read",),
    ),
    Mutation(
        "preferences without the users",
        "return own @ root",
        "return own",
        ("test_preferences_are_correlated_over_the_users",),
    ),
    Mutation(
        "evidence of many neighbours not by the folds",
        "found += (positions[:, :, None] == nearest(fold[None], every)[:, None, :]).any(2)",
        "found += 1",
        ("test_neighbours_of_points_are_those_of_similar",),
    ),
    Mutation(
        "co-raters that are raters",
        "== both\n        counts[:, rank]",
        ">= 0\n        counts[:, rank]",
        ("test_neighbours_of_points_are_those_of_similar",),
    ),
    Mutation(
        "accents are not folded",
        "for fold in (_folded, _without_accents):",
        "for fold in (_folded,):",
        ("test_found",),
    ),
    Mutation(
        "ranks on a map from below",
        "is_nearer = (distances < own)",
        "is_nearer = (distances > own)",
        ("test_fidelity_is_scikit_learns",),
    ),
    Mutation(
        "axes far from the truth named",
        "if truth_phi < LEAST_TRUTH_PHI:",
        "if truth_phi < 0.85:",
        ("test_only_what_is_real_and_true_is_named",),
    ),
    Mutation(
        "any counterpart accepted",
        "tests[j] if agreed >= SAME else None",
        "tests[j]",
        ("test_component_without_a_counterpart_was_not_tested",),
    ),
    Mutation(
        "one-sided intervals",
        "draws[:, here].T.copy(), (tail, 1 - tail)",
        "draws[:, here].T.copy(), (2 * tail, 1.0)",
        ("test_intervals_leave_out_as_much_at_either_end",),
    ),
    Mutation(
        "sign-flip margin",
        "(found > MARGIN * largest_of_flips(matrix, start, rng))",
        "(found > largest_of_flips(matrix, start, rng))",
        ("test_singular_values_need_a_margin_over_the_flips",),
    ),
    Mutation(
        "one column in two roles",
        "if other := next((other for other in given if other != role and given[other] == index), None):",
        "if False:",
        ("test_columns_by_number",),
    ),
)

# chosen by reading embedcli/ alone
CHOSEN = (
    Mutation(
        "gauge of the users left",
        "centre = users[rated_users].mean(0)",
        "centre = 0 * users[0]",
        ("test_form_is_centred_over_what_has_ratings",),
    ),
    Mutation(
        "centred over users without ratings",
        "users[rated_users].mean(0",
        "users.mean(0",
        ("test_form_is_centred_over_what_has_ratings",),
    ),
    Mutation(
        "stars over users without ratings",
        "np.column_stack([user_bias, users])[rated_users]",
        "np.column_stack([user_bias, users])",
        ("test_stars_are_the_mean_over_users",),
    ),
    Mutation(
        "stars of the mean user",
        "mean[here] = sigmoid(logits)",
        "mean[here] = sigmoid(logits.mean(0, keepdims=True))",
        ("test_stars_are_the_mean_over_users",),
    ),
    Mutation(
        "quadrature without its spread", "sd[:, None] * nodes", "0 * nodes", ("test_stars_are_the_mean_over_users",)
    ),
    Mutation(
        "ranks from 0",
        "of_draw[:] = first + 1",
        "of_draw[:] = first",
        (
            "test_ranking_is_the_trained_models",
            "test_ranks_and_probabilities_are_joint",
        ),
    ),
    Mutation(
        "ranks of the best off by one",
        "len(passing) + 1 - ranks if best",
        "len(passing) - ranks if best",
        ("test_ranking_is_the_trained_models",),
    ),
    Mutation(
        "probability leaves out the last place",
        "(ranks <= limit).mean(1)",
        "(ranks < limit).mean(1)",
        ("test_ranks_and_probabilities_are_joint", "test_posterior_figures_are_of_the_draws"),
    ),
    Mutation(
        "rank intervals one-sided",
        "np.quantile(ranks, (tail, 1 - tail)",
        "np.quantile(ranks, (0.0, 1 - tail)",
        ("test_intervals_leave_out_as_much_at_either_end",),
    ),
    Mutation(
        "bias above all items, not the rated",
        "stars[run.item_stats.is_rated].mean()",
        "stars.mean()",
        ("test_ranking_is_the_trained_models",),
    ),
    Mutation(
        "folds leak",
        "if len(fold) == 0 or fold[row] != left_out:",
        "if True:",
        ("test_members_do_not_see_their_fold",),
    ),
    Mutation(
        "slopes one by one",
        "gram = x.T @ x +",
        "gram = np.diag((x**2).sum(0)) +",
        ("test_regression_is_the_textbook_one",),
    ),
    Mutation(
        "real whatever it claims",
        "bool(predicts and slope > LEAST_SLOPE and not cause)",
        "bool(predicts and not cause)",
        ("test_real_is_what_predicts_and_holds_its_claim",),
    ),
    Mutation(
        "axes not matched",
        "np.arange(len(phi)), best_assignment(phi)",
        "np.arange(len(phi)), np.arange(len(phi))",
        ("test_components_are_matched_whatever_their_order_and_sign",),
    ),
    Mutation(
        "flipped axes do not match",
        "phi = np.abs(unit(shown - shown.mean(0)).T @ unit(others - others.mean(0)))",
        "phi = unit(shown - shown.mean(0)).T @ unit(others - others.mean(0))",
        ("test_planted_axis_is_the_first_and_has_its_names",),
    ),
    Mutation("test rows trained on", "train[test] = False", "pass", ("test_random_rows",)),
    Mutation(
        "split seed ignored",
        "np.random.default_rng(seed).permutation(n)[:n_test]",
        "np.random.default_rng(0).permutation(n)[:n_test]",
        ("test_random_rows",),
    ),
    Mutation(
        "first of each user, not last",
        "last[user[in_time]] = in_time",
        "last[user[in_time[::-1]]] = in_time[::-1]",
        ("test_leave_last_is_each_users_last",),
    ),
    Mutation(
        "ratings of one moment on both sides",
        "latest = np.flatnonzero(timestamp >= np.partition(timestamp, first)[first])",
        "latest = np.argsort(timestamp, kind='stable')[first:]",
        ("test_time_cuts_at_a_moment",),
    ),
    Mutation(
        "predictions not clipped",
        "np.clip(predictions, *ratings.data.scale).astype",
        "predictions.astype",
        ("test_errors_are_global_and_clipped",),
    ),
    Mutation(
        "duplicates: last takes the first",
        "kept[which[order]] = order",
        "kept[which[order[::-1]]] = order[::-1]",
        ("test_repeated_pairs",),
    ),
    Mutation(
        "members share a seed",
        "np.random.SeedSequence(config.seed).spawn(config.n_members + 6)",
        "[config.seed] * (config.n_members + 6)",
        ("test_seeds_share_no_member",),
    ),
    Mutation(
        "decays swapped",
        "self.weight_decay * share, self.bias_weight_decay * share",
        "self.bias_weight_decay * share, self.weight_decay * share",
        ("test_torch_steps_are_the_rule_by_hand",),
    ),
    Mutation(
        "cosine without lengths",
        "if by in (Measure.PREFERENCE, Measure.COSINE):",
        "if False:",
        ("test_neighbours_are_those_of_brute_force",),
    ),
    Mutation(
        "users with either item counted",
        "np.bincount(rated_item[raters[user]]",
        "np.bincount(rated_item",
        ("test_co_raters_are_counted",),
    ),
    Mutation(
        "p values one-sided",
        "2 * upper_tail(np.abs(z))",
        "upper_tail(np.abs(z))",
        ("test_q_of_a_tag_without_numbers_is_mann_and_whitneys",),
    ),
    Mutation(
        "no correction for many tests",
        "false_discovery_rates(2 * upper_tail(np.abs(z)))",
        "2 * upper_tail(np.abs(z))",
        ("test_q_of_a_tag_without_numbers_is_mann_and_whitneys",),
    ),
    Mutation(
        "quality not taken out",
        'if name in (quality, "log n", "year")',
        'if name in ("log n", "year")',
        ("test_beyond_is_uncorrelated_with_what_was_taken_out",),
    ),
    Mutation(
        "explanation without singular values",
        "float(u[j] * s[j] * v[j])",
        "float(u[j] * v[j])",
        ("test_the_planted_taste_is_the_first_component",),
    ),
    Mutation(
        "new users without a prior",
        "inner = design @ prior @ design.T + noise**2",
        "inner = design @ prior @ design.T + 1e-9",
        ("test_fold_in_is_the_most_probable_user",),
    ),
    Mutation(
        "rated items recommended",
        "passing if include_rated else np.setdiff1d(passing, vector.rows)",
        "passing",
        ("test_a_user_of_the_run",),
    ),
    Mutation(
        "sampled items may be taken",
        "wrong = wrong[taken[nearest] == pair]",
        "wrong = wrong[:0]",
        ("test_negatives_were_not_taken",),
    ),
    Mutation(
        "controls too low",
        "return max(float(silhouette_score(cloud",
        "return min(float(silhouette_score(cloud",
        ("test_continuum",),
    ),
    Mutation("groups found in any data", "self.silhouette > self.control", "self.silhouette > 0", ("test_continuum",)),
    Mutation(
        "tags of a cluster by a wrong tail",
        "hypergeom.sf(counts - 1,",
        "hypergeom.cdf(counts - 1,",
        ("test_two_planted_groups_are_found",),
    ),
    Mutation(
        "probe tested on what it saw",
        "train, test = fold != f, fold == f",
        "train, test = fold >= 0, fold == f",
        ("test_the_planted_tag_can_be_read",),
    ),
    Mutation(
        "length of an own axis",
        "direction[:, None] / squared",
        "direction[:, None]",
        ("test_places_on_an_axis",),
    ),
    Mutation(
        "seeds left out of the interval of the RMSE",
        "(n_members - 1) * np.var(",
        "0 * np.var(",
        ("test_rmse_change_knows_the_seeds",),
    ),
    Mutation(
        "bootstrap not paired",
        "errors.append(np.sqrt(weights @",
        "weights = weights[np.r_[0, rng.permutation(len(weights) - 1) + 1]]; errors.append(np.sqrt(weights @",
        ("test_rmse_change_draws_the_same_users_for_both_runs",),
    ),
    Mutation(
        "a bet on what its evidence contradicts",
        "if row.is_outside or row.probability < EVEN:",
        "if row.probability < EVEN:",
        ("test_what_to_bet_on",),
    ),
    Mutation(
        "the mildest caution first",
        "cautions=tuple(sorted(_cautions(whole), key=lambda caution: order.index(caution.risk)))",
        "cautions=tuple(sorted(_cautions(whole), key=lambda caution: -order.index(caution.risk)))",
        ("test_the_worst_caution_is_the_first",),
    ),
    Mutation(
        "the interval of an error takes rows for independent",
        "*bootstrap_of_users(user))",
        "*bootstrap_of_users(np.arange(len(user))))",
        ("test_interval_is_that_of_the_users",),
    ),
    Mutation(
        "decay judged the wrong way",
        "strength < TOO_WEAK",
        "strength > TOO_WEAK",
        ("test_verdict_on_the_decay",),
    ),
    Mutation(
        "k-core in one round",
        "if enough.all():\n                break\n            kept = kept[enough]",
        "kept = kept[enough]\n            if True:\n                break",
        ("test_frequent_users_and_items",),
    ),
    Mutation("no sha256 of the files", "if digest != sha256:", "if False:", ("test_a_flipped_bit_is_noticed",)),
    Mutation(
        "run.json not sealed",
        'if about.get("sha256") != seal(about):',
        "if False:",
        ("test_run_that_says_something_else",),
    ),
    Mutation(
        "leftovers of the living removed",
        "if is_ours or (",
        "if True or (",
        ("test_killed_process_leaves_nothing_for_long",),
    ),
    Mutation(
        "mean of no ratings is 0",
        "np.zeros(n), np.full(n, np.nan)",
        "np.zeros(n), np.zeros(n)",
        ("test_item_without_ratings_is_kept",),
    ),
    Mutation(
        "id wins over another's title",
        "if by_id is not None and any(row != by_id for row in by_title):",
        "if False:",
        ("test_not_found",),
    ),
    Mutation(
        "bias model of a fold sees all rows",
        "FOLD_SWEEPS, seen=fold != f, start=biases)",
        "FOLD_SWEEPS, start=biases)",
        ("test_fold_members_are_judged_on_rows_they_have_not_seen",),
    ),
    Mutation(
        "halves not stepped up",
        "np.sqrt(2 * r / (1 + r))",
        "r",
        ("test_estimate_is_the_correlation_with_the_truth",),
    ),
    Mutation(
        "shrinkage of rarely rated items not known",
        "return float(whole.mean() / np.sqrt((whole**2).mean()))",
        "return 1.0",
        ("test_estimate_knows_that_rarely_rated_items_are_shrunk",),
    ),
    Mutation(
        "signs of the halves' products lost",
        "a * b for a, b in zip(sides[::2]",
        "abs(a * b) for a, b in zip(sides[::2]",
        ("test_halves_that_share_nothing_do_not_agree",),
    ),
    Mutation(
        "halves that share their users",
        "rng.spawn(2), left_out)",
        "rng.spawn(2), 0 * left_out + 2)",
        ("test_a_half_member_learns_from_its_own_users_alone",),
    ),
    Mutation(
        "halves take their axes from the same items",
        "weight * (side == number % 2)",
        "weight * (side == 0)",
        ("test_the_halves_take_their_axes_from_disjoint_items",),
    ),
    Mutation(
        "fold axes pooled by rank",
        "chosen = best_assignment(gains)",
        "chosen = np.arange(len(cosine))",
        ("test_axes_of_the_folds_are_matched_to_the_run_before_they_are_pooled",),
    ),
    Mutation(
        "axes of noise chosen by the run",
        "gains = np.where(cosine >= SAME, cosine, 0)",
        "gains = cosine",
        ("test_axes_of_noise_are_not_chosen_by_what_the_run_knows_of_held_out_rows",),
    ),
    Mutation(
        "held-out rows from another fold",
        "rows.take(fold_of_rows == f)",
        "rows.take(fold_of_rows != f)",
        ("test_fold_members_are_judged_on_rows_they_have_not_seen",),
    ),
    Mutation(
        "star draws without their variance",
        "draws *= sds[j]",
        "draws *= 0 * sds[j]",
        ("test_intervals_cover_as_often_as_they_say",),
    ),
    Mutation(
        "prior drawn from rows without ratings too",
        "self.is_rated = side.count > 0",
        "self.is_rated = side.count >= 0",
        ("test_weights_follow_what_is_drawn",),
    ),
    Mutation(
        "every tile takes the first others",
        "columns = slice(j * COLUMNS, (j + 1) * COLUMNS)",
        "columns = slice(0, tile.shape[1])",
        ("test_side_is_solved_as_row_by_row",),
    ),
    Mutation(
        "bias of the other side counted twice",
        "(rated[:, :d] - seen[:, -d - 1 : -1])",
        "(rated[:, :d] - 2 * seen[:, -d - 1 : -1])",
        ("test_sums_are_those_over_a_rows_ratings",),
    ),
    Mutation(
        "schedule begun again in each epoch",
        "done = (epoch + (np.arange(n_steps) + 0.5) / n_steps) / n_epochs",
        "done = (np.arange(n_steps) + 0.5) / n_steps",
        ("test_one_cycle_rises_and_falls",),
    ),
    Mutation("rows in one order", "rng.permutation(rows)", "np.copy(rows)", ("test_torch_steps_are_the_rule_by_hand",)),
    Mutation(
        "any of the moments of a repeated row",
        "moment[rows] = moments[_last(rows, stamp)]",
        "moment[rows.flip(0)] = moments.flip(0)",
        ("test_torch_steps_are_the_rule_by_hand",),
    ),
    Mutation(
        "item moved by the user as it is after its own move",
        "q[f] = keep * q_f - pull_i * p_f",
        "q[f] = keep * q_f - pull_i * p[f]",
        ("test_engines_agree_step_by_step",),
    ),
    Mutation(
        "one moment for both rows",
        "rate * slope / (np.sqrt(v_i) + SMALL)",
        "rate * slope / (np.sqrt(v_u) + SMALL)",
        ("test_engines_agree_step_by_step",),
    ),
    Mutation("biases not decayed", "b_u = keep_bias * b_u", "b_u = b_u", ("test_engines_agree_step_by_step",)),
    Mutation(
        "ratings of a user in one order",
        "state = shuffle(own, n, state)",
        "state = state",
        ("test_engines_agree_step_by_step",),
    ),
    Mutation(
        "negatives decay as positives",
        "(IMPLICIT_RATE, 1 / (1 + self.n_negatives))",
        "(IMPLICIT_RATE, 1.0)",
        ("test_torch_steps_are_the_rule_by_hand",),
    ),
    Mutation(
        "ratings in units of the scale",
        "(values.astype(np.float64) - low) / (high - low)",
        "(values.astype(np.float64) - low) / 5.5",
        ("test_units_of_the_ratings_do_not_matter",),
    ),
    Mutation(
        "numbers left in the tags",
        "nuisance, strata = np.column_stack([one, ranks, ranks**2, is_unknown]), Strata.of(numbers)",
        "nuisance, strata = one, Strata.of(numbers)",
        ("test_profiles_are_orthogonal_to_the_numbers_and_white", "test_tags_that_say_quality_name_nothing"),
    ),
    Mutation(
        "tastes fitted to the held-out ratings",
        "tastes = fit(sums, OF_PART,",
        "tastes = fit(axes.sums, OF_PART,",
        ("test_held_out_ratings_are_not_seen",),
    ),
    Mutation(
        "p without the observed one",
        "p_value = float(1 + (permuted >= own).sum()) / (1 + len(permuted))",
        "p_value = float((permuted >= own).sum()) / len(permuted)",
        ("test_planted_tastes_are_found",),
    ),
    Mutation(
        "EM that forgets how uncertain the tastes are",
        "covariance = (means.T @ means + spread.sum(0)) / n_users",
        "covariance = means.T @ means / n_users",
        ("test_fit_finds_the_covariance",),
    ),
    Mutation(
        "words broken in narrow tables",
        "least = [min(width, max(words, NARROW)), words, min(words, NARROW // 2)]",
        "least = [1]",
        ("test_no_word_of_a_title_is_broken",),
    ),
    Mutation(
        "bars in a pipe",
        "None if width == UNLIMITED else width",
        "width",
        ("test_bars_stand_in_wide_terminals",),
    ),
    Mutation(
        "caution shown as what is real",
        "tone = Tone.NONE if self.t <= LEAST_T or self.p > LEAST_P else Tone.CAUTION",
        "tone = Tone.GOOD",
        ("test_tones_of_components_and_tastes",),
    ),
    Mutation(
        "evidence left out where a table is narrow",
        "is_kept = is_text or column.is_kept or column.tone is not None",
        "is_kept = is_text",
        ("test_narrow_tables_keep_the_evidence",),
    ),
    Mutation(
        "input replaced",
        "if self.output in paths and any(",
        "if self.output not in paths and any(",
        ("test_what_is_read_is_not_replaced",),
    ),
    Mutation(
        "words of an axis in spite of the halves",
        "is_kept &= (correlations @ own > 0) == is_positive",
        "is_kept |= (correlations @ own > 0) == is_positive",
        ("test_words_that_halves_do_not_share_are_not_kept",),
    ),
)
MUTATIONS = NAMED + CHOSEN
