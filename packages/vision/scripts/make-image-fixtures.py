"""Writes src/io/fixtures/images.json: small image files of many kinds, and the pixels that Pillow reads from them.

Run with a Python that has Pillow and numpy (9.4 wrote the file): python3 make-image-fixtures.py
"""

import base64
import hashlib
import io
import json
import pathlib

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 19, 13
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
pixels = np.stack([(17 * x + 3 * y) % 256, (5 * x + 19 * y) % 256, (11 * x * y) % 256], -1).astype(np.uint8)
rgb = Image.fromarray(pixels)
alpha = Image.fromarray(((7 * x + 13 * y) % 256).astype(np.uint8))
rgba = rgb.copy()
rgba.putalpha(alpha)
grey = rgb.convert("L")
grey_alpha = rgba.convert("LA")
turned = Image.Exif()
turned[0x0112] = 6


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def bitmap32():
    """A 32-bit bitmap whose rows run from the top down; Pillow writes none."""
    data = b"".join(bytes([b, g, r, 0]) for r, g, b in pixels.reshape(-1, 3).tolist())
    header = (40).to_bytes(4, "little") + WIDTH.to_bytes(4, "little") + (-HEIGHT).to_bytes(4, "little", signed=True)
    header += (1).to_bytes(2, "little") + (32).to_bytes(2, "little") + bytes(24)
    return b"BM" + (54 + len(data)).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + header + data


def sha1(image):
    return hashlib.sha1(image.tobytes()).hexdigest()


files = {
    "rgb.png": saved(rgb, "PNG"),
    "rgba.png": saved(rgba, "PNG"),
    "grey.png": saved(grey, "PNG"),
    "grey-alpha.png": saved(grey_alpha, "PNG"),
    "palette.png": saved(rgb.quantize(16), "PNG"),
    "bits.png": saved(grey.convert("1"), "PNG"),
    "rgb.jpg": saved(rgb, "JPEG", quality=90),
    "444.jpg": saved(rgb, "JPEG", quality=60, subsampling=0),
    "progressive.jpg": saved(rgb, "JPEG", progressive=True),
    "grey.jpg": saved(grey, "JPEG"),
    "cmyk.jpg": saved(rgb.convert("CMYK"), "JPEG", quality=90),
    "exif.jpg": saved(rgb, "JPEG", exif=turned),
    "rgb.webp": saved(rgb, "WEBP", lossless=True),
    "rgb.gif": saved(rgb.quantize(16), "GIF"),
    "rgb.tif": saved(rgb, "TIFF"),
    "rgb.bmp": saved(rgb, "BMP"),
    "grey.bmp": saved(grey, "BMP"),
    "palette.bmp": saved(rgb.quantize(16), "BMP"),
    "bits.bmp": saved(grey.convert("1"), "BMP"),
    "topdown.bmp": bitmap32(),
    "rgb.ppm": saved(rgb, "PPM"),
    "grey.pgm": saved(grey, "PPM"),
    "plain.pgm": b"P2\n# a comment\n3 2 # and another\n7\n0 1 2\n3 4 7\n",
}
cases = {}
for name, data in files.items():
    image = Image.open(io.BytesIO(data))
    cases[name] = {
        "file": base64.b64encode(data).decode(),
        "size": list(image.size),
        "rgb": sha1(image.convert("RGB")),
        "grey": sha1(image.convert("L")),
        "rgba": sha1(image.convert("RGBA")),
    }
target = pathlib.Path(__file__).parent.parent / "src" / "io" / "fixtures" / "images.json"
target.parent.mkdir(exist_ok=True)
target.write_text("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items()) + "\n}\n")
