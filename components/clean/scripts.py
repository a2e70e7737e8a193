"""Letters of scripts that write no spaces between words, as the inside of a character class."""

from typing import Final

# Thai, Lao, Myanmar, Khmer; kana, CJK ideographs with their extensions and compatibility forms.
UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
