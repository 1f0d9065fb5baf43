"""What a strategy may ask of training, as plain values: plan, phases, samplers, losses."""
