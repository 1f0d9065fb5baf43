"""Numbers that remember how they were written, so that a name made of digits stays that name."""


class WrittenInt(int):
    """A whole number of a YAML text, with the `text` that stands for it there."""

    text: str

    @classmethod
    def of(cls, text: str) -> "WrittenInt":
        """Return the number that a `text` is by the rules of YAML 1.2."""
        plain = text.lstrip("+-")
        number = cls(int(text, 0 if plain[:2] in ("0o", "0x") else 10))
        number.text = text
        return number


class WrittenFloat(float):
    """A number of a YAML text, with the `text` that stands for it there."""

    text: str

    @classmethod
    def of(cls, text: str) -> "WrittenFloat":
        """Return the number that a `text` is by the rules of YAML 1.2."""
        named = text.lower().lstrip("+-") in (".inf", ".nan")
        number = cls(text.replace(".", "", 1) if named else text)
        number.text = text
        return number


def as_written(value: object) -> object:
    """Return a number as the text that it was written as; whatever else as it is.

    Raises:
        ValueError: it is a truth value, which may have been meant as a name.

    """
    if isinstance(value, bool):
        word = str(value).lower()
        raise ValueError(f"a name that reads as {word} must stand in quotes")
    if isinstance(value, int | float):
        return str(getattr(value, "text", value))
    return value
