"""Ratings from files: `loading.load` is the one door. Import from the modules."""
