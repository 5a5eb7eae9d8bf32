"""Files of every shape: encodings, delimiters, headers in three languages, broken rows under their true numbers."""

import json

import pytest

from storage.imports import ImportOptions, UnmappedColumns, UnreadableFile, guess_columns, inspect
from storage.imports.sources import BrokenRow, SourceOptions, open_source

PEOPLE = "Код клиента;Имя;Город\n1;Анна;Москва\n2;Пётр;Казань\n"


def cells(path, **options):
    return [row for _, row in open_source(path, SourceOptions(**options)).rows()]


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
     ("utf-16-be", "utf-16-be"), ("cp1251", "cp1251")],
)  # fmt: skip
def test_encodings_are_detected(tmp_path, encoding, named):
    path = tmp_path / "people.csv"
    path.write_bytes(PEOPLE.encode(encoding))
    source = open_source(path, SourceOptions())
    assert source.description == f"{named}, semicolon separated"
    assert source.headers == ["Код клиента", "Имя", "Город"]
    assert [row for _, row in source.rows()] == [["1", "Анна", "Москва"], ["2", "Пётр", "Казань"]]


def test_an_encoding_can_be_told(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes("id,name\n1,Zoé\n".encode("latin-1"))
    assert cells(path, encoding="latin-1") == [["1", "Zoé"]]
    with pytest.raises(UnreadableFile, match="'klingon' is not an encoding"):
        open_source(path, SourceOptions(encoding="klingon"))


def test_a_few_wrong_bytes_do_not_mangle_the_others(tmp_path):
    path = tmp_path / "people.csv"
    rows = [f"{number},Анна\n".encode() for number in range(30)]
    rows[7] = b"7,\xc3(\n"
    path.write_bytes(b"id,name\n" + b"".join(rows))
    found = list(open_source(path, SourceOptions()).rows())
    assert found[0] == (2, ["0", "Анна"])
    line, broken = found[7]
    assert (line, isinstance(broken, BrokenRow)) == (9, True)
    assert "bytes that are no characters" in broken.reason


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_detected(tmp_path, delimiter):
    path = tmp_path / "data.csv"
    path.write_text(
        delimiter.join(["id", "name", "note"]) + "\n" + delimiter.join(["1", "Anna", '"a, b; c | d"']) + "\n"
    )
    assert cells(path) == [["1", "Anna", "a, b; c | d"]]


def test_the_spreadsheets_sep_line_is_obeyed(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("sep=;\nid;a,b\n1;2,3\n")
    assert list(open_source(path, SourceOptions()).rows()) == [(3, ["1", "2,3"])]


def test_lines_are_counted_through_quoted_line_ends_and_blank_lines(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b'\nid,note\r\n1,"one\r\ntwo\r\nthree"\r\n\r\n2,plain\r\n')
    rows = list(open_source(path, SourceOptions()).rows())
    assert rows == [(3, ["1", "one\r\ntwo\r\nthree"]), (7, ["2", "plain"])]


def test_a_quote_that_is_never_closed_costs_only_its_line(tmp_path):
    path = tmp_path / "data.csv"
    lines = ["id,note", "1,fine", '2,"never closed', *(f"{number},fine" for number in range(3, 3000))]
    path.write_text("\n".join(lines) + "\n")
    rows = list(open_source(path, SourceOptions()).rows())
    broken = [(line, row.reason) for line, row in rows if isinstance(row, BrokenRow)]
    assert broken == [(3, 'a quotation mark (") is opened and not closed')]
    assert rows[2] == (4, ["3", "fine"])
    assert len(rows) == 2999


def test_json_lines_give_their_values_and_their_strange_keys(tmp_path):
    path = tmp_path / "people.jsonl"
    known = [json.dumps({"id": number, "points": 1.5, "tags": ["a"]}) for number in range(1001)]
    path.write_text("\n".join([*known, "not json", "[1]", '{"id": 9, "late": true}']))
    source = open_source(path, SourceOptions())
    rows = list(source.rows())
    assert source.headers == ["id", "points", "tags", "(other keys)"]
    assert rows[0] == (1, [0, 1.5, ["a"], None])
    assert [(line, row.reason.split(":")[0]) for line, row in rows[1001:1003]] == [
        (1002, "not JSON"), (1003, "not a JSON object")]  # fmt: skip
    assert rows[-1] == (1004, [9, None, None, {"late": True}])


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "people.parquet"
    parquet.write_table(pyarrow.table({"id": [1, 2], "score": [0.5, float("nan")]}), path)
    assert list(open_source(path, SourceOptions()).rows()) == [(1, [1, 0.5]), (2, [2, None])]
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UnreadableFile, match="not a Parquet file"):
        open_source(path, SourceOptions())


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("absent.csv", None, "no such file"), ("empty.csv", b"", "the file is empty"),
     ("blank.csv", b"\n\n", "no header line"), ("x.jsonl", b"1\n", "no line of the file is a JSON object")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=reason) as caught:
        open_source(tmp_path / name, SourceOptions())
    assert name in str(caught.value)


HEADERS = {
    "en": ["Customer ID", "first_name", "Last Name", "E-mail", "Mobile", "WhatsApp", "Telegram ID", "Language",
           "Time-zone", "Country", "City", "Gender", "Date of birth", "Marketing consent"],
    "ru": ["Код клиента", "Имя", "Фамилия", "Эл. почта", "Телефон", "Ватсап", "Телеграм", "Язык",
           "Часовой пояс", "Страна", "Город", "Пол", "Дата рождения", "Согласие на рассылку"],
    "fa": ["شناسه مشتری", "نام", "نام خانوادگی", "ايميل", "شماره موبایل", "واتس‌اپ", "تلگرام", "زبان",
           "منطقه زمانی", "كشور", "شهر", "جنسیت", "تاریخ تولد", "رضایت"],
}  # fmt: skip
FIELDS = ["external_id", "first_name", "last_name", "email", "phone", "whatsapp", "telegram", "locale", "zone",
          "country", "city", "gender", "birthday", "consent_marketing"]  # fmt: skip


@pytest.mark.parametrize("language", HEADERS)
def test_headers_of_customers_in_three_languages(language):
    columns = guess_columns("customers", HEADERS[language])
    assert [column.field for column in columns.columns] == FIELDS


@pytest.mark.parametrize(
    "headers",
    [["Order number", "Client", "Order date", "Total, EUR"], ["Номер заказа", "Клиент", "Дата заказа", "Сумма (руб.)"],
     ["شماره سفارش", "مشتری", "تاریخ سفارش", "مبلغ (ریال)"]],
)  # fmt: skip
def test_headers_of_events_in_three_languages(headers):
    columns = guess_columns("events", headers)
    assert [column.field for column in columns.columns] == ["external_id", "customer", "at", "amount"]
    assert columns.currency in ("EUR", "RUB", "IRR")


def test_what_is_no_field_becomes_an_attribute_of_its_kind():
    sample = [["1", "05", "12", "true", "x"], ["2", "10115", "", "false", "y"]]
    columns = guess_columns("customers", ["id", "Zip", "Points", "VIP", "Note"], sample=sample, text=["points"])
    assert [(column.field, column.kind) for column in columns.columns[1:]] == [
        ("attributes.Zip", "text"), ("attributes.Points", "text"), ("attributes.VIP", "boolean"),
        ("attributes.Note", "text")]  # fmt: skip
    assert guess_columns("customers", ["id", "Points"], sample=[["1", "5"]]).columns[1].kind == "number"


def test_what_is_told_goes_before_the_guess():
    told = {"email": "Login", "attributes.old_mail": "email"}
    columns = guess_columns("customers", ["id", "email", "Login", "junk"], told=told, ignore=["junk"])
    assert [column.field for column in columns.columns] == ["external_id", "attributes.old_mail", "email", ""]


@pytest.mark.parametrize(
    ("told", "reason"),
    [({"emial": "Login"}, "'emial' is not a field of customers"), ({"email": "Lgin"}, "has no column 'Lgin'"),
     ({"email": "Login", "phone": "login"}, "mapped twice")],
)  # fmt: skip
def test_a_wrong_mapping_says_what_is_wrong(told, reason):
    with pytest.raises(UnmappedColumns, match=reason):
        guess_columns("customers", ["id", "Login"], told=told)


async def test_inspecting_writes_nothing(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("id,email\n1,a@example.org\n")
    seen = await inspect(path, "customers", ImportOptions())
    assert seen.columns.index("email") == 1
    assert list(tmp_path.iterdir()) == [path]
