"""Sources of the methods, cited by key, and listed in the order of their first citation."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SOURCES = {
    "baltrusaitis2018": "Baltrušaitis T, Zadeh A, Lim YC, Morency L-P. OpenFace 2.0: facial behavior analysis toolkit. "
    "IEEE International Conference on Automatic Face and Gesture Recognition, 2018.",
    "arandjelovic2016": "Arandjelović R, Gronat P, Torii A, Pajdla T, Sivic J. NetVLAD: CNN architecture for weakly "
    "supervised place recognition. CVPR, 2016.",
    "pedregosa2011": "Pedregosa F, et al. Scikit-learn: machine learning in Python. Journal of Machine Learning "
    "Research 12:2825-2830, 2011.",
    "ke2017": "Ke G, et al. LightGBM: a highly efficient gradient boosting decision tree. NeurIPS, 2017.",
    "chen2016": "Chen T, Guestrin C. XGBoost: a scalable tree boosting system. KDD, 2016.",
    "cortes1995": "Cortes C, Vapnik V. Support-vector networks. Machine Learning 20:273-297, 1995.",
    "geurts2006": "Geurts P, Ernst D, Wehenkel L. Extremely randomized trees. Machine Learning 63:3-42, 2006.",
    "hoerl1970": "Hoerl AE, Kennard RW. Ridge regression: biased estimation for nonorthogonal problems. Technometrics "
    "12:55-67, 1970.",
    "akiba2019": "Akiba T, Sano S, Yanase T, Ohta T, Koyama M. Optuna: a next-generation hyperparameter optimization "
    "framework. KDD, 2019.",
    "wolpert1992": "Wolpert DH. Stacked generalization. Neural Networks 5:241-259, 1992.",
    "platt1999": "Platt J. Probabilistic outputs for support vector machines and comparisons to regularized likelihood "
    "methods. Advances in Large Margin Classifiers, MIT Press, 1999.",
    "varma2006": "Varma S, Simon R. Bias in error estimation when using cross-validation for model selection. BMC "
    "Bioinformatics 7:91, 2006.",
    "nadeau2003": "Nadeau C, Bengio Y. Inference for the generalization error. Machine Learning 52:239-281, 2003.",
    "vovk2005": "Vovk V, Gammerman A, Shafer G. Algorithmic learning in a random world. Springer, 2005.",
    "solomonoff2005": "Solomonoff A, Campbell WM, Boardman I. Advances in channel compensation for SVM speaker "
    "recognition. ICASSP, 2005.",
    "hotelling1936": "Hotelling H. Relations between two sets of variates. Biometrika 28:321-377, 1936.",
    "breiman2001": "Breiman L. Random forests. Machine Learning 45:5-32, 2001.",
    "kroenke2009": "Kroenke K, Strine TW, Spitzer RL, Williams JBW, Berry JT, Mokdad AH. The PHQ-8 as a measure of "
    "current depression in the general population. Journal of Affective Disorders 114:163-173, 2009.",
    "collins2024": "Collins GS, et al. TRIPOD+AI statement: updated guidance for reporting clinical prediction models "
    "that use regression or machine learning methods. BMJ 385:e078378, 2024.",
}
_CITATION = re.compile(r"\[@([a-z0-9,@]+)\]")


def number_citations(text: str) -> tuple[str, list[str]]:
    """Replace citations such as `[@ke2017,@chen2016]` by numbers.

    Returns
    -------
    str
        The text with `[1, 2]` and so on.
    list of str
        The sources, in the order of their first citation.

    Examples
    --------
    >>> text, sources = number_citations("Boosting [@ke2017] and stacking [@wolpert1992,@ke2017].")
    >>> text, len(sources)
    ('Boosting [1] and stacking [2, 1].', 2)
    """
    keys = list(dict.fromkeys(key for match in _CITATION.findall(text) for key in _split(match)))
    numbers = {key: number for number, key in enumerate(keys, start=1)}
    numbered = _CITATION.sub(lambda match: f"[{', '.join(str(numbers[key]) for key in _split(match[1]))}]", text)
    return numbered, [_SOURCES[key] for key in keys]


def _split(keys: str) -> Iterable[str]:
    return [key.removeprefix("@") for key in keys.split(",")]
