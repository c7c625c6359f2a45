"""Writes the YAML that the daemons read: mappings, lists and scalars, in block style."""


def dump(value, indent=0):
    pad = "  " * indent
    if isinstance(value, dict):
        return "".join(_entry(f"{pad}{key}:", item, indent) for key, item in value.items())
    if isinstance(value, list):
        return "".join(_element(pad, item, indent) for item in value)
    return f"{pad}{scalar(value)}\n"


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(scalar(item) for item in value) + "]"
    return str(value)


def _is_block(value):
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _entry(head, value, indent):
    if _is_block(value):
        return f"{head}\n{dump(value, indent + 1)}"
    return f"{head} {scalar(value)}\n"


def _element(pad, value, indent):
    if _is_block(value):
        return f"{pad}- {dump(value, indent + 1).lstrip()}"
    return f"{pad}- {scalar(value)}\n"
