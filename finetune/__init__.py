"""Supervised fine-tuning in declared stages on TRL: exports in, chat models out."""
