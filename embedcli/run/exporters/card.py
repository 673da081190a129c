"""The model card of an exported run: README.md, with the front matter that the Hugging Face hub reads."""

import json
from collections.abc import Iterator

import embedcli
from embedcli.data.catalog import CATALOG, MOVIELENS_PAGE, MOVIELENS_TERMS, NOT_PASSED_ON
from embedcli.run.exporters.arrays import arrays, labels
from embedcli.run.predictions import NAMES
from embedcli.run.record import POSTERIOR, WITH_TIMES, Run, Score

TAGS = ("recommender-system", "collaborative-filtering", "matrix-factorization", "embeddings")
CONTENT = {
    "item_factors": "embeddings of the {noun}s",
    "user_factors": "embeddings of the users",
    "item_bias": "how well {noun}s are liked, in {unit}",
    "user_bias": "how high users rate, in {unit}",
    "global_bias": "the same for all",
}
SETTINGS = {
    "n_members": "members",
    "n_factors": "factors",
    "weight_decay": "weight decay of the factors",
    "bias_weight_decay": "weight decay of the biases",
    "learning_rate": "learning rate",
    "n_epochs": "epochs",
    "seed": "seed",
}


def card(run: Run) -> str:
    """Return the model card."""
    sections = [_contents(run), _use(run), _figures(run), _limits(run), _licence(run), _training(run)]
    title = f"# {_text(run.data.title)}: embeddings of {len(run.items):,} {_text(run.data.noun)}s"
    return "\n\n".join([front_matter(run), title, *filter(None, sections)]) + "\n"


def front_matter(run: Run) -> str:
    """Return the YAML at the top of the card; JSON texts are YAML, too."""
    lines = [f"license: {'other' if is_movielens(run) else 'unknown'}"]
    if is_movielens(run):
        lines += ["license_name: movielens", f"license_link: {MOVIELENS_PAGE}"]
    lines += ["library_name: embedcli", "tags:", *(f"- {tag}" for tag in TAGS)]
    if run.training.model_score is not None and is_model(run):
        lines += _model_index(run, run.training.model_score)
    return "\n".join(["---", *lines, "---"])


def is_movielens(run: Run) -> bool:
    """Tell whether the data is an edition of MovieLens."""
    return run.data.name in CATALOG


def is_model(run: Run) -> bool:
    """Tell whether the run has all arrays that a prediction is made of."""
    return set(NAMES) <= set(run.arrays)


def licence(run: Run) -> str:
    """Return what the licence of the data means for whoever publishes the file."""
    title = run.data.title
    if not is_movielens(run):
        return f"the licence of {title} is not known here: state it in README.md before you publish the files"
    if run.data.name in NOT_PASSED_ON:
        terms = f"the licence of {title} forbids redistribution, and its ids and titles are in the files"
        return f"{terms}: ask GroupLens before you publish them"
    return f"{title} may be passed on under its own licence only, which holds for its ids and titles in the files"


def _model_index(run: Run, score: Score) -> Iterator[str]:
    quoted = {name: json.dumps(value) for name, value in (("run", run.name or run.data.name), ("data", run.data.title))}
    yield from ("model-index:", f"- name: {quoted['run']}", "  results:", "  - task:")
    yield from ("      type: recommendation", "      name: Rating prediction", "    dataset:")
    yield from (f"      type: {json.dumps(run.data.name)}", f"      name: {quoted['data']}", "    metrics:")
    for metric, value in (("rmse", score.rmse), ("mae", score.mae), ("auc", score.auc)):
        if value is not None:
            yield from (f"    - type: {metric}", f"      value: {value:.4f}", f"      name: {metric.upper()}")


def _contents(run: Run) -> str:
    noun, members = _text(run.data.noun), f"{run.n_members} model{'s' * (run.n_members > 1)}"
    words = {"noun": noun, "unit": "units of the prediction" if run.sigmoid_range is None else "logits"}
    rows = [
        f"| `{name}` | {' x '.join(f'{size:,}' for size in array.shape)} | {CONTENT[name].format_map(words)} |"
        for name, array in arrays(run).items()
    ]
    trained = "" if run.training.config is None else ", trained with embedcli"
    lines = [
        f"`model.safetensors` holds {members}{trained}. The first axis is that of the models.",
        *("", "| array | shape | content |", "| --- | --- | --- |", *rows, ""),
        f"The metadata of its header holds {', '.join(f'`{name}`' for name in labels(run))}, as JSON texts.",
    ]
    return "\n".join(lines)


def _use(run: Run) -> str:
    lines = [
        "## Use",
        "",
        "```python",
        "import json",
        *(["import numpy"] if is_model(run) and run.sigmoid_range else []),
        "from safetensors import safe_open",
        "",
        'with safe_open("model.safetensors", framework="numpy") as file:',
        "    arrays = {name: file.get_tensor(name) for name in file.keys()}",
        "    about = {name: json.loads(text) for name, text in file.metadata().items()}",
    ]
    if is_model(run):
        lines += [
            "",
            "def predict(user, item):",
            '    u, i = about["user_ids"].index(user), about["item_ids"].index(item)',
            '    logits = arrays["global_bias"] + arrays["user_bias"][:, u] + arrays["item_bias"][:, i]',
            '    logits = logits + (arrays["user_factors"][:, u] * arrays["item_factors"][:, i]).sum(1)',
            *_link(run),
        ]
    return "\n".join([*lines, "```"])


def _link(run: Run) -> list[str]:
    if run.sigmoid_range is None:
        return ["    return logits.mean()  # over the models"]
    return [
        '    low, high = about["y_range"]',
        "    return (low + (high - low) / (1 + numpy.exp(-logits))).mean()  # over the models",
    ]


def _figures(run: Run) -> str:
    scores = [score for score in run.training.scores if score.model not in (POSTERIOR, WITH_TIMES)]
    if not scores or not is_model(run):
        return ""
    has_auc = any(score.auc is not None for score in scores)
    lines = ["| | RMSE | MAE |" + " AUC |" * has_auc, "| --- | ---: | ---: |" + " ---: |" * has_auc]
    for score in scores:
        auc = f" {score.auc:.3f} |" if score.auc is not None else " |" * has_auc
        lines.append(f"| {score.model} | {score.rmse:.3f} | {score.mae:.3f} |{auc}")
    split = run.training.split
    protocol = f"Split: {split.description}, {split.n_train:,} training rows and {split.n_test:,} test rows."
    return "\n".join(["## Figures", "", *lines, "", f"{protocol} {_text(run.training.protocol)}."])


def _limits(run: Run) -> str:
    noun, lines = _text(run.data.noun), []
    if run.n_members > 1:
        lines.append(
            "The models are rotated against each other: never average their embeddings. Side by side, "
            f"{run.n_members} x {run.shape('item_factors')[2]} numbers per {noun}, they keep all distances."
        )
    if "user_factors" in run.arrays:
        lines.append(
            "If the item factors are multiplied by a matrix and the user factors by its inverse, each prediction stays "
            "the same and each cosine between items changes. Compare items by the correlation of their predicted "
            "preferences instead, as `embedcli similar` does."
        )
    if n := run.item_stats.n_unrated:
        lines.append(f"{n:,} {noun}s have no training rating: their embeddings are where the training started.")
    if "user_factors" in run.arrays:
        lines.append(f"The file holds the ids and embeddings of {len(run.users):,} users. These may be personal data.")
    return "\n".join(["## Limits", "", *(f"- {line}" for line in lines)]) if lines else ""


def _licence(run: Run) -> str:
    said = licence(run)
    lines = ["## Data and licence", "", f"{said[0].upper()}{_text(said[1:])}."]
    return "\n".join([*lines, "", MOVIELENS_TERMS] if is_movielens(run) else lines)


def _training(run: Run) -> str:
    settings = run.training.settings
    rows = [f"| {words} | {settings[name]} |" for name, words in SETTINGS.items() if name in settings]
    made = f"Written by embedcli {embedcli.__version__}."
    return "\n".join(["## Training", "", "| setting | value |", "| --- | --- |", *rows, "", made] if rows else [made])


def _text(text: str) -> str:
    """Return a text from the data as Markdown shows it: on one line, with no mark that formats it."""
    line = " ".join(text.split())
    return "".join("\\" + letter if letter in "\\`*_<[|#" else letter for letter in line)
