"""The whole of a conversion: the texts of files in, documents out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from okra.api.findings import printable
from okra.api.lint import Placed
from okra.api.meta import OKRA_GROUP
from okra.api.objects import LoadedObject, read_objects
from okra.api.parse import parse
from okra.convert import courier, courier_route53
from okra.convert.document import Document, Source, Unconvertible
from okra.convert.go_okra import GROUP, ONLY_THERE, GoObject, convert, refused
from okra.convert.go_seen import ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE, Seen
from okra.convert.hcl import Terraform, add_hcl, add_state, is_hcl, is_state
from okra.convert.references import References
from okra.errors import Invalid

_READ = (ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE)


@dataclass(slots=True)
class Conversion:
    """What became of all files."""

    documents: list[Document] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    """Objects and resources that are neither of the other tools' nor of use to them, by kind."""

    @property
    def problems(self) -> list[Placed]:
        """What a person must settle, and what is wrong with the objects that were made."""
        return [placed for document in self.documents for placed in _problems(document)] + list(self._twice())

    def _twice(self) -> Iterable[Placed]:
        first: dict[tuple[str, ...], Document] = {}
        for document in self.documents:
            if (obj := document.object) is None:
                continue
            key = (str(obj["kind"]), str(obj["metadata"].get("namespace", "default")), str(obj["metadata"]["name"]))
            if key in first:
                yield _placed(document, f"becomes {key[0]}/{key[2]}, as {first[key].source} does: rename one")
            first.setdefault(key, document)


def converted(sources: Iterable[tuple[str, str]], values: Mapping[str, str]) -> Conversion:
    """`sources`: (name of the file, text). `values`: what Terraform's references stand for, as a person gave it."""
    found = Conversion()
    terraform = Terraform()
    objects: list[tuple[str, LoadedObject]] = []
    for file, text in sources:
        if is_hcl(file, text):
            try:
                add_hcl(terraform, file, text)
            except Invalid as error:
                line, _, said = str(error).partition(":")
                found.unreadable.append(f"{file}:{line} HCL: can't be read: {said}")
        elif is_state(text):
            add_state(terraform, file, text)
        else:
            loaded, problems = read_objects(text)
            problems += [each for obj in loaded for each in obj.duplicates]
            found.unreadable += [f"{file}:{each.line} YAML: {each.message}" for each in problems]
            objects += [(file, each) for each in loaded]
    _go_okra(objects, found)
    _couriers(terraform, values, found)
    return found


def _go_okra(objects: Sequence[tuple[str, LoadedObject]], found: Conversion) -> None:
    seen = Seen.of(each.object for _, each in objects)
    for file, each in objects:
        group = each.api_version.partition("/")[0]
        if group == GROUP or (group == OKRA_GROUP and each.kind in ONLY_THERE):
            source = Source(file, each.line, each.kind, each.name)
            found.documents += convert(GoObject(source, each.object), seen)
        elif each.kind not in _READ:
            found.passed_over[f"{each.kind or '?'}{' of Okra itself' if group == OKRA_GROUP else ''}"] += 1


def _couriers(terraform: Terraform, values: Mapping[str, str], found: Conversion) -> None:
    """Of a resource that is in a file and in the state, the file's; a state by itself is converted as it is."""
    references = References(terraform, values)
    written = {(each.type, each.name) for each in terraform.resources}
    resources = [*terraform.resources, *(each for each in terraform.state if (each.type, each.name) not in written)]
    records = [each for each in resources if each.type == courier_route53.AWS_RECORD]
    for each in resources:
        try:
            if each.type == courier.ALB:
                found.documents.append(courier.alb(each, references))
            elif each.type == courier_route53.RECORD:
                found.documents.append(courier_route53.cell(each, references, records))
            elif each.line and each not in records:
                found.passed_over[each.type] += 1
        except Unconvertible as error:
            found.documents.append(refused(courier.source_of(each), error))


def _problems(document: Document) -> Iterable[Placed]:
    for problem in document.remarks.problems:
        yield _placed(document, problem.message, problem.path)
    if (obj := document.object) is not None:
        for finding in parse(dict(obj))[1]:
            yield _placed(document, f"as {finding.path} of {obj['kind']}/{obj['metadata']['name']}: {finding.message}")


def _placed(document: Document, message: str, path: str = "") -> Placed:
    source = document.source
    kind, name = printable(source.kind), printable(source.name)
    message, path = (printable(text, len(text)) for text in (message, path))
    return Placed(source.file, source.line, message, path, kind, name)
