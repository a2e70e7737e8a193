"""Measures a model on the test split.

python -m components.evaluate --model model --data data --card card --task classification --report report.html ...
"""

from components.evaluate.config import Config
from components.shared.entry import main

if __name__ == "__main__":
    main(Config, __doc__)
