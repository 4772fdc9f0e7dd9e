"""Average precision by pycocotools."""

import contextlib
import sys

from pycocotools.cocoeval import COCOeval

KINDS = {"box": "bbox", "mask": "segm"}


def average_precision(truth, results):
    """Over overlaps of 0.50 to 0.95, by kind."""
    if not results:
        return dict.fromkeys(KINDS, 0.0)
    figures = {}
    # pycocotools speaks on stdout, which is for what is found out.
    with contextlib.redirect_stdout(sys.stderr):
        for name, kind in KINDS.items():
            # It also writes into the results that it is given.
            evaluation = COCOeval(truth, truth.loadRes([dict(one) for one in results]), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            figures[name] = float(evaluation.stats[0])
    return figures
