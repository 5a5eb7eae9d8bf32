"""The template language lets nothing out, and nothing through that would stop the sender."""

import resource
import time

import pytest
from jinja2.exceptions import TemplateSyntaxError

from campaigns.templates.errors import TemplateFailure
from campaigns.templates.sandbox import HTML, TEXT, Lenient, plain_data, run

DATA = {
    "customer": {"first_name": "Anna", "attributes": Lenient({"tags": ["a", "b"], "deep": {"x": 1}})},
    "orders": {"count": 3, "total": 10.5},
    "brand": {"name": "Lantern"},
}

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ customer.__class__ }}",
    "{{ customer.__init__.__globals__ }}",
    "{{ customer['__class__'] }}",
    "{{ customer|attr('__class__') }}",
    "{{ ()|attr('__class__') }}",
    "{{ [].__class__.__base__ }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ self.__init__ }}",
    "{{ config }}",
    "{{ request.application.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ lipsum() }}",
    "{{ dict() }}",
    "{{ dict(a=1) }}",
    "{{ cycler('a') }}",
    "{{ namespace() }}",
    "{{ url_for.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ range.__class__ }}",
    "{{ range(3).__class__ }}",
    "{{ range.__self__ }}",
    "{{ customer.items() }}",
    "{{ customer.keys() }}",
    "{{ customer.pop('first_name') }}",
    "{{ customer.update({'a': 1}) }}",
    "{{ customer.attributes.tags.append(1) }}",
    "{{ customer.first_name.format(customer) }}",
    "{{ '{0.__class__}'.format(customer) }}",
    "{{ '{0.__class__}'.format_map(customer) }}",
    "{{ '%s' % customer }}",
    "{{ customer.first_name.encode() }}",
    "{{ customer.first_name.join(['a']) }}",
    "{{ customer.first_name.__format__('') }}",
    "{{ customer.first_name['__class__'] }}",
    "{{ customer.first_name.upper() }}",
    "{{ customer|map(attribute='__class__')|list }}",
    "{{ [customer]|map('attr', '__class__')|list }}",
    "{{ [1]|groupby('__class__') }}",
    "{{ [1]|sort(attribute='__class__') }}",
    "{{ [1]|sum(attribute='__class__') }}",
    "{{ [1]|select('callable') }}",
    "{{ customer|xmlattr }}",
    "{{ customer|tojson }}",
    "{{ customer|pprint }}",
    "{{ '<b>'|safe }}",
    "{{ customer is callable }}",
    "{{ customer.attributes.deep.__getitem__('x') }}",
    "{{ loop.__class__ }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in [1] %}{{ loop.cycle('a') }}{% endfor %}",
    "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% macro m() %}{{ caller }}{% endmacro %}{{ m.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m() }}",
    "{% call(x) m() %}{% endcall %}",
    "{% import 'os' as os %}",
    "{% from 'os' import popen %}",
    "{% include '/etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{% block a %}{% endblock %}",
    "{% set x = ''.__class__ %}{{ x }}",
    "{% set ns = namespace(a=1) %}{% set ns.a = 2 %}",
    "{% set _budget = 1 %}",
    "{{ _budget }}",
    "{{ _budget.left }}",
    "{{ [1]|_each(1) }}",
    "{% filter upper %}{{ ''.__class__ }}{% endfilter %}",
    "{% set x %}{{ ''.__class__ }}{% endset %}",
    "{% with a = ''.__class__ %}{{ a }}{% endwith %}",
    "{% autoescape false %}{{ customer.first_name }}{% endautoescape %}",
    "{% do customer.clear() %}",
    "{% debug %}",
    "{{ customer[customer.first_name] }}",
    "{{ customer['first_name'[0:2]] }}",
    "{{ (1).__class__ }}",
    "{{ 1.0.real }}",
    "{{ none.__class__ }}",
    "{{ true.__class__.__base__.__subclasses__ }}",
    "{{ undefined_name.__class__ }}",
    "{{ brand.name.__class__.__name__ }}",
    "{{ customer.attributes.__class__ }}",
    "{{ customer.attributes.get('x') }}",
]


def _outcome(sandbox_source: str) -> str:
    results = []
    for sandbox in (HTML, TEXT):
        try:
            template = sandbox.compile_checked(sandbox_source)
            results.append(run(template, plain_data(DATA), path="t/x", limit=100_000))
        except (TemplateSyntaxError, TemplateFailure):
            results.append("")
    return "".join(results)


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_escapes(source: str) -> None:
    assert _outcome(source).strip() == ""


def test_there_are_enough_escapes() -> None:
    assert len(set(ESCAPES)) >= 60


BOMBS = {
    "nested ranges": "{% for a in range(1000) %}" * 3 + "x" + "{% endfor %}" * 3,
    "silent loops": "{% for a in range(1000) %}" * 2 + "{% set y = a|upper %}" * 20 + "{% endfor %}" * 2,
    "long range": "{% for a in range(1000000000) %}x{% endfor %}",
    "loop of text": "{% for a in customer.first_name %}{% endfor %}",
    "repeat": "{{ 'a' * 1000000000 }}",
    "repeat a list": "{{ [1] * 1000000000 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "products": "{% set x = 999999999999 %}" + "{% set x = x * x %}" * 200 + "{{ x }}",
    "doubling": "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x + x %}" * 60 + "{{ x }}",
    "doubling by ~": "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x ~ x %}" * 60,
    "doubling lists": "{% set x = [1,1,1,1] %}" + "{% set x = x + x %}" * 60,
    "replacing": "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x|replace('a', 'aaaaaaaa') %}" * 60,
    "joining": "{% set x = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}" + "{% set x = [x,x,x,x,x,x,x,x]|join(x) %}" * 60,
    "wide format": "{{ '%1000000000d' % 1 }}",
    "wide format method": "{{ '{:>1000000000}'.format(1) }}",
    "centring": "{{ 'a'|center(1000000000) }}",
    "indenting": "{{ 'a'|indent(1000000000) }}",
    "lorem": "{{ lipsum(n=100000) }}",
    "batch": "{{ [1]|batch(1000000000, 1)|list }}",
    "deep parentheses": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "deep lists": "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "deep ifs": "{% if 1 %}" * 900 + "{% endif %}" * 900,
    "long sum": "{{ " + "+".join(["1"] * 50_000) + " }}",
    "many tokens": "{{ 1 }}" * 50_000,
    "long source": "x" * 2_000_000,
    "big number": "{{ " + "9" * 5000 + " }}",
    "output": "{% for a in range(1000) %}" + "x" * 2000 + "{% endfor %}",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_stopped(source: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = []
    for _ in range(3):  # the best of three: now and then the collector walks a whole run's objects
        started = time.thread_time()
        with pytest.raises((TemplateSyntaxError, TemplateFailure)):
            run(HTML.compile_checked(source), plain_data(DATA), path="t/x", limit=512_000)
        taken.append(time.thread_time() - started)
    assert min(taken) < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 * 1024


def test_what_marketers_write_works() -> None:
    source = (
        "{% if orders.count > 2 and customer.first_name is defined %}{{ customer.first_name | default('there', true) }}"
        "{% else %}no{% endif %} {{ orders.total * 2 }} {{ (orders.count + 1) // 2 }} {{ customer.attributes.colour }}|"
        "{% for tag in customer.attributes.tags %}{{ loop.index }}{{ tag | upper }}"
        "{{ ', ' if not loop.last }}{% endfor %}"
    )
    assert _outcome(source) == "Anna 21.0 2 |1A, 2B" * 2


def test_values_are_escaped_in_html_only() -> None:
    data = plain_data({"customer": {"first_name": "<script>&'\""}})
    assert "<" not in run(HTML.compile_checked("{{ customer.first_name }}"), data, path="t", limit=99)
    assert run(TEXT.compile_checked("{{ customer.first_name }}"), data, path="t", limit=99) == "<script>&'\""


def test_objects_are_refused() -> None:
    with pytest.raises(TypeError):
        plain_data({"customer": object()})
    with pytest.raises(TypeError):
        plain_data({"customer": {"x": lambda: 1}})
