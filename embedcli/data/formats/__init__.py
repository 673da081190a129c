"""Readers of ratings, one file per format.

The way of a file through this room: `loading.load` recognises a data set by the names of its files, and movielens_100k,
movielens or recbole reads its users and items. They, and `load` for any other file, call table for the ratings:
table -> delimited or columnar (by the first bytes) -> detect (which column is what: a `TableSchema`)
      -> parse (bytes or texts to a `Block`) -> blocks (`Rows`: all blocks, ids as codes) -> table (`Ratings`).
item_table reads a second table, with the titles and tags of the items, through the same delimited and columnar.
"""
