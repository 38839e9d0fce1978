"""Hardened Docker execution of untrusted code: one job in, one exact verdict out."""
