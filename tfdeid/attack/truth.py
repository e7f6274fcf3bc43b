"""The originals, and what is measured against them. Nothing else knows them but what counts the linkers' hits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Attacker, Image, Recovery
from tfdeid.attack.case import Case
from tfdeid.attack.checks import check_array, check_numbers
from tfdeid.attack.cleaning import clean_all
from tfdeid.attack.comparing import keyless
from tfdeid.attack.figures import JUDGE, Estimate, Findings, LinkageFigures, RecoveryFigures
from tfdeid.attack.warp import true_warps, warps_positions
from tfdeid.errors import DeidError
from tfdeid.image import resize
from tfdeid.parallel import parallel_map
from tfdeid.ssim import ssim

# Records that pictures show: drawn ones, and of each attacker the best and the worst.
_SHOWN = 4

FAILURES = (DeidError, ArithmeticError, MemoryError, np.linalg.LinAlgError)
"""What an attacker can't help: others go on."""

Judge = Callable[[Image], npt.NDArray[np.intp]]
"""Predicts the class of each of uint8[N, S, S, C]: a network trained on plain images."""


class Truth:
    """The originals, and what is measured against them."""

    def __init__(self, case: Case, judge: Judge | None):
        view, config = case.view, case.view.config
        self._case, self._labels = case, np.asarray(case.labels, np.intp)
        self._known = np.flatnonzero(self._labels >= 0)
        self._judge, self._failed = judge if len(self._known) else None, dict[str, str]()
        self._originals = np.stack([resize(image, view.records.shape[1]) for image in case.sources])
        # Asked before the work: it may be somebody else's, and fail.
        self._traced, self._leaks = config.scheme_class.traces, config.scheme_class.leaks(config)
        ceiling = keyless(config, case.originals)
        cleaned = clean_all(ceiling) if self._traced else ceiling
        self.ceiling, self.ceiling_cleaned = (Estimate.of(self._ssim(images)) for images in (ceiling, cleaned))
        self.published = Estimate.of(self._ssim(view.records))
        # Before the attackers, so that a judge that is none costs no minutes.
        self.plain_accuracy = self._accuracy(self._originals)
        self._warps = true_warps(config, case.key, view.ids) if case.key and warps_positions(config) else None
        drawn = np.random.RandomState(view.seed).choice(len(view.records), min(_SHOWN, len(view.records)), replace=False)
        self._sample = sorted(map(int, drawn))

    def figures(self, attacker: Attacker, recovery: Recovery, seconds: float, used: int) -> RecoveryFigures:
        """Returns an attacker's figures.

        Args:
          attacker: whose they are.
          recovery: what it gave back.
          seconds: how long it took.
          used: how many pairs, chosen images or records it looked at.

        Raises:
          DeidError: what it gave back is no image of each record, or what follows from it is no number.
        """
        check_array("images", recovery.images, self._case.view.records.shape, "u")
        each = self._ssim(recovery.images)
        order = [int(number) for number in np.argsort(each)]
        best, worst = order[::-1][:_SHOWN], order[:_SHOWN]
        decibels = parallel_map(psnr, recovery.images, self._originals)
        for what, values in (("SSIM", each), ("PSNR", decibels)):
            check_numbers(what, np.asarray(values))
        return RecoveryFigures(
            attacker=attacker.name,
            knows=attacker.knows,
            about=attacker.about,
            ssim=Estimate.of(each),
            psnr=Estimate.of(decibels),
            gap_closed=self._gap_closed(each, self.ceiling),
            gap_closed_cleaned=self._gap_closed(each, self.ceiling_cleaned),
            table_error=self._table_error(recovery),
            accuracy=self._accuracy(recovery.images),
            seconds=seconds,
            used=used,
            note=recovery.note,
            ssim_of_each=each,
            best=best,
            worst=worst,
            examples={number: recovery.images[number] for number in {*self._sample, *best, *worst}},
            trained=attacker.trains,
            changes_records=attacker.changes_records,
            column=attacker.column,
        )

    def findings(
        self,
        recoveries: list[RecoveryFigures],
        linkages: list[LinkageFigures],
        skipped: dict[str, str],
        failed: dict[str, str],
    ) -> Findings:
        """Returns all that an attack came to, of what each attacker and linker did."""
        case, view = self._case, self._case.view
        shown = sorted({number for figures in recoveries for number in figures.examples})
        known = self._labels[self._known]
        return Findings(
            about=case.about,
            reference=case.reference,
            images=len(view.records),
            public_images=len(view.public),
            published=self.published,
            ceiling=self.ceiling,
            ceiling_cleaned=self.ceiling_cleaned,
            plain_accuracy=self.plain_accuracy,
            chance_accuracy=float(np.bincount(known).max() / len(known)) if len(known) else None,
            recoveries=recoveries,
            linkages=linkages,
            skipped=skipped,
            sample=self._sample,
            originals={number: self._originals[number] for number in shown},
            records={number: view.records[number] for number in shown},
            failed={**failed, **self._failed},
            traced=self._traced,
            leaks=self._leaks,
            unlabelled=len(self._labels) - len(known),
            unlabelled_public=sum(label < 0 for label in view.public_labels),
        )

    def _ssim(self, images: Image) -> npt.NDArray[np.float64]:
        return np.array(parallel_map(ssim, images, self._originals))

    def _gap_closed(self, each: npt.NDArray[np.float64], ceiling: Estimate) -> float:
        gap = ceiling.mean - self.published.mean
        return float((each.mean() - self.published.mean) / gap) if gap > 0 else float("nan")

    def _accuracy(self, images: Image) -> Estimate | None:
        """Returns how often the judge names the class of those whose class is known; None if it can't."""
        if self._judge is None:
            return None
        try:
            classes = np.asarray(self._judge(images[self._known]))
            check_array("classes", classes, self._known.shape, "iu")
        except FAILURES as error:
            self._judge, self._failed[JUDGE] = None, str(error)
            return None
        return Estimate.of_share(classes == self._labels[self._known])

    def _table_error(self, recovery: Recovery) -> float | None:
        true, guesses = self._warps, recovery.warps
        if true is None or guesses is None:
            return None
        if len(guesses) != len(true):
            raise DeidError(f"there must be a warp for each of {len(true):,} records, there were {len(guesses):,}.")
        config = self._case.view.config
        errors = np.array([guess.error(warp, config) for guess, warp in zip(guesses, true, strict=True)])
        check_numbers("the error of its table", errors)
        return float(errors.mean())


def psnr(a: Image, b: Image) -> float:
    """Returns the peak signal-to-noise ratio of two images uint8[H, W, C], in dB; 100 for equal ones."""
    error = np.mean(np.square(a.astype(np.float32) - b))
    return float(min(100.0, 10 * np.log10(255**2 / max(error, 1e-12))))
