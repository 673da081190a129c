"""What evidence has to reach, and the words for what is not a taste: analyses read it without the imports of tests."""

LEAST_T, LEAST_SLOPE = 3.0, 0.5  # of the regression of held-out residuals: to predict, and to hold what is claimed
LEAST_P = 0.02  # with a higher p, an axis of tastes is not above permuted tags
LEAST_LOADING = 0.3  # correlation of an axis of tastes with a tag, from which the tag is one of its words
USE_OF_SCALE = "the use of the scale"
CAUSES = "time: a drift", USE_OF_SCALE, "duplicate accounts"
