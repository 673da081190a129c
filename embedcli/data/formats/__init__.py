"""Readers of ratings, one file per format.

table -> delimited, parquet, json_rows, sqlite or wide -> detect (which column is what: a `TableSchema`)
      -> parse (bytes or texts to a `Block`) -> blocks (`Rows`: all blocks, ids as codes) -> table (`Ratings`).
"""
