"""Embeddings for other programs: one file per format. Each returns bytes; `analysis.export` writes them."""
