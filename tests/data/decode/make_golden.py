#!/usr/bin/env python3
"""Writes small files of every format and kind, and what Pillow reads from them.

    python3 tests/data/decode/make_golden.py [../shared]     (Pillow 12.3 with libjpeg-turbo, numpy)

golden.txt has a line for each file beside it: name, width, height, CRC-32 of the RGB bytes of
ImageOps.exif_transpose(Image.open(file)).convert("RGB"). With ../shared given, shared.txt gets the
same for the pictures there. Two things are not Pillow's: a 16-bit sample becomes its high byte
(Pillow clips 16-bit grey and rounds 16-bit PPM), and a line that ends in `ours` was made from the
picture that went into the file, since Pillow reads that kind wrongly or not at all.

The picture is our own: a gradient, a disc and stripes.
"""

import io
import pathlib
import struct
import sys
import zlib

import numpy
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
WIDTH, HEIGHT = 37, 23


def picture(width=WIDTH, height=HEIGHT):
    y, x = numpy.mgrid[0:height, 0:width]
    rgb = numpy.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x * 5 + y * 11) % 256], -1)
    disc = (x - width * 0.6) ** 2 + (y - height * 0.4) ** 2 < (height * 0.3) ** 2
    rgb[disc] = (250, 40, 10)
    rgb[(x + y) % 9 == 0] = (0, 255, 255)
    return rgb.astype(numpy.uint8)


RGB = picture()
IMAGE = Image.fromarray(RGB)
ALPHA = Image.fromarray(((numpy.mgrid[0:HEIGHT, 0:WIDTH].sum(0) * 7) % 256).astype(numpy.uint8))
ours = {}  # name: RGB array that we expect, where Pillow can't say


def high_bytes(image):
    """A 16-bit grey picture, whose high bytes we keep."""
    grey = (numpy.asarray(image).astype(numpy.int64) >> 8).astype(numpy.uint8)
    return Image.fromarray(grey)


def read(path):
    image = Image.open(path)
    image.load()
    if image.mode.startswith("I"):
        image = high_bytes(image)
    else:
        image = ImageOps.exif_transpose(image)
    return image.convert("RGB")


def save(name, image, **options):
    image.save(HERE / name, **options)


def write(name, data, expected=None):
    (HERE / name).write_bytes(data)
    if expected is not None:
        ours[name] = expected


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def xmp(orientation):
    return (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'
            % orientation)


def jpegs():
    save("444.jpg", IMAGE, quality=90, subsampling="4:4:4")
    save("422.jpg", IMAGE, quality=90, subsampling="4:2:2")
    save("420.jpg", IMAGE, quality=70, subsampling="4:2:0", optimize=True)
    save("progressive.jpg", IMAGE, quality=80, progressive=True)
    save("restart.jpg", IMAGE, quality=80, restart_marker_blocks=2)
    save("rgb.jpg", IMAGE, quality=85, keep_rgb=True)
    save("grey.jpg", IMAGE.convert("L"), quality=80)
    save("grey_progressive.jpg", IMAGE.convert("L"), quality=80, progressive=True)
    save("cmyk.jpg", IMAGE.convert("CMYK"), quality=80)
    for orientation in (0, *range(1, 9), 9):
        save(f"exif_{orientation}.jpg", IMAGE, quality=50, exif=exif(orientation))
    save("xmp_6.jpg", IMAGE, quality=50, xmp=xmp(6))
    save("exif_3_xmp_6.jpg", IMAGE, quality=50, exif=exif(3), xmp=xmp(6))
    for width, height in ((1, 1), (1, 40), (40, 1), (16, 16), (17, 9)):
        save(f"{width}x{height}.jpg", Image.fromarray(picture(width + 1, height + 1)[:height, :width]))
    # Scans whose data end too early, as some cameras write them: libjpeg warns and goes on.
    for name in ("420", "grey", "restart", "progressive", "cmyk"):
        write(f"{name}_short_scan.jpg", with_short_scan((HERE / f"{name}.jpg").read_bytes()))


def with_short_scan(data):
    """A JPEG without the second half of its first scan's data (of a stretch between restarts, where it has such)."""
    header = data.index(b"\xff\xda")
    start = header + 2 + struct.unpack(">H", data[header + 2:header + 4])[0]
    end = next(i for i in range(start, len(data)) if data[i] == 0xFF and data[i + 1] != 0)
    half = start + (end - start) // 2
    half -= data[half - 1] == 0xFF  # which would be half an escape
    return data[:half] + data[end:]


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, bits, color_type, rows, interlaced=False, extra=b"", behind=b""):
    return (b"\x89PNG\r\n\x1a\n"
            + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, interlaced))
            + extra + png_chunk(b"IDAT", zlib.compress(rows, 9)) + behind + png_chunk(b"IEND", b""))


def png_rows(array):
    return b"".join(b"\0" + row.tobytes() for row in array)


def adam7(array):
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    return b"".join(png_rows(array[y::dy, x::dx]) for x, y, dx, dy in passes if array[y::dy, x::dx].size)


def pngs():
    save("rgb.png", IMAGE)
    save("grey.png", IMAGE.convert("L"))
    save("bilevel.png", IMAGE.convert("1"))
    rgba = IMAGE.copy()
    rgba.putalpha(ALPHA)
    save("rgba.png", rgba)
    save("grey_alpha.png", rgba.convert("LA"))
    for bits in (1, 2, 4, 8):
        save(f"palette{bits}.png", IMAGE.quantize(2**bits), bits=bits)
    save("palette_trns.png", IMAGE.quantize(16), transparency=3)
    save("palette_trns_bytes.png", IMAGE.quantize(16), transparency=bytes(range(0, 160, 10)))
    save("rgb_trns.png", IMAGE, transparency=(250, 40, 10))
    save("grey_trns.png", IMAGE.convert("L"), transparency=0)
    save("exif_6.png", IMAGE, exif=exif(6))
    write("xmp_8.png", png(WIDTH, HEIGHT, 8, 2, png_rows(RGB),
                           extra=png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(8))))
    write("exif_5_behind.png", png(WIDTH, HEIGHT, 8, 2, png_rows(RGB),
                                   behind=png_chunk(b"eXIf", exif(5)[6:])))
    write("interlaced.png", png(WIDTH, HEIGHT, 8, 2, adam7(RGB), True))
    indices = IMAGE.quantize(200)
    palette = png_chunk(b"PLTE", bytes(indices.getpalette()[:600]))
    write("palette_interlaced.png", png(WIDTH, HEIGHT, 8, 3, adam7(numpy.asarray(indices)), True, palette))
    write("palette_overrun.png", png(WIDTH, HEIGHT, 8, 3, png_rows(numpy.asarray(indices)), False,
                                     png_chunk(b"PLTE", bytes(indices.getpalette()[:300]))))
    grey = (numpy.asarray(IMAGE.convert("L")) // 16).astype(numpy.uint8)
    packed = grey[:, :-1:2] << 4 | numpy.pad(grey[:, 1::2], ((0, 0), (0, 0)))
    packed = numpy.concatenate([packed, grey[:, -1:] << 4], 1)
    write("grey4.png", png(WIDTH, HEIGHT, 4, 0, png_rows(packed)))
    wide = RGB.astype(numpy.uint16) * 256 + 255 - RGB
    write("rgb16.png", png(WIDTH, HEIGHT, 16, 2, png_rows(wide.astype(">u2"))))
    write("rgba16.png", png(WIDTH, HEIGHT, 16, 6, png_rows(
        numpy.dstack([wide, wide[..., 0]]).astype(">u2"))))
    write("grey16.png", png(WIDTH, HEIGHT, 16, 0, png_rows(wide[..., 2].astype(">u2"))))
    write("grey_alpha16.png", png(WIDTH, HEIGHT, 16, 4, png_rows(wide[..., :2].astype(">u2"))))
    write("grey16_interlaced.png", png(WIDTH, HEIGHT, 16, 0, adam7(wide[..., 1].astype(">u2")), True))


def webps():
    rgba = IMAGE.copy()
    rgba.putalpha(ALPHA)
    save("lossy.webp", IMAGE, quality=70)
    save("lossless.webp", IMAGE, lossless=True)
    save("lossy_alpha.webp", rgba, quality=70)
    save("lossless_alpha.webp", rgba, lossless=True)
    save("lossless_alpha_exact.webp", rgba, lossless=True, exact=True)
    save("exif_6.webp", IMAGE, quality=70, exif=exif(6))
    save("xmp_3.webp", IMAGE, quality=70, xmp=xmp(3))
    save("animated.webp", rgba, save_all=True, append_images=[IMAGE.rotate(180)], lossless=True)
    # A first frame smaller than the canvas: offsets of ANMF are in units of two pixels.
    frame = io.BytesIO()
    rgba.save(frame, "WEBP", lossless=True)
    vp8l = frame.getvalue()[12:]
    def chunk(kind, data):
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    u24 = lambda n: struct.pack("<I", n)[:3]
    if vp8l[:4] == b"VP8X":
        vp8l = vp8l[18:]
    body = (chunk(b"VP8X", b"\x12\0\0\0" + u24(WIDTH + 11) + u24(HEIGHT + 7))
            + chunk(b"ANIM", b"\x10\x20\x30\xff\0\0")
            + chunk(b"ANMF", u24(3) + u24(2) + u24(WIDTH - 1) + u24(HEIGHT - 1) + u24(100) + b"\0" + vp8l))
    write("animated_offset.webp", b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)


def gifs():
    indexed = IMAGE.quantize(32)
    save("indexed.gif", indexed, interlace=0)
    save("interlaced.gif", indexed, interlace=1)
    save("grey.gif", IMAGE.convert("L"))
    save("bilevel.gif", IMAGE.convert("1"))
    save("transparent.gif", indexed, transparency=5)
    save("animated.gif", indexed, save_all=True, append_images=[IMAGE.rotate(180).quantize(32)])
    plain = bytearray((HERE / "indexed.gif").read_bytes())
    plain[6:10] = struct.pack("<HH", WIDTH + 9, HEIGHT + 5)
    at = plain.index(b",\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT))
    plain[at + 1:at + 5] = struct.pack("<HH", 4, 3)
    write("offset.gif", bytes(plain))
    plain[6:10] = struct.pack("<HH", 10, 10)
    write("sticking_out.gif", bytes(plain))
    clear = bytearray((HERE / "transparent.gif").read_bytes())
    clear[6:10] = struct.pack("<HH", WIDTH + 9, HEIGHT + 5)
    write("offset_transparent.gif", bytes(clear))
    # No palette at all: the flag and the table removed.
    bits = (plain[10] & 7) + 1
    bare = plain[:10] + bytes([plain[10] & 0x7F]) + plain[11:13] + plain[13 + (3 << bits):]
    write("no_palette.gif", bytes(bare))


def bmp(bits, rows, width=WIDTH, height=HEIGHT, compression=0, palette=b"", masks=b"", colors=0, pad=True):
    if pad:
        rows = [row + b"\0" * (-len(row) % 4) for row in rows]
    pixels = b"".join(rows)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, colors, 0)
    offset = 14 + len(header) + len(masks) + len(palette)
    return (b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + header + masks + palette + pixels)


def bmps():
    save("rgb24.bmp", IMAGE)
    save("grey8.bmp", IMAGE.convert("L"))
    save("bilevel.bmp", IMAGE.convert("1"))
    save("palette8.bmp", IMAGE.quantize(100))
    save("rgba32.bmp", Image.merge("RGBA", (*IMAGE.split(), ALPHA)))
    up = RGB[::-1]
    write("topdown24.bmp", bmp(24, [row[:, ::-1].tobytes() for row in RGB], height=-HEIGHT))
    five = up.astype(numpy.uint16) >> 3
    rows = (five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]).astype("<u2")
    write("rgb555.bmp", bmp(16, [row.tobytes() for row in rows]))
    rows = (five[..., 0] << 11 | (up[..., 1].astype(numpy.uint16) >> 2) << 5 | five[..., 2]).astype("<u2")
    write("rgb565.bmp", bmp(16, [row.tobytes() for row in rows], compression=3,
                            masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
    wide = up.astype(numpy.uint32)
    rows = (wide[..., 0] << 24 | wide[..., 1] << 16 | wide[..., 2] << 8).astype("<u4")
    write("xbgr32.bmp", bmp(32, [row.tobytes() for row in rows], compression=3,
                            masks=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00)))
    sixteen = IMAGE.quantize(16)
    palette = b"".join(bytes([b, g, r, 0]) for r, g, b in zip(*[iter(sixteen.getpalette()[:48])] * 3))
    index = numpy.asarray(sixteen)[::-1]
    even = numpy.pad(index, ((0, 0), (0, 1)))
    write("palette4.bmp", bmp(4, [row.tobytes() for row in (even[:, ::2] << 4 | even[:, 1::2]).astype(numpy.uint8)],
                              palette=palette))
    # Runs of equal pixels, and stretches of different ones of three or more.
    def runs(row, encode):
        out, x = b"", 0
        while x < len(row):
            n = 1
            while x + n < len(row) and row[x + n] == row[x] and n < 255:
                n += 1
            m = 1
            while x + m < len(row) and m < 254 and row[x + m] != row[x + m - 1]:
                m += 1
            if n == 1 and m >= 4:
                m -= m % 4  # keeps clear of Pillow's reading of odd stretches of RLE4
                data = encode(row[x:x + m])
                out += bytes([0, m]) + data + b"\0" * (len(data) % 2)
                x += m
            else:
                out += bytes([n]) + encode([row[x]] * 2)[:1]
                x += n
        return out + b"\0\0"
    rle8 = b"".join(runs(row.tolist(), bytes) for row in index) + b"\0\1"
    write("rle8.bmp", bmp(8, [rle8], compression=1, palette=palette, colors=16, pad=False))
    four = lambda px: bytes(a << 4 | b for a, b in zip(px[::2], px[1::2]))
    rle4 = b"".join(runs(row.tolist(), four) for row in index) + b"\0\1"
    write("rle4.bmp", bmp(4, [rle4], compression=2, palette=palette, colors=16, pad=False))
    # Pillow drops the last pixel of an odd stretch.
    small = Image.fromarray(numpy.array([[1, 2, 3, 4, 5]], numpy.uint8))
    colors = numpy.array(sixteen.getpalette()[:48], numpy.uint8).reshape(16, 3)
    write("rle4_odd.bmp", bmp(4, [b"\0\5\x12\x34\x50\0\0\0\0\1"], 5, 1, 2, palette, colors=16, pad=False),
          colors[numpy.asarray(small)])
    # Pillow wants every pixel to be there; a skipped one has index 0.
    write("rle8_skip.bmp", bmp(8, [b"\2\3\0\2\2\0\1\4\0\1"], 5, 2, 1, palette, colors=16, pad=False),
          colors[numpy.array([[0, 0, 0, 0, 0], [3, 3, 0, 0, 4]])])
    core = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    pixels = b"".join(row[:, ::-1].tobytes() + b"\0" * (-WIDTH * 3 % 4) for row in up)
    write("core24.bmp", b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + core + pixels)
    short = b"".join(bytes([b, g, r, 0]) for r, g, b in ((1, 2, 3), (200, 100, 50)))
    write("palette_overrun.bmp", bmp(8, [bytes(range(4))] * 3, 4, 3, palette=short, colors=2))


def tiff(tags, blocks, order="<"):
    """A TIFF of one directory; `blocks` are strips or tiles, whose offsets get the tag `blocks_tag`."""
    data = b"".join(blocks)
    offsets, at = [], 8
    for block in blocks:
        offsets.append(at)
        at += len(block)
    blocks_tag = 324 if 322 in tags else 273
    tags = {**tags, blocks_tag: offsets, (325 if 322 in tags else 279): [len(b) for b in blocks]}
    data += b"\0" * (-len(data) % 2)
    entries, extra, extra_at = b"", b"", 8 + len(data) + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        long = tag in (blocks_tag, 325, 279)
        values = values if isinstance(values, list) else [values]
        packed = struct.pack(f"{order}{len(values)}{'I' if long else 'H'}", *values)
        if len(packed) > 4:
            where = struct.pack(order + "I", extra_at + len(extra))
            extra += packed + b"\0" * (len(packed) % 2)
        else:
            where = packed.ljust(4, b"\0")
        entries += struct.pack(order + "HHI", tag, 4 if long else 3, len(values)) + where
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return (magic + struct.pack(order + "I", 8 + len(data)) + data
            + struct.pack(order + "H", len(tags)) + entries + b"\0\0\0\0" + extra)


def tiffs():
    rgba = Image.merge("RGBA", (*IMAGE.split(), ALPHA))
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        save(f"rgb_{compression}.tiff", IMAGE, compression=compression)
    save("rgba_lzw.tiff", rgba, compression="tiff_lzw")
    save("grey.tiff", IMAGE.convert("L"))
    save("grey_alpha.tiff", rgba.convert("LA"))
    save("grey_jpeg.tiff", IMAGE.convert("L"), compression="jpeg")
    save("palette.tiff", IMAGE.quantize(50), compression="tiff_lzw")
    save("bilevel_group4.tiff", IMAGE.convert("1"), compression="group4")
    save("bilevel.tiff", IMAGE.convert("1"))
    save("cmyk.tiff", IMAGE.convert("CMYK"), compression="tiff_lzw")
    save("ycbcr.tiff", IMAGE.convert("YCbCr"), compression="tiff_lzw")
    save("exif_6.tiff", IMAGE, compression="tiff_lzw", tiffinfo={274: 6})
    grey16 = (RGB[..., 0].astype(numpy.uint16) << 8) + RGB[..., 1]
    save("grey16.tiff", Image.fromarray(grey16), compression="tiff_lzw")
    base = {256: WIDTH, 257: HEIGHT, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3, 278: HEIGHT}
    wide = RGB.astype(numpy.uint16) * 256 + 255 - RGB
    write("rgb16_big_endian.tiff", tiff({**base, 258: [16] * 3}, [wide.astype(">u2").tobytes()], ">"))
    write("strips.tiff", tiff({**base, 278: 5}, [RGB[y:y + 5].tobytes() for y in range(0, HEIGHT, 5)]))
    write("planar.tiff", tiff({**base, 284: 2}, [RGB[..., c].tobytes() for c in range(3)]))
    padded = numpy.pad(RGB, ((0, 32 - HEIGHT), (0, 48 - WIDTH), (0, 0)))
    tiles = [padded[y:y + 16, x:x + 16].tobytes() for y in (0, 16) for x in (0, 16, 32)]
    write("tiled.tiff", tiff({**base, 322: 16, 323: 16}, tiles))
    premultiplied = numpy.asarray(rgba).astype(int)
    premultiplied[..., :3] = premultiplied[..., :3] * premultiplied[..., 3:] // 255
    write("premultiplied.tiff", tiff({**base, 258: [8] * 4, 277: 4, 338: 1},
                                     [premultiplied.astype(numpy.uint8).tobytes()]))
    grey = numpy.asarray(IMAGE.convert("L"))
    four = numpy.pad(grey >> 4, ((0, 0), (0, 1)))
    four = (four[:, ::2] << 4 | four[:, 1::2]).astype(numpy.uint8)
    one = {256: WIDTH, 257: HEIGHT, 259: 1, 277: 1, 278: HEIGHT}
    write("white_is_zero4.tiff", tiff({**one, 258: 4, 262: 0}, [four.tobytes()]))
    write("white_is_zero.tiff", tiff({**one, 258: 8, 262: 0}, [grey.tobytes()]))


def pnms():
    save("rgb.ppm", IMAGE)
    save("grey.pgm", IMAGE.convert("L"))
    save("bilevel.pbm", IMAGE.convert("1"))
    small = RGB[:6, :9]
    text = lambda values: " ".join(map(str, values.reshape(-1).tolist())).encode()
    write("plain.ppm", b"P3\n# a comment\n9 6\n255\n" + text(small) + b"\n")
    write("plain.pgm", b"P2 9 6 #x\n100\n" + text(small[..., 0] * 100 // 255) + b"\n")
    write("plain.pbm", b"P1\n9 6\n" + text((small[..., 0] & 1)).replace(b" ", b"") + b"\n")
    write("maxval100.ppm", b"P6 9 6 100 " + (small.astype(int) * 100 // 255).astype(numpy.uint8).tobytes())
    write("maxval1.pgm", b"P5 9 6 1 " + (small[..., 0] & 1).tobytes())
    grey16 = (small[..., 0].astype(">u2") << 8) + small[..., 1]
    write("grey16.pgm", b"P5 9 6 65535\n" + grey16.astype(">u2").tobytes())
    write("grey1000.pgm", b"P5 9 6 1000\n" + (grey16 % 1001).astype(">u2").tobytes())
    wide = small.astype(numpy.uint16) * 256 + 255 - small
    write("rgb16.ppm", b"P6 9 6 65535\n" + wide.astype(">u2").tobytes(), small)


def tgas():
    rgba = Image.merge("RGBA", (*IMAGE.split(), ALPHA))
    kinds = {"rgb": IMAGE, "rgba": rgba, "grey": IMAGE.convert("L"), "grey_alpha": rgba.convert("LA"),
             "palette": IMAGE.quantize(64)}
    for name, image in kinds.items():
        save(f"{name}.tga", image)
        save(f"{name}_rle.tga", image, compression="tga_rle")
    plain = bytearray((HERE / "rgb.tga").read_bytes())
    for name, flags in (("topdown", 0x20), ("mirrored", 0x10), ("turned", 0x30)):
        plain[17] = flags
        write(f"{name}.tga", bytes(plain))
    five = RGB.astype(numpy.uint16) >> 3
    pixels = (five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]).astype("<u2").tobytes()
    write("rgb555.tga", struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, WIDTH, HEIGHT, 16, 0x20) + pixels)


def icos():
    rgba = Image.merge("RGBA", (*IMAGE.split(), ALPHA)).resize((48, 48))
    save("png.ico", rgba, sizes=[(16, 16), (48, 48), (32, 32)])
    save("bmp32.ico", rgba, sizes=[(16, 16), (24, 24)], bitmap_format="bmp")
    palette = IMAGE.resize((16, 16)).quantize(16)
    save("bmp8.ico", palette, sizes=[(16, 16)], bitmap_format="bmp")


def table(paths, name_of):
    lines = []
    for path in paths:
        name = name_of(path)
        if name in ours:
            rgb = numpy.ascontiguousarray(ours[name], dtype=numpy.uint8)
            height, width, _ = rgb.shape
            lines.append(f"{name} {width} {height} {zlib.crc32(rgb.tobytes()):08x} ours\n")
            continue
        try:
            image = read(path)
        except Exception as error:  # broken on purpose, or no picture
            print(f"{name}: {error}")
            continue
        lines.append(f"{name} {image.width} {image.height} {zlib.crc32(image.tobytes()):08x}\n")
    return "".join(lines)


def main():
    for make in (jpegs, pngs, webps, gifs, bmps, tiffs, pnms, tgas, icos):
        make()
    files = sorted(p for p in HERE.iterdir() if p.suffix not in (".py", ".txt"))
    (HERE / "golden.txt").write_text(table(files, lambda p: p.name))
    if len(sys.argv) > 1:
        root = pathlib.Path(sys.argv[1]) / "images"
        files = sorted(p for folder in (root, root / "formats") for p in folder.iterdir() if p.is_file())
        (HERE / "shared.txt").write_text(table(files, lambda p: str(p.relative_to(root))))


main()
