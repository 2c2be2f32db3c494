"""What the models of ../shared answer to its pictures, from MODELS.md there.

The numbers come from a reference interpreter that is exact to the integer, on pictures resized by Pillow; they are
rounded to 0.01. TensorFlow Lite's kernels differ from it by a few steps of 1/256.
"""

# Photo: class and label of mobilenet_v1, then the probability by mobilenet_v1, mobilenet_v2 and tf2_mobilenet_v2. Only
# photos whose answer MODELS.md calls firm. Where tf2_mobilenet_v2 has another best class it stands in TF2_OTHER.
FIRM_PHOTOS = {
    "cat.bmp": (286, "Egyptian cat", 0.81, 0.80, 0.62),
    "cat_720p.jpg": (286, "Egyptian cat", 0.78, 0.82, 0.57),
    "cat_1080p.jpg": (286, "Egyptian cat", 0.79, 0.84, 0.61),
    "grace_hopper.bmp": (653, "military uniform", 0.87, 0.93, 0.70),
    "hot_dog.jpg": (935, "hotdog", 0.51, 0.90, 0.39),
    "parrot.jpg": (89, "macaw", 1.00, 1.00, 0.92),
    "sunflower.bmp": (986, "daisy", 0.85, 0.99, 0.94),
    "bird_segmentation.bmp": (22, "kite", 0.55, 0.85, 0.76),
    "resized_cat.bmp": (286, "Egyptian cat", 0.81, 0.81, 0.63),
    "grace_hopper_517x606.bmp": (653, "military uniform", 0.85, 0.93, 0.75),
    "grace_hopper_224.jpg": (653, "military uniform", 0.86, 0.90, 0.63),
    "burger.jpg": (934, "cheeseburger", 1.00, 0.98, 0.81),
    "burger-224.png": (934, "cheeseburger", 1.00, 0.96, 0.79),
    "burger_rotation180.jpg": (934, "cheeseburger", 0.97, 0.90, 0.46),
    "chelsea.png": (286, "Egyptian cat", 0.95, 0.83, 0.77),
    "coffee.png": (968, "espresso", 1.00, 0.98, 0.83),
    "camera.png": (873, "tripod", 0.99, 0.99, 0.94),
    "exif_Portrait_6.jpg": (975, "geyser", 0.94, 0.71, None),
    "hopper_16bit.pgm": (653, "military uniform", 0.56, 0.58, None),
    "peacock.progressive.jpeg": (85, "peacock", 0.90, 0.98, 0.71),
}
TF2_OTHER = {"exif_Portrait_6.jpg": (563, "fountain", 0.40), "hopper_16bit.pgm": (401, "academic gown", 0.30)}

# images/formats, all the same cat: the probability of 286 Egyptian cat by mobilenet_v1.
FORMATS = {
    "chelsea_baseline_444.jpg": 0.94,
    "chelsea_progressive_420.jpg": 0.93,
    "chelsea_gray.jpg": 0.98,
    "chelsea_cmyk.jpg": 0.95,
    "chelsea_exif_orientation_2.jpg": 0.95,
    "chelsea_exif_orientation_3.jpg": 0.93,
    "chelsea_exif_orientation_4.jpg": 0.95,
    "chelsea_exif_orientation_5.jpg": 0.93,
    "chelsea_exif_orientation_6.jpg": 0.94,
    "chelsea_exif_orientation_7.jpg": 0.94,
    "chelsea_exif_orientation_8.jpg": 0.95,
    "chelsea_rgb16.png": 0.95,
    "chelsea_rgb8_interlaced.png": 0.95,
    "chelsea_rgba_opaque.png": 0.95,
    "chelsea_rgba_vignette.png": 0.95,
    "chelsea_gray16.png": 0.98,
    "chelsea_gray_alpha.png": 0.98,
    "chelsea_palette8.png": 0.95,
    "chelsea_palette8_trns_interlaced.png": 0.95,
    "chelsea_palette4.png": 0.85,
    "chelsea_static.gif": 0.95,
    "chelsea_animated.gif": 0.95,
    "chelsea_lossy.webp": 0.94,
    "chelsea_lossless.webp": 0.95,
    "chelsea_lossless_alpha.webp": 0.95,
    "chelsea_raw.tiff": 0.95,
    "chelsea_lzw.tiff": 0.95,
    "chelsea_rgb24.bmp": 0.95,
    "chelsea_palette8.bmp": 0.95,
    "chelsea_jpeg_in_tiff.tiff": 0.95,
    "chelsea_deflate.tiff": 0.95,
    "chelsea_rgb32_topdown.bmp": 0.95,
    "chelsea_rgb.ppm": 0.95,
    "chelsea_rgb.tga": 0.95,
    "chelsea_icon.ico": 0.95,
    "chelsea_animated.webp": 0.95,
    "chelsea_wrong_extension.png": 0.95,
}
# Answer what they may: two grey levels are too few, and the other one ends too early.
FORMATS_WITHOUT_FIRM_ANSWER = {"chelsea_bilevel.png", "chelsea_truncated_90pct.jpg"}

# The best two classes: (class, label, probability). Labels as in the list that the test serves the model with.
CLASSIFIERS = {
    "mobilenet_v1_0.25_128_quant": {
        "cat.bmp": ((286, "Egyptian cat", 0.12), (283, "tiger cat", 0.11)),
        "grace_hopper.bmp": ((401, "academic gown", 0.35), (668, "mortarboard", 0.11)),
        "parrot.jpg": ((89, "macaw", 0.75), (91, "lorikeet", 0.06)),
        "coffee.png": ((968, "espresso", 0.81), (817, "spindle", 0.03)),
        "burger.jpg": ((934, "cheeseburger", 0.95), (932, "bagel", 0.01)),
        "camera.png": ((873, "tripod", 0.36), (448, "binoculars", 0.21)),
    },
    "mobilenet_v1_0.25_224_quant": {
        "cat.bmp": ((286, "Egyptian cat", 0.45), (282, "tabby", 0.25)),
        "grace_hopper.bmp": ((835, "suit", 0.19), (653, "military uniform", 0.14)),
        "parrot.jpg": ((89, "macaw", 0.86), (91, "lorikeet", 0.07)),
        "coffee.png": ((634, "loupe", 0.12), (529, "dial telephone", 0.09)),
        "burger.jpg": ((934, "cheeseburger", 0.97), (924, "plate", 0.00)),
        "camera.png": ((873, "tripod", 0.84), (524, "crutch", 0.06)),
    },
    "mobilenet_v1_0.25_224_1_default_1_float32": {
        "cat.bmp": ((286, "Egyptian cat", 0.49), (282, "tabby", 0.20)),
        "grace_hopper.bmp": ((835, "suit", 0.23), (653, "military uniform", 0.16)),
        "parrot.jpg": ((89, "macaw", 0.94), (91, "lorikeet", 0.03)),
        "coffee.png": ((968, "espresso", 0.12), (634, "loupe", 0.10)),
        "burger.jpg": ((934, "cheeseburger", 0.99), (948, "mushroom", 0.00)),
        "camera.png": ((873, "tripod", 0.83), (524, "crutch", 0.03)),
    },
    "mobilenet_edgetpu_0.75_224_post_training_quant": {
        "cat.bmp": ((286, "Egyptian cat", 0.32), (282, "tabby", 0.27)),
        "grace_hopper.bmp": ((653, "military uniform", 0.67), (440, "bearskin", 0.01)),
        "parrot.jpg": ((89, "macaw", 0.94), (93, "bee eater", 0.03)),
        "coffee.png": ((968, "espresso", 0.91), (969, "cup", 0.01)),
        "burger.jpg": ((934, "cheeseburger", 0.98), (932, "bagel", 0.01)),
        "camera.png": ((873, "tripod", 0.96), (448, "binoculars", 0.01)),
    },
    "mobilenet_v3_small_hybrid_int8_weights": {
        "cat.bmp": ((285, "Egyptian cat", 0.42), (282, "tiger cat", 0.31)),
        "grace_hopper.bmp": ((652, "military uniform", 0.81), (752, "racket, racquet", 0.03)),
        "parrot.jpg": ((88, "macaw", 0.82), (92, "bee eater", 0.09)),
        "coffee.png": ((967, "espresso", 0.92), (968, "cup", 0.03)),
        "burger.jpg": ((933, "cheeseburger", 0.70), (931, "bagel, beigel", 0.27)),
        "camera.png": ((872, "tripod", 0.97), (523, "crutch", 0.01)),
    },
    "pretrainedResnet_quant": {
        "cat.bmp": ((3, "cat", 0.92), (5, "dog", 0.08)),
        "chelsea.png": ((3, "cat", 1.00),),
        "sunflower.bmp": ((2, "bird", 1.00),),
        "parrot.jpg": ((2, "bird", 0.46), (8, "ship", 0.27)),
        "horse.png": ((7, "horse", 1.00),),
    },
}

# label, probability, (x_min, y_min, x_max, y_max) in pixels of the upright picture, everything at or over 0.5. The
# reference does not cut boxes at the picture's edge; gantry does.
DETECTORS = {
    "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29": {
        "cat.bmp": [("cat", 0.72, (47, 45, 363, 333))],
        "grace_hopper.bmp": [
            ("person", 0.71, (-5, 33, 519, 591)),
            ("tie", 0.66, (224, 424, 289, 541)),
            ("tie", 0.57, (232, 434, 281, 524)),
        ],
        "pets.jpg": [("dog", 0.82, (122, 49, 251, 291)), ("dog", 0.74, (343, 163, 495, 367))],
        "kite_and_cold.jpg": [
            ("person", 0.76, (68, 517, 92, 558)),
            ("person", 0.66, (25, 523, 47, 559)),
            ("kite", 0.64, (598, 74, 668, 140)),
            ("kite", 0.63, (281, 236, 306, 284)),
            ("person", 0.57, (1074, 389, 1099, 416)),
            ("person", 0.55, (132, 535, 153, 565)),
            ("person", 0.55, (222, 701, 276, 841)),
            ("kite", 0.54, (575, 342, 598, 361)),
        ],
        "squat.bmp": [("person", 0.82, (102, 132, 368, 600))],
        "hot_dog.jpg": [("hot dog", 0.66, (127, 87, 486, 230)), ("dining table", 0.54, (12, 20, 505, 362))],
        "cats_and_dogs.jpg": [
            ("cat", 0.66, (51, 398, 444, 594)),
            ("cat", 0.62, (600, 158, 1032, 604)),
            ("cat", 0.54, (262, 396, 438, 602)),
            ("dog", 0.50, (76, 231, 670, 606)),
        ],
        "coffee.png": [("cup", 0.79, (167, 19, 424, 316)), ("dining table", 0.60, (14, 6, 583, 385))],
        "chelsea.png": [("cat", 0.63, (0, 0, 415, 298))],
        "progressive_cat.jpg": [("cat", 0.73, (33, 41, 174, 228)), ("cat", 0.54, (96, 45, 174, 223))],
    },
    "ssdlite_mobiledet_dog_vs_cat": {
        "cat.bmp": [("cat", 0.98, (194, 26, 351, 219))],
        "chelsea.png": [("cat", 0.88, (3, -1, 445, 296))],
        "pets.jpg": [("dog", 0.57, (120, 71, 475, 302))],
        "cats_and_dogs.jpg": [("cat", 0.89, (678, 157, 903, 361))],
    },
}
PICTURE_SIZES = {
    "cat.bmp": (512, 341), "grace_hopper.bmp": (512, 600), "pets.jpg": (512, 430), "kite_and_cold.jpg": (1352, 900),
    "squat.bmp": (500, 610), "hot_dog.jpg": (512, 384), "cats_and_dogs.jpg": (1200, 600), "coffee.png": (600, 400),
    "chelsea.png": (451, 300), "progressive_cat.jpg": (320, 240),
}
