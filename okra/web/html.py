"""The tree of actors for people: one table, no script, nothing unescaped."""

from __future__ import annotations

from html import escape

from okra.actors.runtime.snapshot import Snapshot

STYLE = (
    "body{font:14px system-ui,sans-serif;margin:2em}table{border-collapse:collapse}"
    "th,td{text-align:left;padding:.2em .8em;border-bottom:1px solid #ddd;vertical-align:top}"
    "td.n{text-align:right}tr.bad td{background:#fee}"
)
COLUMNS = ("actor", "class", "state", "waiting", "received", "refused", "restarts", "at work on", "last error")


def page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>{body}</html>\n"
    )


def actors_page(root: Snapshot) -> str:
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    rows = "".join(_row(node, node.path.count("/")) for node in root.walk())
    return page("Okra: actors", f"<table><tr>{head}</tr>{rows}</table>")


def _row(node: Snapshot, depth: int) -> str:
    at_work = f"{node.receiving} for {node.receiving_for:.1f} s" if node.receiving else ""
    numbers = (node.waiting, node.received, node.refused, node.restarts)
    cells = [
        f'<td style="padding-left:{0.8 + 1.5 * depth}em">{escape(node.name)}</td>',
        f"<td>{escape(node.actor)}</td>",
        f"<td>{escape(str(node.state))}</td>",
        *(f'<td class="n">{number}</td>' for number in numbers),
        f"<td>{escape(at_work)}</td>",
        f"<td>{escape(node.last_error or '')}</td>",
    ]
    bad = ' class="bad"' if node.state in ("parked", "backoff") else ""
    return f"<tr{bad}>{''.join(cells)}</tr>"


def index_page(paths: list[tuple[str, str]]) -> str:
    items = "".join(f'<li><a href="{escape(path)}">{escape(path)}</a> {escape(said)}</li>' for path, said in paths)
    return page("Okra", f"<ul>{items}</ul>")
