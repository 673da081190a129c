"""Readers of ratings, one file per format.

table -> delimited or columnar (by the first bytes) -> detect (which column is what: a `TableSchema`)
      -> parse (bytes or texts to a `Block`) -> blocks (`Rows`: all blocks, ids as codes) -> table (`Ratings`).
"""
