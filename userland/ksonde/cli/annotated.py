# SPDX-License-Identifier: GPL-2.0-only
"""Annotated parameters for every typer: before 0.9 (Debian 12 has 0.7) it knows them as defaults only."""

from __future__ import annotations

import inspect
from copy import copy
from typing import TYPE_CHECKING, Any, Callable, get_args, get_type_hints

from typer.models import OptionInfo, ParameterInfo

if TYPE_CHECKING:
    import typer


def explain(app: typer.Typer) -> None:
    """Give the functions of an app signatures that say the same without Annotated."""
    for registered in (*app.registered_commands, app.registered_callback):
        if registered is not None and registered.callback is not None:
            _explain(registered.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            explain(group.typer_instance)


def _explain(function: Callable[..., Any]) -> None:
    hints = get_type_hints(function, include_extras=True)
    signature = inspect.signature(function)
    parameters = [_as_default(one, hints[name]) for name, one in signature.parameters.items()]
    function.__dict__["__signature__"] = signature.replace(parameters=parameters)


def _as_default(parameter: inspect.Parameter, hint: Any) -> inspect.Parameter:
    kind, *extras = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
    infos = [copy(extra) for extra in extras if isinstance(extra, ParameterInfo)]
    if not infos:
        return parameter.replace(annotation=kind)
    (info,) = infos
    if isinstance(info, OptionInfo) and info.default is not ...:
        # Within Annotated the first word is a name, as a default it would be the value.
        info.param_decls = (str(info.default), *(info.param_decls or ()))
    info.default = ... if parameter.default is parameter.empty else parameter.default
    return parameter.replace(annotation=kind, default=info)
