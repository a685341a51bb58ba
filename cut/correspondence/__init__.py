"""What the contrastive loss sees: patch embeddings of a picture and its translation (CUT, 3.2).

For every contrasted layer the output's patches are the queries and the input's the keys. The key at
the query's place is the positive, the keys elsewhere are the negatives; PatchNCE is the
cross-entropy of telling the positive apart, by cosine over temperature.
"""

from cut.correspondence.contrast import TEMPERATURE
from cut.correspondence.embedding import DRAWN, MAX_ASPECT, MAX_GRID, correspond
from cut.correspondence.layer_view import LayerView, Negatives, PlaceScores, Side, check_place
from cut.correspondence.report import correspondence_report
from cut.correspondence.view import Correspondence
from cut.patch_sizes import SIZES

__all__ = [
    "DRAWN",
    "MAX_ASPECT",
    "MAX_GRID",
    "SIZES",
    "TEMPERATURE",
    "Correspondence",
    "LayerView",
    "Negatives",
    "PlaceScores",
    "Side",
    "check_place",
    "correspond",
    "correspondence_report",
]
