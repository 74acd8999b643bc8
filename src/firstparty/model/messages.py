"""What an SDK sends, and the limits of the tracking API.

Source of the numbers: the HTTP API's published limits; bodies are judged after decoding.
"""

from enum import IntEnum, StrEnum
from typing import Final

MAX_MESSAGE_BYTES: Final = 32 * 1024
MAX_BATCH_BYTES: Final = 512 * 1024  # SDKs stop between 450 KB and 512,000 bytes
MAX_BATCH_MESSAGES: Final = 2_500
# What a pixel is answered: a transparent GIF of one by one pixel.
PIXEL_IMAGE: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)


class MessageType(StrEnum):
    """The six types of message."""

    TRACK = "track"
    PAGE = "page"
    IDENTIFY = "identify"
    GROUP = "group"
    ALIAS = "alias"
    SCREEN = "screen"


class Path(IntEnum):
    """How a body reached us; it says how the body is shaped. Values are stored in the log."""

    BATCH = 0  # {"batch": [...]}: /v1/batch, /v1/import, /v1/b
    TRACK = 1  # one message, of the type the path names
    PAGE = 2
    IDENTIFY = 3
    GROUP = 4
    ALIAS = 5
    SCREEN = 6


class Encoding(IntEnum):
    """How a stored body is encoded. Values are stored in the log."""

    IDENTITY = 0
    GZIP = 1
    LETTER = 2  # a dead letter, put in again by us: see forward/letters.py
