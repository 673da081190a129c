"""What an analysis can be asked for by name. The command line imports this file, so that it imports little."""

from enum import StrEnum

from embedcli.errors import chosen as chosen

Sort = StrEnum("Sort", ["BIAS", "STARS", "LOWER", "UPPER", "PROBABILITY"])  # what a ranking goes by
By = StrEnum("By", ["TRAINED", "POSTERIOR"])  # whose stars: the trained members', or the posterior mean
RankBy = StrEnum("RankBy", ["STARS", "GAIN"])  # what recommendations go by: the prediction, or what taste adds
Basis = StrEnum("Basis", ["PCA", "PREFERENCE"])  # components of the item factors, or of the predicted preferences
Rotation = StrEnum("Rotation", ["NONE", "VARIMAX"])  # how components are turned after they are found
Grouping = StrEnum("Grouping", ["KMEANS", "HIERARCHICAL"])  # how items are cut into groups
Measure = StrEnum("Measure", ["PREFERENCE", "COSINE", "DOT", "EUCLIDEAN"])  # how near two items are
Angle = StrEnum("Angle", ["PREFERENCE", "COSINE"])  # the same of many items at once: in the metric of the users, or not
PartialOut = StrEnum("PartialOut", ["NOTHING", "QUALITY"])  # what is partialled out of components before naming
Method = StrEnum("Method", ["PCA", "TSNE", "UMAP"])  # how items are laid out on a map
Section = StrEnum(  # of a report, in the order of its story
    "Section", ["RANKING", "AXES", "TASTES", "MAP", "CLUSTERS", "PROBE", "ERRORS", "SETTINGS"]
)
ExportFormat = StrEnum(  # what another program reads
    "ExportFormat", ["PROJECTOR", "PARQUET", "NPZ", "WORD2VEC", "SAFETENSORS", "CSV"]
)
