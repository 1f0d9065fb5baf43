"""What people call the three splits, in tables and as folders."""

SPLITS = ("train", "validation", "test")
SYNONYMS = {
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "testing": "test",
}


def split_named(word: str) -> str | None:
    """Return the split that a word stands for, in upper or lower case; None if it is none."""
    name = word.lower()
    name = SYNONYMS.get(name, name)
    return name if name in SPLITS else None
