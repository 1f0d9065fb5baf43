"""Networks: bodies that make features of inputs, and heads that make logits of features."""
