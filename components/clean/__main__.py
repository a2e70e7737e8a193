"""Cleans and de-duplicates rows.

python -m components.clean --raw raw --task classification --cleaned cleaned --findings findings --report clean.html
"""

from components.clean.config import Config
from components.shared.entry import main

if __name__ == "__main__":
    main(Config, __doc__)
