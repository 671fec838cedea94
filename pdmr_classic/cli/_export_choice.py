"""Which of its targets `export` writes, and whether the other options fit."""

from __future__ import annotations

from collections.abc import Mapping

from pdmr_classic.errors import ConfigError
from pdmr_classic.text import format_list

# What each target needs, and what it takes as well.
_NEEDED = {"--onnx": ("MODEL",), "--hub": ("MODEL",), "--pdmr": ("--out",), "--mpdd": ("--out",)}
_TAKEN = {
    "--onnx": ("--trust",),
    "--hub": ("--trust", "--evaluation", "--license"),
    "--pdmr": ("MODEL", "--data"),
    "--mpdd": ("MODEL", "--data", "--ternary", "--cutoffs"),
}


def check_choice(targets: Mapping[str, object], options: Mapping[str, object]) -> str:
    """Return the only target that is given, with all options that it needs and no others.

    Parameters
    ----------
    targets, options : mapping of str to object
        Values by the names of the options; None if not given.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> check_choice({"--onnx": "m.onnx", "--pdmr": None}, {"MODEL": "m.joblib", "--data": None})
    '--onnx'
    """
    chosen = [name for name, value in targets.items() if value is not None]
    if len(chosen) != 1:
        raise ConfigError(
            "export needs exactly one target",
            expected=" or ".join(targets),
            found=format_list(chosen) or "none",
            hint="pdmr-classic export MODEL --onnx FILE, or pdmr-classic export --pdmr RESULTS --out FILE",
        )
    target = chosen[0]
    given = [name for name, value in options.items() if value is not None]
    missing = [name for name in _NEEDED[target] if name not in given]
    if missing:
        raise ConfigError(f"export {target} needs {' and '.join(missing)}", hint="see pdmr-classic export --help")
    unused = [name for name in given if name not in (*_NEEDED[target], *_TAKEN[target])]
    if unused:
        raise ConfigError(
            f"{format_list(unused)} {'has' if len(unused) == 1 else 'have'} no effect with {target}",
            hint=f"remove {format_list(unused)}",
        )
    return target
