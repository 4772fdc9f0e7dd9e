"""What argparse makes of the options that several of the scripts have."""

import argparse


def positive(text):
    """A whole number of at least 1, such as a number of rounds."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return number
