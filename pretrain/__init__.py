"""From raw code to a base model: corpus, tokenizer, shards, pretraining, annealing, export."""
