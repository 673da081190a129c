"""Ratings from files: `loading.load` is the one door. Import from the modules."""

TEST_FRACTION = 0.1  # of the ratings: the test rows of a random split or one in time
