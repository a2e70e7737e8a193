r"""Splits rows into train, validation and test without leakage.

python -m components.split --cleaned cleaned --findings findings --task classification \
    --splits splits --card card --report split.html
"""

from components.shared.entry import main
from components.split.config import Config

if __name__ == "__main__":
    main(Config, __doc__)
