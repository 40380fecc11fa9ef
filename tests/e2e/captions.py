"""CEA-608 captions in H.264 samples, as encoders put them there (ATSC A/53 part 4, ANSI/CTA-608-E)."""
import struct


def parity(value):
    return value | (0x80 if bin(value).count("1") % 2 == 0 else 0)


def pairs(text):
    """A pop-on caption of channel 1: resume loading, row 15, the text, end of caption."""
    text += " " * (len(text) % 2)
    codes = [(0x14, 0x20), (0x14, 0x2E), (0x14, 0x70)]
    codes += [(ord(a), ord(b)) for a, b in zip(text[::2], text[1::2])]
    return codes + [(0x14, 0x2F)]


def sei(pair):
    """A NAL unit of SEI with one pair of field 1, and padding in field 2."""
    first, second = (parity(byte) for byte in pair)
    body = b"\xb5\x00\x31GA94\x03" + bytes([0x42, 0xFF, 0xFC, first, second, 0xFD, 0x80, 0x80, 0xFF])
    return b"\x06\x04" + bytes([len(body)]) + body + b"\x80"


def put_into(track, text, every=50):
    """A caption begins with every so many pictures as they are shown, and is erased before the next one: players tell of it then. A pair a
    picture, padding between them."""
    codes = pairs(text)
    codes += [(0, 0)] * (every * 2 // 3 - len(codes)) + [(0x14, 0x2C)]
    shown = sorted(track.samples, key=lambda sample: sample.time * 1000 + sample.composition_ms)
    for number, sample in enumerate(shown):
        place = number % every
        unit = sei(codes[place] if place < len(codes) else (0, 0))
        sample.payload = struct.pack(">I", len(unit)) + unit + sample.payload
