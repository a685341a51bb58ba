"""How good is a model? KID, FID, SIFID and stand-ins for them that need no network.

networks that turn pictures into features   lite0, inception
distances between sets of features          distances
how sure one can be of them                 intervals
label maps, and files of them               cityscapes, label_files
what one picture kept of another            structure
what changed inside and outside of masks    change
one model, one score                        scores
which weights of a training run             weights
a page about it                             report, charts
"""

METRICS = {"kid-lite0": "KID-lite0", "kid": "KID", "fid": "FID", "sifid-lite0": "SIFID-lite0"}
"""The names of the metrics, each with the name that is shown. Less is better in each of them."""

WEIGHTS = ("last", "ema", "best")
"""Those of a run: as the last step left them; their running average then, which `train` gives out;
the average at the step that scored best, if `train --evaluate-every` looked for it."""
