"""What logits are worth: metrics, and the rules by which logits become labels."""
