"""Finding cases by name, and importing them under the names their classes are saved with."""

import ast
import importlib
import importlib.machinery
import importlib.util
import pkgutil
import sys

from ckptcell.cases.base import Unsupported

__all__ = ["imports", "index", "load_case", "require"]

_PACKAGE = "ckptcell.cases"


def _names(source):
    """Values of ``name`` in the classes of ``source``, read without running it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for statement in tree.body:
        if not isinstance(statement, ast.ClassDef):
            continue
        for line in statement.body:
            if not isinstance(line, ast.Assign):
                continue
            if any(getattr(target, "id", None) == "name" for target in line.targets):
                try:
                    value = ast.literal_eval(line.value)
                except ValueError:
                    continue
                if isinstance(value, str) and value:
                    yield value


def _shipped():
    """Module name and source of each shipped file of cases, in a folder or in a zip alike."""
    package = importlib.import_module(_PACKAGE)
    for info in pkgutil.iter_modules(package.__path__):
        module = "{}.{}".format(_PACKAGE, info.name)
        yield module, pkgutil.get_data(_PACKAGE, info.name + ".py") or b""


def index(user_files):
    """Which module has which case, without importing any.

    Args:
        user_files: Module name → path of the user's files.

    Returns:
        Case name → module name. A user's file that this Python cannot parse has no entry; its
        cases are then looked for in it, so that the error is seen where it belongs.
    """
    found: dict = {}
    for module, source in _shipped():
        for name in _names(source):
            found.setdefault(name, module)
    for module, path in user_files.items():
        try:
            with open(path, "rb") as file:
                source = file.read()
        except OSError:
            continue
        for name in _names(source):
            found.setdefault(name, module)
    return found


def imports():
    """What shipped files of cases want imported once for all their cases.

    A file says so in ``IMPORTS``, a literal: modules that take seconds to import, which its cases
    import whatever they do.

    Returns:
        Module name of the file → names of modules.
    """
    return {module: wanted for module, source in _shipped() for wanted in _wanted(source)}


def _wanted(source):
    for statement in ast.parse(source).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        if any(getattr(target, "id", None) == "IMPORTS" for target in targets):
            yield ast.literal_eval(statement.value)


def _import(module, user_files):
    if module in sys.modules or module not in user_files:
        return importlib.import_module(module)
    loader = importlib.machinery.SourceFileLoader(module, user_files[module])
    spec = importlib.machinery.ModuleSpec(module, loader, origin=loader.path)
    spec.has_location = True
    found = importlib.util.module_from_spec(spec)
    # Registered under this name before it runs: a class of an unregistered module cannot be saved.
    sys.modules[module] = found
    cached = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # its folder is the input, which is not to be written to
    try:
        loader.exec_module(found)
    except BaseException:
        del sys.modules[module]
        raise
    finally:
        sys.dont_write_bytecode = cached
    return found


def load_case(name, module, user_files):
    """The class of a case.

    Args:
        name: The case's name.
        module: Where :func:`index` found it, or None: then every user's file is looked through.
        user_files: Module name → path of the user's files.

    Returns:
        The class.

    Raises:
        ckptcell.cases.base.Unsupported: No module has such a case.
        BaseException: Whatever importing the module raised.
    """
    modules = [module] if module is not None else sorted(user_files)
    for candidate in modules:
        for value in list(vars(_import(candidate, user_files)).values()):
            if isinstance(value, type) and vars(value).get("name") == name:
                return value
    msg = "no case {!r} in this cell program or its files".format(name)
    raise Unsupported(msg)


def require(dotted):
    """Resolve names such as ``torch.float8_e4m3fn`` or ``safetensors.torch.load_file``.

    Attributes win over modules, so that nothing is imported that is there already.

    Args:
        dotted: Dotted names.

    Raises:
        ckptcell.cases.base.Unsupported: The first that is missing.
    """
    for name in dotted:
        parts = name.split(".")
        reached = ""
        found = None
        for part in parts:
            reached = "{}.{}".format(reached, part) if reached else part
            if found is not None and hasattr(found, part):
                found = getattr(found, part)
                continue
            try:
                found = importlib.import_module(reached)
            except ImportError as error:
                missing = error.name or ""
                if reached == missing or reached.startswith(missing + "."):
                    msg = "{} is missing here".format(name)
                    raise Unsupported(msg) from None
                raise
