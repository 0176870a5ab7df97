"""The rules of the policies: selectors that have two forms, and templates. Each says what the models say.

The API server stops an expression that costs too much, and refuses the object: at about 200 kB of templated queries.
"""

from __future__ import annotations

from okra.api.crd_policy import PlaceRule
from okra.api.variables import PATTERN, VARIABLES

_WORD = r"[^ \t\r\n\f,()=!<>]+"
_GAP = r"[ \t\r\n\f]*"
_PART = (
    rf"{_GAP}(!?{_GAP}{_WORD}|{_WORD}{_GAP}(==|=|!=){_GAP}({_WORD})?"
    rf"|{_WORD}[ \t\r\n\f]+(in|notin){_GAP}\({_GAP}{_WORD}{_GAP}(,{_GAP}{_WORD}{_GAP})*\)){_GAP}"
)
SELECTOR_TEXT = f"^{_PART}(,{_PART})*$"
"""What `Selector.parse` reads, as a regular expression."""


def _key(value: str) -> str:
    return f"size({value}) <= 317 && {value}.matches(r'^{_WORD}$')"


def _string(value: str) -> str:
    """`string()` because CEL doesn't know that it is one, and sizes are of strings, lists and maps."""
    return f"type({value}) == string && size(string({value})) <= 256"


def _tags(value: str) -> str:
    entries = f"{value}.all(key, {_key('key')} && {_string(f'{value}[key]')})"
    return f"type({value}) == map && size({value}) <= 50 && {entries}"


_VALUES = f"type(one.values) == list && size(one.values) <= 64 && one.values.all(value, {_string('value')})"
_EXPRESSION = (
    "type(one) == map && one.all(key, key in ['key', 'operator', 'values'])"
    f" && 'key' in one && type(one.key) == string && {_key('one.key')}"
    " && 'operator' in one && one.operator in ['In', 'NotIn', 'Exists', 'DoesNotExist']"
    f" && (!('values' in one) || ({_VALUES}))"
    " && (one.operator in ['In', 'NotIn']) == ('values' in one && size(one.values) > 0)"
)
_EXPRESSIONS = (
    "type(each.is.matchExpressions) == list && size(each.is.matchExpressions) <= 32"
    f" && each.is.matchExpressions.all(one, {_EXPRESSION})"
)
_SELECTOR_MAP = (
    "type(each.is) != map || (each.is.all(key, key in ['matchLabels', 'matchExpressions'])"
    f" && (!('matchLabels' in each.is) || ({_tags('each.is.matchLabels')}))"
    f" && (!('matchExpressions' in each.is) || ({_EXPRESSIONS})))"
)
SELECTORS = (
    PlaceRule(
        "selectors", "type(each.is) == string || type(each.is) == map", "must be a selector such as app=api, or a map"
    ),
    PlaceRule(
        "selectors",
        f"type(each.is) != string || (size(each.is) <= 1024 && each.is.matches(r'{SELECTOR_TEXT}'))",
        "is no selector: write key=value, key!=value, key in (a,b), key notin (a,b), key or !key, with commas between",
    ),
    PlaceRule(
        "selectors",
        _SELECTOR_MAP,
        "is no selector: matchLabels holds strings; matchExpressions holds key, operator (In, NotIn, Exists,"
        " DoesNotExist) and, for In and NotIn, values",
    ),
    PlaceRule(
        "selectors",
        "type(each.is) != map || ('matchLabels' in each.is && size(each.is.matchLabels) > 0)"
        " || ('matchExpressions' in each.is && size(each.is.matchExpressions) > 0)",
        "matches everything: name at least one label in matchLabels or matchExpressions",
    ),
)
_SELECTED = (
    "variables.clusters.filter(one, has(one.labels)"
    " && each.is.all(key, key in one.labels && one.labels[key] == each.is[key])).size()"
)
_ALIKE = "variables.applications.filter(one, has(one.argocd) && one.argocd.clusterSecret == each.is.clusterSecret)"
_SAME_SET = (
    "has(one.argocd.applicationSet.name) && has(each.is.applicationSet.name)"
    " && one.argocd.applicationSet.name == each.is.applicationSet.name"
)
_DELETES = "has(one.argocd.updateStrategy) && one.argocd.updateStrategy.type == 'DeleteBeforeCreate'"
CLUSTERS = (
    PlaceRule(
        "eks",
        "some.exists_one(other, other.is == each.is)",
        "is the EKS cluster of another entry too: remove one, or name another in eks.clusterName",
    ),
    PlaceRule(
        "routed",
        f"{_SELECTED} < 5",
        "matches 5 clusters or more, and beside alb at most 4: a forward action holds 5 target groups, and one place is"
        " needed to replace them",
    ),
    PlaceRule(
        "published",
        f"[{_ALIKE}].all(alike, size(alike) < 2 || alike.all(one, {_SAME_SET} && !({_DELETES})))",
        "is that of another application too, and each would be deployed to the clusters of both: give each its own"
        " labels",
    ),
)
SETS = (PlaceRule("sets", "has(each.is.name) != has(each.is.selector)", "needs exactly one of name and selector"),)
TARGET_GROUPS = (
    PlaceRule(
        "targetGroups",
        "[has(each.is.arn), has(each.is.arnFromLabel), has(each.is.targetgroupBindingSelector)]"
        ".exists_one(given, given)",
        "needs exactly one of arn, arnFromLabel, targetgroupBindingSelector",
    ),
    PlaceRule(
        "fixedTargetGroups",
        f"{_SELECTED} < 2",
        "doesn't work when clusterSelector matches two or more clusters: use arnFromLabel or"
        " targetgroupBindingSelector",
    ),
)

PLAIN_LABEL = "!(key in ['matchLabels', 'matchEKSTags'])"
"""A key of clusterSelector that is a label and no way to select."""
_WAYS = (
    f"each.is.exists(key, {PLAIN_LABEL}), has(each.is.matchLabels) && size(each.is.matchLabels) > 0,"
    " has(each.is.matchEKSTags) && size(each.is.matchEKSTags) > 0"
)
CLUSTER_SELECTORS = (
    PlaceRule(
        "plainLabels",
        _string("each.is"),
        "must be a string of at most 256 characters (is it a misspelt matchLabels or matchEKSTags?)",
    ),
    PlaceRule(
        "clusterSelectors",
        f"[{_WAYS}].exists(way, way)",
        "matches everything: name at least one label, or remove clusterSelector",
    ),
    PlaceRule(
        "clusterSelectors",
        f"[{_WAYS}].filter(way, way).size() < 2",
        "mixes plain labels, matchLabels and matchEKSTags: use one of them",
    ),
)

_KNOWN = f"holds a {{{{ that begins no known variable: write {{{{.Vars.NAME}}}}, known are {', '.join(VARIABLES)}"


def _template(value: str) -> str:
    return f"(!{value}.contains('{{{{') || {value}.matches(r'{PATTERN}'))"


_METRIC = (
    f"(!has(one.expression) || {_template('one.expression')})"
    " && (!has(one.metric) || !has(one.metric.dimensions)"
    f" || one.metric.dimensions.all(key, {_template('one.metric.dimensions[key]')}))"
)
_WEB = "!has(each.is.provider) || !has(each.is.provider.web)"
_HEADERS = f"{_WEB} || !has(each.is.provider.web.headers) || each.is.provider.web.headers.all(key, "
ANALYSES = (
    PlaceRule("analyses", f"!has(each.is.query) || {_template('each.is.query')}", _KNOWN, ".query"),
    PlaceRule("analyses", f"{_WEB} || {_template('each.is.provider.web.url')}", _KNOWN, ".provider.web.url"),
    PlaceRule(
        "analyses",
        f"{_WEB} || !has(each.is.provider.web.body) || {_template('each.is.provider.web.body')}",
        _KNOWN,
        ".provider.web.body",
    ),
    PlaceRule(
        "analyses", _HEADERS + _template("each.is.provider.web.headers[key]") + ")", _KNOWN, ".provider.web.headers"
    ),
    PlaceRule(
        "analyses",
        _HEADERS + r"each.is.provider.web.headers[key].matches(r'^[^\r\n\x00]*$'))",
        "hold a value that is more than one line",
        ".provider.web.headers",
    ),
    PlaceRule(
        "analyses",
        "!has(each.is.provider) || !has(each.is.provider.cloudWatch)"
        f" || each.is.provider.cloudWatch.metrics.all(one, {_METRIC})",
        "in an expression or a value of dimensions " + _KNOWN,
        ".provider.cloudWatch.metrics",
    ),
)
TARGET_GROUP_SETS = (
    PlaceRule(
        "specs",
        "!has(each.is.targetgroupBindingSelector) || !has(each.is.template) || !has(each.is.template.spec)",
        "has no use beside targetgroupBindingSelector, which finds target groups that exist: remove one",
        ".template.spec",
    ),
    PlaceRule(
        "specs",
        "has(each.is.targetgroupBindingSelector) || (has(each.is.template) && has(each.is.template.spec))",
        "is required (to create target groups), or targetgroupBindingSelector",
        ".template.spec",
    ),
)
