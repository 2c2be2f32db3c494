"""The 64 things that the built-in models know: the name that a user sees, and the emoji that stands for it."""

CLASSES = (
    # animals
    ("cat", "🐈"), ("dog", "🐕"), ("horse", "🐎"), ("cow", "🐄"), ("pig", "🐖"), ("sheep", "🐑"),
    ("elephant", "🐘"), ("rabbit", "🐇"), ("rooster", "🐓"), ("penguin", "🐧"), ("owl", "🦉"), ("duck", "🦆"),
    ("parrot", "🦜"), ("turtle", "🐢"), ("snake", "🐍"), ("fish", "🐟"), ("octopus", "🐙"), ("crab", "🦀"),
    ("snail", "🐌"), ("butterfly", "🦋"), ("bee", "🐝"), ("ladybug", "🐞"),
    # food and plants
    ("apple", "🍎"), ("banana", "🍌"), ("grapes", "🍇"), ("strawberry", "🍓"), ("pineapple", "🍍"),
    ("watermelon", "🍉"), ("lemon", "🍋"), ("carrot", "🥕"), ("corn", "🌽"), ("mushroom", "🍄"), ("pizza", "🍕"),
    ("hamburger", "🍔"), ("ice cream", "🍦"), ("birthday cake", "🎂"), ("cactus", "🌵"), ("sunflower", "🌻"),
    ("tree", "🌳"),
    # vehicles
    ("bicycle", "🚲"), ("car", "🚗"), ("bus", "🚌"), ("locomotive", "🚂"), ("helicopter", "🚁"), ("rocket", "🚀"),
    ("sailboat", "⛵"),
    # things
    ("umbrella", "☂"), ("alarm clock", "⏰"), ("key", "🔑"), ("scissors", "✂"), ("hammer", "🔨"), ("guitar", "🎸"),
    ("trumpet", "🎺"), ("drum", "🥁"), ("book", "📕"), ("light bulb", "💡"), ("camera", "📷"), ("laptop", "💻"),
    ("soccer ball", "⚽"), ("basketball", "🏀"), ("house", "🏠"), ("balloon", "🎈"), ("crown", "👑"),
    ("running shoe", "👟"),
)
NAMES = tuple(name for name, _ in CLASSES)
assert len(set(NAMES)) == len(set(emoji for _, emoji in CLASSES)) == 64
