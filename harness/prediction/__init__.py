"""From an exported folder and images to labels with probabilities, read as training reads them."""
