"""Vectors of other programs: one file per format, `door` recognises which it is. Nothing in a file is executed."""
